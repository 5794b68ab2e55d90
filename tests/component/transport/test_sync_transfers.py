"""Whatever happens to a transfer: nothing wrong is committed, and what can heal heals."""

import threading
import time

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.faults import Fault
from tests.support.upstream.packages import package

GOOD = package("good")
BIG = package("big", padding_bytes=4_000_000)
BIG_PATH = f"*/{BIG.filename}"


@pytest.fixture
def both(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(GOOD, BIG)
    return syncer


def bytes_of(syncer: Syncer) -> int:
    return syncer.upstream.bytes_sent(BIG_PATH)


def parts(syncer: Syncer) -> list[str]:
    return [path.name for path in (syncer.volumes.mirror_dir / "staging").rglob("*.part")]


def heals(syncer: Syncer) -> None:
    """The next run, with a healthy upstream, makes it whole."""
    syncer.upstream.heal()
    run = syncer.run()
    assert run.status == "success", run
    assert syncer.volumes.served() == syncer.volumes.committed()
    assert len(syncer.volumes.served()) == len(
        syncer.upstream.channel("conda-forge").records("linux-64")
    )
    assert parts(syncer) == []
    assert broken_promises(syncer.volumes) == []


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated(0.6),
        faults.chunked_cut(0.6),
        faults.reset(0.6),
        faults.early_close(),
        faults.reset(),
        faults.status(500),
        faults.status(502),
        faults.status(503, retry_after=0),
        faults.status(429, retry_after=1),
        faults.status(408),
    ],
    ids=lambda fault: fault.name,
)
def test_a_fault_that_heals_is_not_seen_outside(both: Syncer, fault: Fault) -> None:
    both.upstream.script(BIG_PATH, fault)
    assert both.run().status == "success"
    assert both.volumes.served() == both.volumes.committed()
    assert both.upstream.count(BIG_PATH) == 2


def test_a_cut_transfer_goes_on_where_it_stopped(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(3_000_000))
    assert both.run().status == "success"
    first, second = both.upstream.requests(BIG_PATH)
    assert (first.range, second.status) == (None, 206)
    assert second.range is not None
    start = int(second.range.removeprefix("bytes=").rstrip("-"))
    assert 2_000_000 < start <= 3_000_000
    assert bytes_of(both) <= len(BIG.data) + 1_000_000


def test_a_cut_transfer_goes_on_in_the_next_run(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(3_000_000, times=None))
    result = both.channel(SYNC_TRIES="1")
    assert result.status == "partial"
    assert "was cut" in result.failures[0].reason
    assert BIG.filename in result.failures[0].reason
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]
    before = bytes_of(both)
    assert before == 3_000_000
    heals(both)
    assert bytes_of(both) - before <= len(BIG.data) - 2_000_000
    assert both.upstream.requests(BIG_PATH)[-1].status == 206
    assert both.upstream.count(f"*/{GOOD.filename}") == 1


@pytest.mark.parametrize(
    "answer",
    [faults.range_ignored(times=None), faults.range_refused(times=None)],
    ids=lambda fault: fault.name,
)
def test_a_server_without_ranges_sends_it_all_again(both: Syncer, answer: Fault) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(0.5), answer)
    result = both.channel(SYNC_TRIES="4")
    assert result.status == "success", result.failures
    assert both.volumes.served() == both.volumes.committed()


def test_a_part_of_other_bytes_is_noticed_and_fetched_again(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(3_000_000, times=None))
    both.run(SYNC_TRIES="1")
    (part,) = (both.volumes.mirror_dir / "staging").rglob("*.part")
    content = bytearray(part.read_bytes())
    content[1000] ^= 0xFF
    part.write_bytes(content)
    heals(both)


@pytest.mark.parametrize("size", [0, 1, "whole", "more"])
def test_any_part_that_a_crash_left_is_survived(both: Syncer, size: int | str) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(3_000_000, times=None))
    both.run(SYNC_TRIES="1")
    (part,) = (both.volumes.mirror_dir / "staging").rglob("*.part")
    length = {"whole": len(BIG.data), "more": len(BIG.data) + 5}.get(str(size), size)
    part.write_bytes(bytes(int(length)))
    heals(both)


def test_a_part_that_is_complete_is_not_asked_for(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.truncated(3_000_000, times=None))
    both.run(SYNC_TRIES="1")
    (part,) = (both.volumes.mirror_dir / "staging").rglob("*.part")
    part.write_bytes(BIG.data)
    both.upstream.reset_log()
    heals(both)
    assert both.upstream.count(BIG_PATH) == 0


@pytest.mark.parametrize(
    "fault",
    [faults.wrong_bytes(times=None), faults.replaced_body(b"<html>", times=None)],
    ids=lambda fault: fault.name,
)
def test_wrong_bytes_are_left_out_and_the_others_committed(both: Syncer, fault: Fault) -> None:
    both.upstream.script(BIG_PATH, fault)
    answer = both.command("--once", "--json")
    assert answer.code == 3
    (result,) = answer.document["channels"]
    assert (result["downloaded"], result["failed"]) == (1, 1)
    reason = result["failures"][0]["reason"]
    assert BIG.filename in reason and "instead of" in reason and "next run" in reason
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]
    assert broken_promises(both.volumes) == []
    heals(both)
    assert both.upstream.count(f"*/{GOOD.filename}") == 1


def test_an_endless_body_is_cut_off(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.replaced_body(bytes(60_000_000), times=None))
    began = time.monotonic()
    result = both.channel()
    assert result.status == "partial"
    assert "more than" in result.failures[0].reason
    assert time.monotonic() - began < 10
    staged = (both.volumes.mirror_dir / "staging").rglob("*.part")
    assert sum(path.stat().st_size for path in staged) <= len(BIG.data)
    heals(both)


def test_an_artifact_that_is_missing_is_left_out_reported_and_tried_again(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.missing())
    answer = both.command("--once")
    assert answer.code == 3
    assert f"left out: linux-64/{BIG.filename}" in answer.out
    assert "404" in answer.out
    assert "partial" in answer.out
    assert both.upstream.count(BIG_PATH) == 1  # a 404 does not heal within a run
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]
    again = both.channel()
    assert (again.status, again.unchanged, again.failed) == ("partial", False, 1)
    heals(both)
    assert both.upstream.count(f"*/{GOOD.filename}") == 1


@pytest.mark.parametrize("code", [401, 403, 404, 410, 451])
def test_a_status_that_does_not_heal_is_asked_once(both: Syncer, code: int) -> None:
    both.upstream.script(BIG_PATH, faults.status(code, times=None))
    result = both.channel(SYNC_TRIES="5")
    assert result.status == "partial"
    assert str(code) in result.failures[0].reason
    assert both.upstream.count(BIG_PATH) == 1


def test_tries_end_and_retry_after_is_honoured(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.status(503, retry_after=1, times=None))
    began = time.monotonic()
    result = both.channel(SYNC_TRIES="3")
    assert time.monotonic() - began >= 2.0
    assert result.status == "partial"
    assert "503" in result.failures[0].reason
    assert both.upstream.count(BIG_PATH) == 3
    heals(both)


def test_redirects_are_followed_and_loops_are_not(both: Syncer) -> None:
    both.upstream.put_file("cdn/big", BIG.data)
    both.upstream.script(BIG_PATH, faults.redirect("/cdn/big", times=1), faults.redirect_loop())
    assert both.run().status == "success"
    other = package("other")
    both.upstream.channel("conda-forge").publish(other)
    both.upstream.script(f"*/{other.filename}", faults.redirect_loop())
    result = both.channel()
    assert result.status == "partial"
    assert "redirects without end" in result.failures[0].reason
    assert both.upstream.count(f"*/{other.filename}") <= 12


def test_a_redirect_does_not_lead_to_the_local_disk(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.redirect("file:///etc/passwd"))
    result = both.channel()
    assert (result.status, result.failed) == ("partial", 1)
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]


def test_a_stalled_transfer_counts_as_cut(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.stall(60, after=0.5))
    began = time.monotonic()
    assert both.run(SYNC_TIMEOUT_SECONDS="1").status == "success"
    assert time.monotonic() - began < 15
    assert both.upstream.requests(BIG_PATH)[-1].status == 206


def test_a_server_that_never_answers_is_given_up(both: Syncer) -> None:
    both.upstream.script(BIG_PATH, faults.stall(60, times=None))
    began = time.monotonic()
    result = both.channel(SYNC_TIMEOUT_SECONDS="1", SYNC_TRIES="2")
    assert time.monotonic() - began < 15
    assert result.status == "partial"
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 1}, "more than"),
        ({"size": 9_999_999}, "instead of"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"size": -1}, "impossible size"),
        ({"sha256": "../../etc/passwd"}, "malformed sha256"),
    ],
    ids=str,
)
def test_a_record_that_lies_is_left_out(
    both: Syncer, change: dict[str, object], words: str
) -> None:
    upstream = both.upstream.channel("conda-forge")
    upstream.hotfix("linux-64", BIG.filename, **change)
    answer = both.command("--once", "--json")
    assert answer.code == 3
    (result,) = answer.document["channels"]
    assert result["failures"][0]["filename"] == BIG.filename
    assert words in result["failures"][0]["reason"]
    assert list(both.volumes.served()) == [f"linux-64/{GOOD.filename}"]
    upstream.hotfix("linux-64", BIG.filename, **{key: BIG.record[key] for key in change})
    heals(both)


def test_an_interrupted_first_byte_does_not_stop_the_others(both: Syncer) -> None:
    """One dead artifact among many costs its own tries only."""
    others = [package(f"o{number}") for number in range(20)]
    both.upstream.channel("conda-forge").publish(*others)
    both.upstream.script(BIG_PATH, faults.reset(times=None))
    result = both.channel()
    assert (result.downloaded, result.failed) == (21, 1)


def test_upstream_that_moves_between_index_and_artifacts_is_looked_at_again(both: Syncer) -> None:
    channel = both.upstream.channel("conda-forge")
    new = package("big", padding_bytes=3_000_000)
    moved = threading.Event()

    def move() -> None:
        if not moved.is_set():
            moved.set()
            with channel.editing():
                channel.publish(new)
                channel.remove("linux-64", GOOD.filename)
                channel.publish(package("late"))

    both.upstream.before("*/linux-64/*.conda", 1, move)
    answer = both.command("--once", "--json", SYNC_CONNECTIONS="1")
    assert answer.code == 0, answer
    assert sorted(both.volumes.committed()) == [
        f"linux-64/{BIG.filename}", "linux-64/late-1.0-0.conda",
    ]  # fmt: skip
    assert both.volumes.committed()[f"linux-64/{BIG.filename}"] == new.record["sha256"]
    assert broken_promises(both.volumes) == []


def test_an_inconsistent_upstream_does_not_keep_removed_artifacts_alive(both: Syncer) -> None:
    channel = both.upstream.channel("conda-forge")
    assert both.run().status == "success"
    channel.remove("linux-64", GOOD.filename)
    channel.publish(package("ghost"))
    channel.drop_artifact("linux-64", "ghost-1.0-0.conda")
    result = both.channel()
    assert (result.status, result.retired, result.failed) == ("partial", 1, 1)


def test_a_network_failure_retires_nothing(both: Syncer) -> None:
    channel = both.upstream.channel("conda-forge")
    assert both.run().status == "success"
    channel.remove("linux-64", GOOD.filename)
    channel.publish(package("slow"))
    both.upstream.script("*/slow-1.0-0.conda", faults.reset(times=None))
    result = both.channel()
    assert (result.status, result.retired, result.failed) == ("partial", 0, 1)
    assert f"linux-64/{GOOD.filename}" in both.volumes.committed()
    both.upstream.heal()
    assert both.channel().retired == 1


def test_credentials_in_the_address_reach_upstream_and_nobody_else(both: Syncer) -> None:
    address = both.upstream.url.replace("http://", "http://me:0pen-sesame@")
    both.upstream.script(BIG_PATH, faults.status(503, times=None), faults.missing())
    answer = both.command("--once", CONDA_CLOUD_URL=address, SYNC_TRIES="1")
    assert answer.code == 3
    wrong = both.command("--once", CONDA_CLOUD_URL=address, CHANNELS="missing")
    lying = {"CONDA_CLOUD_URL": address, "CHANNELS": "conda-forge"}
    both.upstream.heal()
    both.upstream.script(BIG_PATH, faults.wrong_bytes(times=None))
    broken = both.command("--once", "--json", **lying)
    both.upstream.script("*/repodata.json*", faults.replaced_body(b"<html>", times=None))
    both.upstream.channel("conda-forge").publish(package("x"))
    rejected = both.command("--once", **lying)
    shown = both.command("config", **lying)
    for one in (answer, wrong, broken, rejected, shown):
        assert "0pen-sesame" not in one.out + one.err
    for path in both.volumes.state_dir.rglob("*"):
        assert not path.is_file() or b"0pen-sesame" not in path.read_bytes(), path
    authorization = {one.headers.get("authorization") for one in both.upstream.log}
    assert authorization == {"Basic bWU6MHBlbi1zZXNhbWU="}
