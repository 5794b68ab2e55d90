"""An index that can't be trusted changes nothing, and the message says what to do."""

import pytest
import zstandard

from syncer.sync.session import Options
from tests.support.mirror.answer import Answer
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, snapshot
from tests.support.upstream import faults
from tests.support.upstream.channel import older
from tests.support.upstream.faults import Fault
from tests.support.upstream.packages import package

MANY = [package(f"p{number}") for number in range(12)]
INDEX = "*/linux-64/repodata.json.zst"


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    """After a first sync of twelve packages, with something new at upstream."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    assert syncer.run().status == "success"
    channel.publish(package("new"))
    syncer.upstream.reset_log()
    return syncer


def untouched(syncer: Syncer) -> dict[str, tuple[int, int, str]]:
    return snapshot(syncer.volumes.mirror_dir, syncer.volumes.state_dir / "channels")


def fails(syncer: Syncer, *words: str, code: int = 1, **environment: str) -> Answer:
    """A sync that changes nothing on the volumes and says all these words."""
    before = untouched(syncer)
    answer = syncer.command("--once", **environment)
    assert answer.code == code, answer
    for word in words:
        assert word in answer.out, answer
    assert "Traceback" not in answer.err
    assert untouched(syncer) == before
    return answer


def heals(syncer: Syncer) -> None:
    syncer.upstream.heal()
    assert syncer.run().status == "success"
    assert "linux-64/new-1.0-0.conda" in syncer.volumes.committed()
    assert broken_promises(syncer.volumes) == []


ZST = zstandard.ZstdCompressor().compress


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.truncated(0.5, times=None), ("was cut",)),
        (faults.chunked_cut(0.5, times=None), ("was cut",)),
        (faults.early_close(times=None), ("can't be reached",)),
        (faults.status(500, times=None), ("answered 500",)),
        (faults.status(401, times=None), ("answered 401",)),
        (faults.redirect_loop(), ("redirects without end",)),
        (faults.replaced_body(b"", times=None), ("linux-64.index", "stays as it is")),
        (faults.replaced_body(b"<html>", times=None), ("linux-64.index", "stays as it is")),
        (faults.replaced_body(ZST(b""), times=None), ("stays as it is",)),
        (faults.replaced_body(ZST(b"{}"), times=None), ("12 of 12", "Nothing was changed")),
        (faults.replaced_body(ZST(b"[]"), times=None), ("not repodata", "linux-64")),
        (faults.replaced_body(ZST(b"<html>portal</html>"), times=None), ("not repodata",)),
        (faults.replaced_body(ZST(b'{"packages": {}')[:-3], times=None), ("stays as it is",)),
        (faults.replaced_body(ZST(b'{"packages": []}'), times=None), ("not repodata",)),
        (faults.replaced_body(ZST(b'{"a":' * 99_999), times=None), ("not repodata",)),
        (faults.replaced_body(ZST(b'{"info":{"\xff":1}}'), times=None), ("not repodata",)),
    ],
)  # fmt: skip
def test_an_index_that_is_not_one_changes_nothing(
    synced: Syncer, fault: Fault, words: tuple[str, ...]
) -> None:
    synced.upstream.channel("conda-forge").variants = {"zst"}
    synced.upstream.script(INDEX, fault)
    answer = fails(synced, "conda-forge: failed", *words)
    assert synced.upstream.count("*.conda") == 0
    assert len(answer.out) < 1000
    heals(synced)


@pytest.mark.parametrize(
    "fault",
    [faults.truncated(0.5), faults.reset(), faults.status(503, retry_after=0)],
    ids=lambda fault: fault.name,
)
def test_an_index_fault_that_heals_is_not_seen(synced: Syncer, fault: Fault) -> None:
    synced.upstream.script(INDEX, fault)
    assert synced.run().status == "success"
    assert "linux-64/new-1.0-0.conda" in synced.volumes.committed()


def test_a_wrong_channel_name_is_named_with_the_address(syncer: Syncer) -> None:
    answer = syncer.command("--once", CHANNELS="conda-forgery")
    assert answer.code == 1
    assert "'conda-forgery'" in answer.out and "spelt right" in answer.out
    assert f"{syncer.upstream.url}/conda-forgery has none of linux-64, noarch" in answer.out
    assert list((syncer.volumes.mirror_dir / "channels").iterdir()) == []


def test_an_upstream_that_is_down_is_named(synced: Syncer) -> None:
    nowhere = "http://127.0.0.1:9"
    fails(synced, nowhere, "can't be reached", CONDA_CLOUD_URL=nowhere)
    heals(synced)


def test_an_upstream_that_went_down_keeps_a_whole_run_from_hanging(synced: Syncer) -> None:
    synced.upstream.script("*", faults.stall(60, times=None))
    fails(synced, "does not answer", SYNC_TIMEOUT_SECONDS="1", SYNC_TRIES="1")


def test_an_empty_channel_trips_the_wipe_guard(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    with channel.editing():
        for name in list(channel.records("linux-64")):
            channel.remove("linux-64", name)
    fails(synced, "conda-forge/linux-64", "12 of 12", "WIPE_GUARD_PERCENT", "--allow-wipe")
    fails(synced, "12 of 12")  # the refused index is not remembered as good
    answer = synced.command("--once", "--allow-wipe", "other")
    assert answer.code == 2 and "--allow-wipe other: not mirrored" in answer.err
    answer = synced.command("--once", "--allow-wipe", "conda-forge", "--json")
    assert answer.code == 0
    assert answer.document["channels"][0]["retired"] == 12
    assert len(synced.volumes.served()) == 12  # still there, for the grace period


def test_a_guard_of_one_channel_does_not_hold_back_the_others(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    for made in MANY[:6]:
        channel.remove("linux-64", made.filename)
    synced.upstream.channel("other").publish(package("x"))
    run = synced.run(CHANNELS="conda-forge other")
    assert [one.status for one in run.channels] == ["success", "success"]  # six may always go
    for made in MANY[6:]:
        channel.remove("linux-64", made.filename)
    channel.remove("linux-64", "new-1.0-0.conda")
    synced.upstream.channel("other").publish(package("y"))
    run = synced.run(CHANNELS="conda-forge other")
    assert [one.status for one in run.channels] == ["failed", "success"]
    assert run.status == "partial"
    run = synced.run(CHANNELS="conda-forge", options=Options(allow_wipe={"conda-forge"}))
    assert run.status == "success"


def test_an_index_that_goes_back_in_time_is_rejected(synced: Syncer) -> None:
    path = "conda-forge/linux-64/repodata.json.zst"
    old = faults.stale(synced.upstream.resource(path), times=None)
    synced.upstream.channel("conda-forge").publish(package("newer"))
    assert synced.run().status == "success"
    synced.upstream.script(f"/{path}", old)
    fails(synced, "older than", "stale")
    synced.upstream.heal()
    assert synced.run().status == "success"
    assert "linux-64/newer-1.0-0.conda" in synced.volumes.committed()


def test_the_same_index_with_an_older_date_is_the_same_index(synced: Syncer) -> None:
    """Upstream's hosts rarely agree on the time of a file."""
    assert synced.run().status == "success"
    path = "conda-forge/linux-64/repodata.json.zst"
    resource = synced.upstream.resource(path)
    from dataclasses import replace

    synced.upstream.script(
        f"/{path}", faults.stale(older(replace(resource, etag='"x"')), times=None)
    )
    result = synced.channel()
    assert (result.status, result.unchanged) == ("success", True)


@pytest.mark.parametrize("variants", [{"json"}, {"bz2"}, {"zst"}, {"json", "bz2"}])
def test_any_variant_will_do(syncer: Syncer, variants: set[str]) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.variants = variants
    channel.publish(*MANY)
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == len(MANY)
    with syncer.upstream.recording() as seen:
        assert syncer.channel().unchanged
    assert [one.status for one in seen] == [304, 304]


def test_a_variant_that_vanishes_is_replaced_by_another(synced: Syncer) -> None:
    synced.upstream.channel("conda-forge").variants = {"json"}
    heals(synced)


def test_a_subdir_that_vanishes_takes_nothing_with_it(synced: Syncer) -> None:
    synced.upstream.script("*/linux-64/repodata*", faults.missing())
    fails(synced, "linux-64 is gone", "12 artifacts", "SUBDIRS")
    heals(synced)


def test_an_etag_that_lies_only_delays(synced: Syncer) -> None:
    synced.upstream.script(INDEX, faults.etag_lie(times=None))
    assert synced.channel().unchanged
    heals(synced)


def test_conditions_that_are_ignored_cost_only_the_transfer(synced: Syncer) -> None:
    assert synced.run().status == "success"
    synced.upstream.script("*", faults.conditions_ignored(times=None))
    assert synced.channel().unchanged


def test_hostile_names_are_left_out_and_write_nowhere(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    outside = synced.volumes.mirror_dir.parent
    names = [
        "../x-1-0.conda",
        "../../../../../../../../tmp/escaped-1-0.conda",
        "/tmp/escaped-1-0.conda",
        "a\0b-1-0.conda",
        "\u202egnp-1-0.conda",
        "\x1b[31mred-1-0.conda",
        "line\nbreak-1-0.conda",
        ".hidden-1-0.conda",
        "..",
        "",
        "repodata.json",
    ]
    for name in names:
        channel.put_record("linux-64", name, MANY[0].record, section="packages.conda")
    before = sorted(str(path) for path in outside.glob("*"))
    answer = synced.command("--once")
    assert answer.code == 3
    assert answer.out.count("left out:") == len(names)
    assert "\x1b" not in answer.out and "\0" not in answer.out and "\u202e" not in answer.out
    assert sorted(str(path) for path in outside.glob("*")) == before
    assert not any(one.path.endswith("escaped-1-0.conda") for one in synced.upstream.log)
    assert "linux-64/new-1.0-0.conda" in synced.volumes.committed()
    assert len(synced.volumes.committed()) == len(MANY) + 1


def test_a_remembered_index_that_is_damaged_is_fetched_again(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    channel.drop_artifact("linux-64", "new-1.0-0.conda")
    assert synced.run().status == "partial"  # remembered, but not settled
    body = synced.volumes.state.upstream("conda-forge") / "linux-64.index.body"
    body.write_bytes(body.read_bytes()[:-100] + bytes(100))
    channel.put_artifact("noarch", "unrelated", b"")
    synced.run()
    channel.publish(package("new"))
    assert synced.run().status == "success"


def test_a_channel_comes_back_after_its_upstream_memory_is_lost(synced: Syncer) -> None:
    for path in synced.volumes.state.upstream("conda-forge").iterdir():
        path.unlink()
    with synced.upstream.recording() as seen:
        heals(synced)
    assert [one.path for one in seen if one.path.endswith(".conda")] == [
        "/conda-forge/linux-64/new-1.0-0.conda"
    ]
