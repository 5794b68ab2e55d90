"""The command line: exit codes, messages, locks, signals."""

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer, answer_of, wait_until
from tests.support.mirror.tree import broken_promises, publish, snapshot
from tests.support.upstream import faults
from tests.support.upstream.packages import package
from volume import locks
from volume.disk import documents

MANY = [package(f"p{number}", padding_bytes=2000) for number in range(12)]
SLOW = package("slow", padding_bytes=3_000_000)
SLOW_PATH = f"*/{SLOW.filename}"


@pytest.fixture
def slow(syncer: Syncer) -> Syncer:
    """An upstream with one artifact that stops in the middle, and sent last."""
    syncer.upstream.channel("conda-forge").publish(*MANY, SLOW)
    syncer.upstream.script(SLOW_PATH, faults.stall(120, after=2_500_000))
    return syncer


def is_downloading(syncer: Syncer, *, size: int = 2_000_000) -> bool:
    staged = (syncer.volumes.mirror_dir / "staging").rglob("slow-*.part")
    return any(path.stat().st_size >= size for path in staged)


def test_a_sync_says_what_it_will_do_and_what_it_did(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    answer = syncer.command("--once")
    assert answer.code == 0
    assert "To download: 12 artifacts" in answer.out
    assert "12 artifacts committed" in answer.out
    assert "Sync ended: success" in answer.out
    again = syncer.command("--once")
    assert (again.code, again.err) == (0, "")
    assert "nothing changed upstream" in again.out


def test_machines_read_one_json_document(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    preview = syncer.command("--once", "--dry-run", "--json")
    assert preview.code == 0
    assert preview.document["plan"][0]["new"] == 12
    answer = syncer.command("--once", "--json")
    assert answer.document["status"] == "success"
    assert answer.document["channels"][0]["plan"][0]["new"] == 12
    written = json.loads((syncer.volumes.state_dir / "sync-run.json").read_text())
    assert {**answer.document, "schema": 1} == written
    publish(syncer.volumes)
    status = syncer.command("status", "--json").document
    assert status["channels"][0]["subdirs"]["linux-64"][0] == 12
    assert status["running"] is None
    assert status["run"]["status"] == "success"
    values = syncer.command("config", "--json").document
    assert values["CHANNELS"] == "conda-forge"
    assert syncer.command("health").code == 0


def test_a_dry_run_changes_nothing(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    roots = (syncer.volumes.mirror_dir, syncer.volumes.state_dir)
    before = snapshot(*roots)
    answer = syncer.command("--once", "--dry-run")
    assert answer.code == 0, answer
    assert "12 (" in answer.out
    assert snapshot(*roots) == before
    assert syncer.upstream.count("*.conda") == 0
    assert syncer.run().status == "success"
    channel.publish(package("p1", padding_bytes=3000), package("new"))
    channel.remove("linux-64", MANY[2].filename)
    before = snapshot(*roots)
    (plan,) = [
        one
        for one in syncer.command("--once", "--dry-run", "--json").document["plan"]
        if one["subdir"] == "linux-64"
    ]
    assert (plan["new"], plan["replaced"], plan["retired"], plan["kept"]) == (1, 1, 1, 10)
    assert snapshot(*roots) == before


def test_a_dry_run_tells_what_would_stop_the_run(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    answer = syncer.command("--once", "--dry-run", MIN_FREE="9999TB")
    assert answer.code == 1
    assert "MIN_FREE" in answer.err
    assert "12 (" in answer.out
    answer = syncer.command("--once", "--dry-run", CHANNELS="missing conda-forge")
    assert answer.code == 1
    assert "'missing'" in answer.err
    assert "12 (" in answer.out


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--once"], {"CHANNEL": "x"}, ["CHANNEL is not a setting", "CHANNELS"]),
        (["--once"], {"MIN_FREE": "lots", "SUBDIRS": "x"}, ["MIN_FREE='lots'", "SUBDIRS='x'"]),
        (["--once"], {"CHANNELS": "../x"}, ["CHANNELS='../x'"]),
        (["--once"], {"CHANNELS": "pkgs/main", "CONDA_REPO_URL": ""}, ["ANACONDA_TERMS_ACCEPTED"]),
        (["status"], {"LOG_LEVEL": "loud"}, ["LOG_LEVEL='loud'"]),
        (["--onec"], {}, ["usage:"]),
        (["verify!"], {}, ["usage:"]),
        (["--dry-run"], {}, ["--dry-run goes with --once"]),
        (["--once", "status"], {}, ["exclude each other"]),
        (["--once", "--wait", "long"], {}, ["--wait"]),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_happens(
    syncer: Syncer, arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    answer = syncer.command(*arguments, **environment)
    assert answer.code == 2
    for word in words:
        assert word in answer.err
    assert "Traceback" not in answer.err
    assert syncer.upstream.log == []
    assert list(syncer.volumes.state_dir.iterdir()) == []


def test_a_second_sync_names_the_first_and_ends_with_11(slow: Syncer) -> None:
    with slow.started("--once") as first:
        wait_until(lambda: is_downloading(slow), "the first sync downloads")
        answer = slow.command("--once")
        assert answer.code == 11
        assert "sync is held by sync (" in answer.err
        assert "--once" in answer.err and "--wait" in answer.err
        answer = slow.command("--once", "--json")
        assert answer.code == 11
        assert "held by" in answer.document["error"]
        assert "held by" not in slow.command("status").err
        assert "A sync is running: sync (" in slow.command("status").out
        began = time.monotonic()
        assert slow.command("--once", "--wait", "0.5").code == 11
        assert time.monotonic() - began < 10
        first.send_signal(signal.SIGTERM)
        assert answer_of(first).code == 130


def test_a_second_sync_may_wait_for_the_first(slow: Syncer) -> None:
    with slow.started("--once") as first:
        wait_until(lambda: is_downloading(slow), "the first sync downloads")
        with slow.started("--once", "--wait", LOG_LEVEL="info") as second:
            assert second.stderr is not None
            assert "waiting for sync (" in second.stderr.readline()
            first.send_signal(signal.SIGTERM)
            assert answer_of(first).code == 130
            assert answer_of(second).code == 0
    assert len(slow.volumes.committed()) == len(MANY) + 1
    assert broken_promises(slow.volumes) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_sync_commits_what_is_complete_and_the_next_goes_on(
    slow: Syncer, number: signal.Signals
) -> None:
    with slow.started("--once", "--json", SYNC_CONNECTIONS="4") as process:
        wait_until(lambda: is_downloading(slow), "the slow download has begun")
        wait_until(lambda: slow.upstream.count("*.conda") == 13, "all others were asked for")
        began = time.monotonic()
        process.send_signal(number)
        answer = answer_of(process)
    assert time.monotonic() - began < 10
    assert answer.code == 130, answer
    assert answer.document["status"] == "stopped"
    assert "what was committed" in answer.document["error"]
    assert len(slow.volumes.committed()) >= 8  # others may still be on their way
    assert broken_promises(slow.volumes) == []
    slow.upstream.reset_log()
    assert slow.command("--once").code == 0
    assert len(slow.volumes.committed()) == len(MANY) + 1
    assert slow.upstream.requests(SLOW_PATH)[0].range is not None
    assert slow.upstream.count("*/p*.conda") == 0


def test_a_killed_sync_is_continued_and_its_run_document_says_so(slow: Syncer) -> None:
    with slow.started("--once") as process:
        wait_until(lambda: is_downloading(slow), "the slow download has begun")
        process.kill()
        process.wait(10)
    assert "was cut off" in slow.command("status").out
    assert broken_promises(slow.volumes) == []
    slow.upstream.reset_log()
    assert slow.command("--once").code == 0
    assert slow.upstream.requests(SLOW_PATH)[0].range is not None
    assert slow.upstream.bytes_sent(SLOW_PATH) < 1_500_000


def test_a_stop_is_heard_while_the_indexer_holds_the_channel(slow: Syncer) -> None:
    slow.upstream.heal()
    (slow.volumes.state_dir / "locks").mkdir()
    lock = slow.volumes.state.channel_lock("conda-forge")
    with locks.Held(lock, role="indexer"), slow.started("--once") as process:
        assert process.stderr is not None
        assert "waiting for indexer (" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert answer_of(process).code == 130
    assert time.monotonic() - began < 5


def test_a_commit_waits_for_the_indexer_and_hears_a_stop(slow: Syncer) -> None:
    slow.upstream.heal()
    lock = slow.volumes.state.channel_lock("conda-forge")
    held = locks.Held(lock, role="indexer", wait_seconds=10)
    entered: list[int] = []
    slow.upstream.before(f"*/{MANY[0].filename}", 1, lambda: entered.append(held.__enter__()))
    try:
        with slow.started("--once") as process:
            wait_until(lambda: entered, "the indexer has the channel")
            wait_until(lambda: slow.upstream.count("*.conda") == 13, "all was asked for")
            assert slow.volumes.committed() == {}
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert answer_of(process).code == 130
            assert time.monotonic() - began < 15
    finally:
        held.__exit__()
    slow.upstream.reset_log()
    assert slow.command("--once").code == 0
    assert broken_promises(slow.volumes) == []
    assert len(slow.volumes.committed()) == len(MANY) + 1


def test_logs_may_be_json(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    answer = syncer.command("--once", LOG_FORMAT="json")
    lines = [json.loads(line) for line in answer.err.splitlines()]
    assert any("committed 12 artifacts" in line["message"] for line in lines)


def test_health_looks_at_the_age_of_the_last_success(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    assert syncer.command("health").code == 0  # nothing has run yet
    assert syncer.command("--once").code == 0
    assert syncer.command("health").code == 0
    syncer.upstream.script("*", faults.status(401, times=None))
    assert syncer.command("--once").code == 1
    assert syncer.command("health").code == 0  # one failed sync is no alarm
    path = syncer.volumes.state_dir / "sync-run.json"
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "last_sync": run["last_sync"] - 51 * 3600}))
    answer = syncer.command("health")
    assert (answer.code, "older than 50 h" in answer.out) == (1, True)


def test_health_fails_when_no_sync_ever_succeeded_for_long(syncer: Syncer) -> None:
    syncer.upstream.script("*", faults.status(401, times=None))
    assert syncer.command("--once").code == 1
    assert syncer.command("health").code == 0
    path = syncer.volumes.state_dir / "sync-run.json"
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "failing_since": run["failing_since"] - 51 * 3600}))
    assert syncer.command("--once").code == 1  # it goes on from the first failure
    answer = syncer.command("health")
    assert (answer.code, "no sync has succeeded since" in answer.out) == (1, True)
    shutil.rmtree(syncer.volumes.state_dir)
    assert syncer.command("health").code == 1


def test_a_sync_that_hangs_is_not_healthy(slow: Syncer) -> None:
    with slow.started("--once") as process:
        wait_until(lambda: is_downloading(slow), "it downloads")
        assert slow.command("health").code == 0
        process.send_signal(signal.SIGSTOP)
        long_ago = time.time() - 2 * 3600
        os.utime(slow.volumes.state.sync_run, (long_ago, long_ago))
        answer = slow.command("health")
        assert (answer.code, "it hangs" in answer.out) == (1, True)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: slow.command("health").code == 0, "it gets on")


def test_all_that_is_left_out_is_named_in_a_file(syncer: Syncer) -> None:
    many = [package(f"p{number}") for number in range(120)]
    syncer.upstream.channel("conda-forge").publish(*many)
    syncer.upstream.script("*.conda", faults.status(404, times=None))
    answer = syncer.command("--once", SYNC_TRIES="1")
    left_out = syncer.volumes.state.sync_left_out
    assert answer.code == 3
    assert f"100 more: all are in {left_out}" in answer.out
    named = sorted(line.partition(": ")[0] for line in left_out.read_text().splitlines())
    assert named == sorted(f"conda-forge/linux-64/{one.filename}" for one in many)
    said = [one for one in (answer.out + answer.err).splitlines() if "/p7-1.0-0.conda" in one]
    assert len(said) <= 1
    assert f"120 artifacts left out, named in {left_out}" in syncer.command("status").out
    syncer.upstream.heal()
    assert syncer.command("--once").code == 0
    assert left_out.read_text() == ""
    assert "left out" not in syncer.command("status").out


def test_a_name_that_a_terminal_would_obey_is_shown_and_not_obeyed(syncer: Syncer) -> None:
    evil = "p\x1b]0;owned\x07\n2026-01-01 00:00:00Z success-1.0-0.conda"
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY, replace(package("evil"), filename=evil))
    for command in ("--once --dry-run", "--once", "status", "history"):
        answer = syncer.command(*command.split())
        assert "\x1b" not in (answer.out + answer.err)
        assert "\n2026-01-01" not in (answer.out + answer.err)
        if command.startswith("--once"):
            assert "\\x1b]0;owned" in (answer.out + answer.err)
    assert "\x1b" not in syncer.volumes.state.sync_left_out.read_text()


def test_a_rollback_that_holds_is_no_commit_that_is_being_indexed(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    channel.publish(package("new"))
    assert syncer.run().status == "success"
    assert "a newer commit is being indexed" in syncer.command("status").out
    documents.write(syncer.volumes.mirror.rollback("conda-forge"), {"serial": 2, "generation": 1})
    answer = syncer.command("status")
    assert "a rollback that holds" in answer.out
    assert "being indexed" not in answer.out


def test_adopting_from_the_wrong_folder_is_no_success(syncer: Syncer, tmp_path: Path) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    answer = syncer.command("adopt", str(wrong))
    assert (answer.code, f"nothing in {wrong} is what conda-forge needs" in answer.err) == (1, True)
    assert syncer.command("--once").code == 0
    assert syncer.command("adopt", str(wrong)).code == 0  # all of it is here


def test_a_plan_after_a_stop_counts_what_is_staged_as_here(slow: Syncer) -> None:
    with slow.started("--once", CHECKPOINT_SIZE="1TB") as process:
        wait_until(lambda: is_downloading(slow), "it downloads")
        process.kill()  # without the commit that a Ctrl-C still makes
    staged = slow.volumes.mirror.staging("conda-forge", "linux-64")
    whole = {one.filename: len(one.data) for one in MANY}
    here = [path for path in staged.glob("*.part") if path.stat().st_size in whole.values()]
    assert here
    (plan,) = (
        one
        for one in slow.command("--once", "--dry-run", "--json").document["plan"]
        if one["subdir"] == "linux-64"
    )
    assert (plan["new"], plan["staged"]) == (len(MANY) + 1, len(here))
    shown = slow.command("--once", "--dry-run").out
    assert f"To download: {len(MANY) + 1 - len(here)} artifacts" in shown
    assert "Here already, from a sync that was stopped" in shown
