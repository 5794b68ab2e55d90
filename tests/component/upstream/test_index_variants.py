"""A variant of an index that is refused, damaged or stale costs a word, and never the channel."""

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.channel import compress_zst, older
from tests.support.upstream.faults import Fault
from tests.support.upstream.packages import package

ZST = "*/linux-64/repodata.json.zst"
MANY = [package(f"p{number}") for number in range(12)]


@pytest.mark.parametrize(
    "fault",
    [
        *(faults.status(code, times=None) for code in (401, 405, 500, 501)),
        faults.replaced_body(b"", times=None),
        faults.replaced_body(compress_zst(b"[]"), times=None),
        faults.replaced_body(compress_zst(b"null"), times=None),
        faults.replaced_body(b"no zstd at all", times=None),
    ],
    ids=["401", "405", "500", "501", "empty", "list", "null", "damaged"],
)
def test_a_variant_that_is_no_use_is_named_and_another_is_read(
    syncer: Syncer, fault: Fault
) -> None:
    syncer.environment["SYNC_TRIES"] = "1"
    syncer.upstream.channel("conda-forge").publish(*MANY)
    syncer.upstream.script(ZST, fault)
    result = syncer.channel()
    assert result.status == "success"
    assert len(syncer.volumes.committed()) == len(MANY)
    assert any(
        "linux-64: repodata.json is read, because repodata.json.zst can't be" in warning
        for warning in result.warnings
    )
    with syncer.upstream.recording() as seen:
        again = syncer.channel()
    assert again.unchanged and again.warnings == []
    assert [one.status for one in seen] == [304, 304]


@pytest.mark.parametrize("variant", ["repodata.json.zst", "repodata.json.bz2"])
def test_a_stale_variant_does_not_win(syncer: Syncer, variant: str) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    path = f"conda-forge/linux-64/{variant}"
    old = faults.stale(older(syncer.upstream.resource(path)), times=None)
    channel.publish(package("new"))
    syncer.upstream.script(f"/{path}", old)
    assert syncer.run().status == "success"
    assert "linux-64/new-1.0-0.conda" in syncer.volumes.committed()


def test_an_empty_object_is_an_empty_noarch_at_a_first_sync(syncer: Syncer) -> None:
    """conda's own message tells people to write it."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    channel.variants = {"json"}
    channel.put_file("noarch/repodata.json", b"{}")
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == len(MANY)
    assert broken_promises(syncer.volumes) == []


def test_an_empty_object_where_something_is_held_is_for_the_wipe_guard(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    assert syncer.run().status == "success"
    before = syncer.volumes.committed()
    channel.variants = {"json"}
    channel.put_file("linux-64/repodata.json", b"{}")
    answer = syncer.command("--once")
    assert answer.code == 1 and "WIPE_GUARD_PERCENT" in answer.out and "12 of 12" in answer.out
    assert syncer.volumes.committed() == before


@pytest.mark.parametrize("status", [401, 500, 501])
def test_a_shard_index_that_is_refused_costs_a_word(syncer: Syncer, status: int) -> None:
    syncer.environment |= {"SYNC_TRIES": "1", "INCLUDE": "p1"}
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    channel.serves_shards = True
    syncer.upstream.script("*/repodata_shards.msgpack.zst", faults.status(status, times=None))
    result = syncer.channel()
    assert result.status == "success"
    assert f"answered {status}" in str(result.warnings)
    assert set(syncer.volumes.committed()) == {f"linux-64/{MANY[1].filename}"}
