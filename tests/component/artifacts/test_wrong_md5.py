"""A record's sha256 is that of its bytes and its md5 is not: published as it is, and named."""

import json
from dataclasses import replace

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream.packages import Package, hotfixed, package

SMALL = package("small")
LARGE = package("large", padding_bytes=1 << 21)
WRONG = "0" * 32


def lie(one: Package) -> Package:
    return hotfixed(one, md5=WRONG)


def fact(one: Package) -> str:
    name = f"{one.subdir}/{one.filename}"
    return f"{name} has md5 {one.record['md5']}, its record says {WRONG}"


def synced(syncer: Syncer, *listed: Package) -> list[str]:
    """The warnings of a sync."""
    syncer.upstream.channel("conda-forge").publish(*listed)
    result = syncer.channel()
    assert (result.status, result.failures) == ("success", [])
    publish(syncer.volumes)
    return result.warnings


def test_a_small_artifact_is_named_as_it_comes_and_is_published(syncer: Syncer) -> None:
    (warning,) = synced(syncer, lie(SMALL), package("other"))
    assert fact(SMALL) in warning
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact(SMALL.subdir, SMALL.filename)
    assert row is not None and json.loads(row.record)["md5"] == WRONG
    assert broken_promises(syncer.volumes) == []
    assert syncer.channel().warnings == []
    assert fact(SMALL) in syncer.command("status").out


def test_verify_names_it_and_leaves_the_bytes_where_they_are(syncer: Syncer) -> None:
    assert synced(syncer, lie(LARGE), package("other")) == []  # to hash it twice is not cheap
    before = syncer.volumes.served()
    assert fact(LARGE) not in syncer.command("status").out

    answer = syncer.command("verify")

    assert answer.code == 3, answer
    assert f"conda-forge/{fact(LARGE)}; the sha256 is right" in answer.out
    assert "none damaged" in answer.out
    assert syncer.volumes.served() == before == syncer.volumes.committed()
    assert not (syncer.volumes.mirror_dir / "quarantine/conda-forge").exists()
    assert fact(LARGE) in syncer.command("status").out
    syncer.upstream.reset_log()
    assert syncer.channel().unchanged
    assert syncer.upstream.count("*.conda") == 0


def test_the_nightly_scrub_names_it_too(syncer: Syncer) -> None:
    synced(syncer, lie(LARGE))
    report = syncer.verify(rolling=True, SCRUB_DAYS="1")
    assert (report.wrong_md5, report.exit_code) == ([f"conda-forge/{fact(LARGE)}"], 3)
    assert (report.damaged, report.repair) == ([], None)


@pytest.mark.parametrize("again", [SMALL, hotfixed(SMALL, md5=None)], ids=["right", "none"])
def test_it_is_over_when_upstream_mends_the_record(syncer: Syncer, again: Package) -> None:
    synced(syncer, lie(SMALL))
    assert synced(syncer, again) == []
    with syncer.volumes.ledger() as ledger:
        assert ledger.wrong_md5() == []
    assert syncer.verify().exit_code == 0


def test_other_bytes_are_still_no_artifact(syncer: Syncer) -> None:
    """Beside a sha256 the md5 says nothing of them."""
    other = replace(SMALL, data=bytes(len(SMALL.data)))
    syncer.upstream.channel("conda-forge").publish(other)
    result = syncer.channel()
    assert result.failed == 1
    assert "sha256" in result.failures[0].reason
