"""Settings that no other test changes: each makes a difference."""

import itertools
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from syncer.transport.throttle import _minute_of_day
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package

MANY = [package(f"p{number}", padding_bytes=2_000) for number in range(4)]


@pytest.fixture
def channel(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    return syncer


def serials(syncer: Syncer) -> int:
    with syncer.volumes.ledger() as ledger:
        return len(ledger.connection.execute("SELECT DISTINCT serial FROM artifact").fetchall())


@pytest.mark.parametrize(("limit", "degraded"), [("9", True), ("11", False)])
def test_health_hours_decide_when_a_silence_is_too_long(
    channel: Syncer, limit: str, degraded: bool
) -> None:
    assert channel.run().status == "success"
    path = channel.volumes.state_dir / "sync-run.json"
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "last_sync": run["last_sync"] - 10 * 3600}))
    assert channel.command("health", HEALTH_HOURS=limit).code == int(degraded)


def test_the_log_level_decides_what_is_said(channel: Syncer) -> None:
    assert "committed 4 artifacts" in channel.command("--once", LOG_LEVEL="info").err
    channel.upstream.channel("conda-forge").publish(package("later"))
    assert channel.command("--once", LOG_LEVEL="warning").err == ""


def test_spec_files_and_solve_hold_for_all_channels(channel: Syncer) -> None:
    lib = [package("lib", version, depends=[]) for version in ("1.0", "2.0")]
    channel.upstream.channel("conda-forge").publish(*lib, package("a", depends=["lib"]))
    channel.configure("", environment="dependencies: [a]\n")
    channel.environment["SPEC_FILES"] = "environment.txt"
    assert channel.run().status == "success"
    assert len(channel.volumes.committed()) == 3  # a, and every lib
    assert channel.run(SOLVE="yes", WIPE_GUARD_PERCENT="100").status == "success"
    assert len(channel.volumes.committed()) == 2


def test_a_checkpoint_is_due_after_so_many_minutes(
    channel: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 60.0 * next(minutes))
    monkeypatch.setattr("syncer.artifacts.downloads.staging.time", clock)
    assert channel.run(CHECKPOINT_MINUTES="1", SYNC_CONNECTIONS="1").status == "success"
    assert serials(channel) == len(MANY)
    channel.upstream.channel("conda-forge").publish(*(package(f"q{n}") for n in range(4)))
    assert channel.run(CHECKPOINT_MINUTES="1440", SYNC_CONNECTIONS="1").status == "success"
    assert serials(channel) == len(MANY) + 1


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_the_time_zone_moves_the_windows_of_the_rate_limit() -> None:
    minute = time.gmtime().tm_hour * 60 + time.gmtime().tm_min
    assert (_minute_of_day() - minute) % (24 * 60) in {9 * 60, 9 * 60 + 1}
