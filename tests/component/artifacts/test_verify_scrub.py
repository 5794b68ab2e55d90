"""Looking at a part of what is stored: samples, the nightly scrub, its pace, and how it is stopped.

Which artifacts were looked at is recorded where the program hashes files.
"""

import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.sync import scrub
from tests.support.mirror.damage import flip
from tests.support.mirror.sync_harness import Syncer, answer_of, wait_until
from tests.support.mirror.tree import broken_promises, publish, snapshot
from tests.support.upstream.packages import Package, package
from volume import locks
from volume.disk.files import Hashes, hashes_of
from volume.errors import InterruptedRunError
from volume.program.stop import Stop

DAY = 86_400.0
# Sizes that no number of days divides evenly.
MANY = tuple(package(f"p{number:02}", padding_bytes=97 * number) for number in range(20))
GONE = tuple(package(f"gone{number}", padding_bytes=5000 * number) for number in range(4))


class Looks:
    """Hashes files, remembers which, and may call somebody before one."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.stop: Stop | None = None
        self.stop_after = 0
        self.error: Exception | None = None

    def __call__(self, path: Path) -> Hashes:
        self.names.append(path.name)
        if len(self.names) == self.stop_after:
            if self.stop is not None:
                self.stop.request()
            if self.error is not None:
                raise self.error
        return self._hash(path)

    _hash = staticmethod(hashes_of)

    def take(self) -> list[str]:
        taken, self.names = self.names, []
        return taken


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    made = Looks()
    monkeypatch.setattr(scrub, "hashes_of", made)
    return made


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    """Twenty artifacts, and four that are out of the index and larger than all others."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*MANY, *GONE)
    assert syncer.run(now=lambda: 0.0).status == "success"
    publish(syncer.volumes)
    for one in GONE:
        channel.remove("linux-64", one.filename)
    assert syncer.run(now=lambda: 0.5 * DAY).status == "success"
    publish(syncer.volumes)
    assert syncer.run(now=lambda: 0.5 * DAY).status == "success"
    assert len(list((syncer.volumes.mirror_dir / "retired").rglob("*.conda"))) == 4
    syncer.environment["RETIRE_DAYS"] = "1000"
    syncer.environment["SCRUB_RATE"] = "0"
    return syncer


def names(packages: tuple[Package, ...]) -> set[str]:
    return {one.filename for one in packages}


def at(moment: float) -> Callable[[], float]:
    return lambda: moment


def test_a_sample_is_a_part(synced: Syncer, looks: Looks) -> None:
    assert synced.verify(share=0.25).looked_at == 6
    assert len(set(looks.take())) == 6
    answer = synced.command("verify", "--sample", "1%")
    assert (answer.code, answer.out.split(",")[0]) == (0, "Looked at 1 artifacts")


def test_a_sample_finds_and_repairs_what_it_meets(synced: Syncer) -> None:
    for one in MANY[:8]:
        flip(synced.volumes.mirror_dir / "channels/conda-forge/linux-64" / one.filename)
    found = 0
    for _ in range(60):
        found += len(synced.verify(share=0.3).damaged)
        if found == 8:
            break
    assert found == 8
    assert synced.verify().exit_code == 0


@pytest.mark.parametrize(
    "arguments", [["--sample", "0"], ["--sample", "x"], ["--sample", "1%", "--rolling"], ["x"]]
)
def test_wrong_usage_is_2(syncer: Syncer, arguments: list[str]) -> None:
    answer = syncer.command("verify", *arguments)
    assert (answer.code, "usage:" in answer.err) == (2, True)


@pytest.mark.parametrize("days", [1, 3, 7])
def test_a_rolling_scrub_covers_everything_in_so_many_runs(
    synced: Syncer, looks: Looks, days: int
) -> None:
    for cycle in range(3):
        seen: set[str] = set()
        for day in range(days):
            moment = (1 + cycle * days + day) * DAY
            report = synced.verify(rolling=True, now=at(moment), SCRUB_DAYS=str(days))
            tonight = set(looks.take())
            assert report.looked_at == len(tonight)
            if days == 7:  # a part, not nearly all every night
                assert len(tonight) < 12
            seen |= tonight
        assert seen == names(MANY) | names(GONE), f"cycle {cycle}"


def test_what_was_verified_longest_ago_comes_first(synced: Syncer, looks: Looks) -> None:
    assert synced.verify(rolling=True, now=lambda: 1 * DAY, SCRUB_DAYS="4").damaged == []
    first = set(looks.take()) & names(MANY)
    synced.upstream.channel("conda-forge").publish(package("new"))
    assert synced.run(now=lambda: 1.5 * DAY).status == "success"
    looks.take()
    assert synced.verify(rolling=True, now=lambda: 2 * DAY, SCRUB_DAYS="4").damaged == []
    second = set(looks.take())
    assert first and second
    assert not second & (first | {"new-1.0-0.conda"})


def test_no_days_is_no_scrub(synced: Syncer, looks: Looks) -> None:
    assert synced.verify(rolling=True, SCRUB_DAYS="0").looked_at == 0
    assert looks.names == []


def test_a_stopped_scrub_goes_on_where_it_was(synced: Syncer, looks: Looks) -> None:
    looks.stop, looks.stop_after = Stop(), 5
    with pytest.raises(InterruptedRunError):
        synced.verify(rolling=True, now=lambda: 1 * DAY, stop=looks.stop, SCRUB_DAYS="1")
    done = looks.take()
    assert len(done) == 5
    synced.verify(rolling=True, now=lambda: 2 * DAY, SCRUB_DAYS="2")
    assert not set(looks.take()) & set(done)


def test_a_scrub_that_dies_loses_what_it_did_since_the_last_note(
    synced: Syncer, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrub, "_NOTE_SECONDS", 0.0)
    looks.error, looks.stop_after = RuntimeError("dies"), 6
    with pytest.raises(RuntimeError):
        synced.verify(rolling=True, now=lambda: 1 * DAY, SCRUB_DAYS="1")
    done = looks.take()[:5]
    looks.error = None
    synced.verify(rolling=True, now=lambda: 2 * DAY, SCRUB_DAYS="2")
    assert not set(looks.take()) & set(done)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class SleepingStop(Stop):
    """Sleeps by a clock of its own."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> None:
        self._clock.now += seconds


def test_the_pace_is_a_setting(synced: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(scrub, "time", clock)
    report = synced.verify(stop=SleepingStop(clock), now=lambda: DAY, SCRUB_RATE="1kB")
    assert clock.now == pytest.approx(report.size / 1000)
    before = clock.now
    synced.verify(stop=SleepingStop(clock), now=lambda: DAY, SCRUB_RATE="0")
    assert clock.now == before


@pytest.fixture
def running(synced: Syncer) -> Iterator[Syncer]:
    """Only two artifacts a week at this pace, so that a signal meets it at work."""
    synced.environment["SCRUB_RATE"] = "1"
    yield synced


def test_sigterm_ends_it_with_130_and_changes_nothing(running: Syncer) -> None:
    before = snapshot(running.volumes.mirror_dir)
    with running.started("verify") as process:
        wait_until(lambda: locks.is_held(running.volumes.state.sync_lock), "verify has begun")
        process.send_signal(signal.SIGTERM)
        answer = answer_of(process)
    assert answer.code == 130, answer
    assert "stopped on request" in answer.err
    assert snapshot(running.volumes.mirror_dir) == before
    assert broken_promises(running.volumes) == []
    assert running.command("verify", SCRUB_RATE="0").code == 0


def test_sigterm_during_the_repair_is_130_and_the_next_sync_repairs(synced: Syncer) -> None:
    path = synced.volumes.mirror_dir / "channels/conda-forge/linux-64" / MANY[3].filename
    flip(path)
    stop = Stop()
    synced.upstream.before(f"*/{MANY[3].filename}", 1, stop.request)
    report = synced.verify(stop=stop)
    assert report.exit_code == 130
    assert not path.exists()
    assert synced.run().status == "success"
    assert path.read_bytes() == MANY[3].data


def test_a_running_sync_is_not_disturbed(synced: Syncer) -> None:
    with locks.Held(synced.volumes.state.sync_lock, role="sync"):
        answer = synced.command("verify")
    assert answer.code == 11, answer
    assert "sync (" in answer.err


def test_a_running_verify_keeps_a_sync_waiting(running: Syncer) -> None:
    with running.started("verify") as process:
        wait_until(lambda: locks.is_held(running.volumes.state.sync_lock), "verify has begun")
        answer = running.command("--once")
        process.send_signal(signal.SIGTERM)
        answer_of(process)
    assert answer.code == 11
    assert "verify (" in answer.err


def test_what_was_looked_at_is_noted_in_the_ledger(synced: Syncer) -> None:
    synced.verify(now=lambda: 77 * DAY)
    connection = sqlite3.connect(synced.volumes.state.ledger("conda-forge"))
    try:
        noted = connection.execute("SELECT DISTINCT verified FROM artifact").fetchall()
    finally:
        connection.close()
    assert noted == [(77 * DAY,)]
