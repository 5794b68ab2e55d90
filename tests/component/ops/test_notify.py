"""Notices of real syncs, by a real webhook and real commands."""

import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.ops.notify import hook as hooks
from syncer.ops.notify import notices
from syncer.ops.schedule.watch import Watch
from syncer.settings.settings import read
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.packages import package
from tests.support.upstream.webhook import SECRET, Webhook, webhook

ZLIB = package("zlib", "1.3", padding_bytes=3000)


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


@pytest.fixture
def told(syncer: Syncer, receiver: Webhook) -> Webhook:
    """What the syncer's webhook gets."""
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.environment["NOTIFY_URL"] = receiver.url
    return receiver


def script(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_series_of_failures_is_one_notice_and_its_end_another(
    syncer: Syncer, told: Webhook
) -> None:
    assert syncer.command("--once").code == 0
    assert syncer.command("--once").code == 0
    assert told.events == ["first-success"]
    syncer.upstream.script("*", faults.status(401, times=None))
    for _ in range(3):
        assert syncer.command("--once").code == 1
    assert told.events == ["first-success", "failure"]
    notice = told.notices[-1]
    assert "conda-forge: " in notice["text"]
    assert "401" in notice["details"][0]
    syncer.upstream.heal()
    assert syncer.command("--once", MIRROR_URL="https://mirror.lan").code == 0
    assert syncer.command("--once").code == 0
    assert told.events[2:] == ["recovery"]
    assert told.notices[-1]["text"].startswith("Conda mirror https://mirror.lan: the sync works")
    assert set(told.content_types) == {"application/json"}


def test_a_preview_and_an_unselected_event_tell_nothing(syncer: Syncer, told: Webhook) -> None:
    syncer.upstream.script("*", faults.status(401, times=None))
    assert syncer.command("--once", "--dry-run").code == 1
    assert told.requests == 0
    assert syncer.command("--once", NOTIFY_ON="recovery").code == 1
    assert told.requests == 0
    syncer.upstream.heal()
    # The failure was not told, but it was one.
    path = syncer.volumes.state_dir / "sync-run.json"
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "last_sync": 1.0}))
    assert syncer.command("--once", NOTIFY_ON="recovery").code == 0
    assert told.events == ["recovery"]


def test_partial_syncs_are_told_only_if_asked_for(syncer: Syncer, told: Webhook) -> None:
    syncer.upstream.script("*.conda", faults.status(404, times=None))
    assert syncer.command("--once").code == 3
    assert told.events == ["first-success"]
    (syncer.volumes.state_dir / "notices.json").unlink()
    assert syncer.command("--once", NOTIFY_ON="partial").code == 3
    assert told.events == ["first-success", "partial"]
    assert ZLIB.filename in told.notices[-1]["text"]


def test_a_sync_that_can_not_begin_is_told(syncer: Syncer, told: Webhook) -> None:
    assert syncer.command("--once").code == 0
    (syncer.volumes.mirror_dir / "owner.json").unlink()  # the disk is not mounted
    for _ in range(2):
        assert syncer.command("--once").code == 10
    assert told.events == ["first-success", "failure"]
    assert "is the disk mounted?" in told.notices[-1]["text"]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_webhook_that_fails_harms_nothing_and_is_tried_again_after_the_next_sync(
    syncer: Syncer, told: Webhook, status: int
) -> None:
    told.status = status
    answer = syncer.command("--once")
    assert answer.code == 0
    assert "a notice of first-success was not delivered: http://127.0.0.1" in answer.err
    assert f"it answered {status}" in answer.err
    assert SECRET not in answer.err
    assert told.requests == (2 if status == 500 else 1)
    syncer.upstream.script("*", faults.status(401, times=None))
    assert syncer.command("--once").code == 1
    told.status = 200
    assert syncer.command("--once").code == 1
    assert told.events == ["failure"]


def test_a_webhook_that_hangs_is_given_up(
    syncer: Syncer, told: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_POST_SECONDS", 1)
    told.status = -1
    settings = read(syncer.environment)
    ((name, problem),) = notices.test(settings, time.time())
    assert name == "NOTIFY_URL (http://127.0.0.1:" + told.url.split(":")[2].split("/")[0] + "/***)"
    assert problem is not None
    assert "timed out" in problem
    assert told.requests == 2


def test_a_command_gets_the_notice_and_may_fail_or_hang(
    syncer: Syncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    got = tmp_path / "got"
    assert syncer.command("--once", NOTIFY_COMMAND=script(tmp_path, f"cat > {got}")).code == 0
    assert json.loads(got.read_text())["event"] == "first-success"
    bad = script(tmp_path, "cat >/dev/null; echo no such pager >&2; exit 7")
    answer = syncer.command("notify", "--test", NOTIFY_COMMAND=bad)
    assert (answer.code, "ended with 7: no such pager" in answer.out) == (1, True)
    answer = syncer.command("notify", "--test", NOTIFY_COMMAND="/nowhere/hook")
    assert (answer.code, "can't be run: No such file" in answer.out) == (1, True)
    monkeypatch.setattr(hooks, "_COMMAND_SECONDS", 0.3)
    pid = tmp_path / "pid"
    slow = script(tmp_path, f"sleep 300 & echo $! > {pid}; wait")
    settings = read({**syncer.environment, "NOTIFY_COMMAND": slow})
    ((_, problem),) = notices.test(settings, time.time())
    assert problem is not None
    assert "was ended after 0.3 s" in problem
    assert is_gone(int(pid.read_text()))


def is_gone(process: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_a_test_notice_says_what_arrived(syncer: Syncer, told: Webhook) -> None:
    answer = syncer.command("notify", "--test")
    assert answer.code == 0
    assert "NOTIFY_URL (http://127.0.0.1:" in answer.out
    assert ": delivered" in answer.out
    assert told.events == ["test"]
    told.status = 410
    answer = syncer.command("notify", "--test", "--json")
    assert answer.code == 1
    assert "is the address whole" in answer.document[0]["error"]
    answer = syncer.command("notify", "--test", NOTIFY_URL="")
    assert (answer.code, "set NOTIFY_URL or NOTIFY_COMMAND" in answer.err) == (2, True)
    assert syncer.command("notify").code == 2
    assert not (syncer.volumes.state_dir / "notices.json").exists()


def test_the_webhook_is_found_nowhere(syncer: Syncer, told: Webhook) -> None:
    assert SECRET not in syncer.command("config").out
    told.status = 500
    syncer.upstream.script("*", faults.status(401, times=None))
    answer = syncer.command("--once", LOG_LEVEL="debug")
    assert SECRET not in answer.out + answer.err
    told.status = 200
    assert syncer.command("--once").code == 1
    for root in (syncer.volumes.state_dir, syncer.volumes.mirror_dir):
        for path in root.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_secrets_of_upstreams_are_masked_in_notices(syncer: Syncer, told: Webhook) -> None:
    url = syncer.upstream.url.replace("://", "://somebody:a-password@")
    syncer.upstream.script("*", faults.status(401, times=None))
    assert syncer.command("--once", CONDA_CLOUD_URL=url).code == 1
    assert told.events == ["failure"]
    assert "a-password" not in json.dumps(told.notices)


def test_damage_is_told(syncer: Syncer, told: Webhook) -> None:
    assert syncer.command("--once").code == 0
    path = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64" / ZLIB.filename
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert syncer.command("verify").code == 3
    assert told.events == ["first-success", "damage"]
    assert "1 stored artifact is damaged or missing, fetched anew" in told.notices[-1]["text"]
    assert ZLIB.filename in told.notices[-1]["details"][0]


def test_a_long_silence_is_told_by_the_process_that_runs_the_schedule(
    syncer: Syncer, told: Webhook
) -> None:
    assert syncer.command("--once").code == 0
    settings = read(syncer.environment)
    watch = Watch(settings, port=1)
    later = time.time() + 60 * 3600
    for _ in range(2):
        with pytest.raises(Exception, match="supercronic's metrics can't be read"):
            watch.look(later)
        watch._health_due = 0.0
    assert told.events == ["first-success", "unhealthy"]
    assert syncer.command("--once").code == 0
    assert told.events[2:] == ["recovery"]


def test_without_a_state_volume_a_notice_is_not_lost_silently(
    syncer: Syncer, told: Webhook
) -> None:
    if os.geteuid() == 0:
        state = syncer.volumes.state_dir
        shutil.rmtree(state)
        state.write_text("not a folder")
    answer = syncer.command("--once")
    assert answer.code == 1
    assert "notices may come again" in answer.err or told.events == ["failure"]
