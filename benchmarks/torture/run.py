"""One run of the torture: everything is started, stopped, and judged here."""

from __future__ import annotations

import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.torture import person
from benchmarks.torture.clients import Readers, Solver
from benchmarks.torture.drivers import Admin, Hands, IndexDriver, Pace, SyncDriver
from benchmarks.torture.ending import Ending, nginx_errors
from benchmarks.torture.journal import Journal
from benchmarks.torture.person import Person
from benchmarks.torture.programs import Driver, Fate, Programs, environment_of
from benchmarks.torture.upstream import (
    CHANNELS,
    Changes,
    ChangingUpstream,
    Installers,
)
from benchmarks.torture.watch import Watch
from tests.support.clients.nginx import serving
from tests.support.upstream.simulator import ChannelSimulator
from volume.layout import Mirror, State

SAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Goal:
    """When to stop: as soon as all three are reached, or at ``limit`` seconds."""

    seconds: float = 0.0
    reads: int = 0
    kills: int = 0
    limit: float = 3600.0

    def is_reached(self, journal: Journal) -> bool:
        counts = journal.counts()
        enough = counts["reads"] >= self.reads and counts["kills"] >= self.kills
        return (enough and journal.seconds >= self.seconds) or journal.seconds >= self.limit


@dataclass(frozen=True, slots=True)
class Options:
    """How to torture. ``say`` gets a line of progress now and then.

    Readers pause ``pause`` times as long as they look: the programs need the processor too.
    """

    goal: Goal
    seed: int
    conda_exe: Path
    readers: int = 2
    pause: float = 2.0
    pace: Pace = field(default_factory=Pace)
    say: Callable[[str], None] = lambda line: None


def torture(options: Options) -> Journal:
    """Run until the goal is reached; what was counted and found is in the journal.

    Raises:
        RuntimeError: nginx does not start.
    """
    journal = Journal()
    with tempfile.TemporaryDirectory(prefix="torture-") as name, ChannelSimulator() as simulator:
        root = Path(name)
        root.chmod(0o755)
        mirror, state = root / "mirror", root / "state"
        mirror.mkdir(mode=0o755)
        state.mkdir()
        with serving(mirror) as nginx:
            environment = environment_of(options.conda_exe, mirror, state, simulator.url, CHANNELS)
            _storm(options, journal, simulator, environment, root, nginx.url)
            nginx.stop()
            for line in nginx_errors(nginx.access_log, nginx.error_log):
                journal.find("nginx", "its logs", line)
    return journal


def _storm(
    options: Options,
    journal: Journal,
    simulator: ChannelSimulator,
    environment: dict[str, str],
    root: Path,
    url: str,
) -> None:
    mirror, state = Mirror(root / "mirror"), State(root / "state")
    done = threading.Event()
    programs = Programs(environment, journal)

    def dice(name: str) -> random.Random:
        return random.Random(f"{options.seed} {name}")

    upstreams = [
        ChangingUpstream(simulator, dice(f"upstream {name}"), root / f"known-{name}", name)
        for name in CHANNELS
    ]
    installers = Installers(simulator, dice("installers"), journal)
    hands = Person(mirror.root / "local", dice("person"), root / f"known-{person.CHANNEL}")
    hands.begin()
    for program in ("syncer", "indexer"):  # clients come when there is something to see
        programs.run(program, ("--once",), Fate(), dice("first"))
    names = (*CHANNELS, person.CHANNEL)
    watches = {name: Watch(mirror.current(name), journal) for name in names}
    syncs = SyncDriver(programs, journal, dice("sync"), options.pace)
    indexes = IndexDriver(programs, journal, dice("index"), options.pace)
    admin = Admin(programs, journal, dice("admin"), watches)
    changes = [Changes(one, dice(f"changes {one.name}"), journal) for one in upstreams]
    filling = Hands(hands, dice("hands"), journal)
    solver = Solver(journal, url)
    steps: dict[str, Callable[[], None]] = {
        **{
            f"upstream {number}": partial(one.step, done.wait) for number, one in enumerate(changes)
        },
        "installers": lambda: installers.step(done.wait),
        "hands": lambda: filling.step(done.wait),
        "syncs": syncs.step,
        "indexes": indexes.step,
        "admin": lambda: admin.step(done.wait),
        "solver": lambda: solver.step(done.wait),
    }
    settings = {
        "url": url, "mirror": str(mirror.root), "state": str(state.root),
        "known": {name: str(root / f"known-{name}") for name in names},
        "seed": options.seed, "nice": 5, "pause": options.pause,
    }  # fmt: skip
    ending = Ending(programs, journal, upstreams, hands, installers, mirror, state, url)
    over = threading.Event()
    with (
        _driven(
            {name: partial(watch.step, over.wait) for name, watch in watches.items()}, over, journal
        ),
        Readers(journal, settings, options.readers),
    ):
        with _driven(steps, done, journal):
            _wait(options, journal, done)
        ending.check()
    ending.check_damage()


@contextlib.contextmanager
def _driven(
    steps: dict[str, Callable[[], None]], done: threading.Event, journal: Journal
) -> Iterator[None]:
    drivers = [Driver(name, step, done, journal) for name, step in steps.items()]
    for driver in drivers:
        driver.start()
    try:
        yield
    finally:
        done.set()
        for driver in drivers:
            driver.join()


def _wait(options: Options, journal: Journal, done: threading.Event) -> None:
    said = time.monotonic()
    told = 0
    while not options.goal.is_reached(journal) and not done.wait(0.2):
        if time.monotonic() - said > SAY_SECONDS:
            options.say(progress(journal))
            for finding in journal.findings[told:]:
                options.say(f"  {finding.kind} {finding.where}: {finding.fact[:300]}")
            told = len(journal.findings)
            said = time.monotonic()


def progress(journal: Journal) -> str:
    counts = journal.counts()
    shown = ("reads", "kills", "generations", "syncer runs", "indexer runs", "changes", "solves")
    figures = ", ".join(f"{counts[name]:,} {name}" for name in shown)
    return f"{journal.seconds:6.0f} s: {figures}, {len(journal.findings)} inconsistencies"
