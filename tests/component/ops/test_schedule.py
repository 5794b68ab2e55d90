"""The long-running syncer, with a scheduler that only shows what it was given."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer, answer_of, wait_until
from tests.support.upstream.packages import package

SUPERCRONIC = """#!/bin/sh
for crontab in "$@"; do :; done
if [ "$1" = -test ]; then exit; fi
cp "$crontab" {0}.new && mv {0}.new {0}
exec sleep 300
"""


@pytest.fixture
def crontab(syncer: Syncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the scheduler leaves what it was given."""
    programs = tmp_path / "programs"
    programs.mkdir()
    shown = tmp_path / "crontab"
    (programs / "supercronic").write_text(SUPERCRONIC.format(shown))
    (programs / "supercronic").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    syncer.upstream.channel("conda-forge").publish(package("a"))
    return shown


def lines(syncer: Syncer, crontab: Path, **settings: str) -> list[str]:
    with syncer.started(SYNC_AT_START="no", **settings) as process:
        wait_until(crontab.exists, "the scheduler starts")
        stop(process)
    return crontab.read_text().splitlines()


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    answer = answer_of(process)
    assert answer.code == 0
    return answer.err


def test_syncs_and_scrubs_are_on_their_schedules(syncer: Syncer, crontab: Path) -> None:
    sync, usage, scrub = lines(
        syncer, crontab, SYNC_SCHEDULE="5 1 * * 0", SCRUB_SCHEDULE="6 2 * * *", SCRUB_DAYS="9"
    )
    assert sync.startswith("5 1 * * 0 ") and " --once " in sync
    assert usage.startswith("*/5 * * * * ") and usage.endswith(" usage --collect")
    assert scrub.startswith("6 2 * * * ") and " verify --rolling " in scrub


def test_without_days_nothing_is_scrubbed(syncer: Syncer, crontab: Path) -> None:
    sync, usage = lines(syncer, crontab, SCRUB_DAYS="0")
    assert " --once " in sync and " usage " in usage


def test_it_syncs_at_start_unless_told_not_to(syncer: Syncer, crontab: Path) -> None:
    document = syncer.volumes.state_dir / "sync-run.json"
    lines(syncer, crontab)
    assert not document.exists() and syncer.upstream.log == []

    def is_synced() -> bool:
        return document.exists() and json.loads(document.read_bytes())["status"] == "success"

    with syncer.started(SYNC_AT_START="yes") as process:
        wait_until(is_synced, "the first sync ends")
        assert "syncing now: there was none yet" in stop(process)
    asked = len(syncer.upstream.log)
    crontab.unlink()
    with syncer.started(SYNC_AT_START="yes") as process:  # and not again after a success
        wait_until(crontab.exists, "the scheduler starts")
        assert "syncing now" not in stop(process)
    assert len(syncer.upstream.log) == asked
    run = json.loads(document.read_bytes())
    document.write_text(json.dumps({**run, "last_sync": run["last_sync"] - 51 * 3600}))
    with syncer.started(SYNC_AT_START="yes") as process:  # unless that was long ago
        wait_until(lambda: len(syncer.upstream.log) > asked, "a sync begins")
        assert "syncing now: the last good sync is of" in stop(process)
