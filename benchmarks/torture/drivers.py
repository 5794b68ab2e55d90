"""What is done to the programs: which commands, with which settings, and how they are killed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.torture.journal import Journal
from benchmarks.torture.person import Person
from benchmarks.torture.programs import Ended, Fate, Programs
from benchmarks.torture.upstream import DENIABLE, DENIED
from benchmarks.torture.watch import Watch

# Parts of a day, so that retire, move, expire and settle happen while we look.
RETIRE_DAYS = ("0", "0.00002", "0.0001", "14")
KEEP_GENERATIONS = ("1", "2", "3", "5")
UPSTREAM_TROUBLE = (0, 1, 3)
WHILE_FILLED = (0, 3)  # a file may just be coming
ENGINES = ("own", "conda-index")
COOLDOWN_DAYS = ("0", "0", "0.00003")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long runs take here, in seconds: kills are spread over it."""

    sync: float = 2.0
    index: float = 6.0


class SyncDriver:
    """Syncs and verifies; most runs meet a bad end."""

    def __init__(
        self, programs: Programs, journal: Journal, dice: random.Random, pace: Pace
    ) -> None:
        self._programs = programs
        self._journal = journal
        self._dice = dice
        self._pace = pace
        self._retire_days = RETIRE_DAYS[0]
        self._policy: dict[str, str] = {}

    def step(self) -> None:
        dice = self._dice
        if dice.random() < 0.1:
            self._retire_days = dice.choice(RETIRE_DAYS)
        if dice.random() < 0.2:
            self._policy = {
                "DENY": " ".join([DENIED, *dice.sample(DENIABLE, dice.choice((0, 0, 1)))]),
                "COOLDOWN_DAYS": dice.choice(COOLDOWN_DAYS),
            }
        if dice.random() < 0.06:
            self._verify()
        else:
            self._sync()

    def _fate(self) -> Fate:
        roll = self._dice.random()
        if roll < 0.35:
            return Fate(death=0.03, pause=0.1)
        if roll < 0.65:
            return Fate(pause=0.03, after_seconds=self._dice.uniform(0.3, self._pace.sync))
        return Fate(pause=0.05 if roll < 0.8 else 0.0)

    def _sync(self) -> Ended:
        ended = self._programs.run(
            *("syncer", ("--once",), self._fate(), self._dice),
            expected=UPSTREAM_TROUBLE,
            settings={"RETIRE_DAYS": self._retire_days, **self._policy},
        )
        if ended.code == 0:
            self._journal.count("clean syncs")
        return ended

    def _verify(self) -> None:
        ended = self._programs.run(
            *("syncer", ("verify",), self._fate(), self._dice),
            expected=(0, 3),
            settings={"RETIRE_DAYS": self._retire_days, **self._policy},
        )
        if ended.code == 3:
            self._journal.find("verify", "syncer verify", f"damage that nobody did: {ended.said}")


class IndexDriver:
    """Indexes, once or in the loop; most runs meet a bad end."""

    def __init__(
        self, programs: Programs, journal: Journal, dice: random.Random, pace: Pace
    ) -> None:
        self._programs = programs
        self._journal = journal
        self._dice = dice
        self._pace = pace
        self._keep = KEEP_GENERATIONS[-1]

    def step(self) -> None:
        dice = self._dice
        if dice.random() < 0.1:
            self._keep = dice.choice(KEEP_GENERATIONS)
        settings = {"KEEP_GENERATIONS": self._keep, "INDEX_ENGINE": dice.choice(ENGINES)}
        if dice.random() < 0.2:
            seconds = dice.uniform(1.0, 2.5 * self._pace.index)
            self._programs.loop(
                *("indexer", seconds, Fate(death=0.002, pause=0.02), dice),
                {**settings, "INDEX_POLL_SECONDS": "0.1"},
            )
            return
        ended = self._programs.run(
            *("indexer", ("--once",), index_fate(dice, self._pace.index), dice),
            expected=WHILE_FILLED,
            settings=settings,
        )
        if ended.code == 0:
            self._journal.count("clean indexes")


class Admin:
    """Rolls back and releases while the others work."""

    def __init__(
        self,
        programs: Programs,
        journal: Journal,
        dice: random.Random,
        watches: Mapping[str, Watch],
    ) -> None:
        self._programs = programs
        self._journal = journal
        self._dice = dice
        self._watches = watches

    def step(self, wait: Callable[[float], object]) -> None:
        wait(self._dice.uniform(2.0, 25.0))
        channel, watch = self._dice.choice(list(self._watches.items()))
        if self._dice.random() < 0.6:
            with watch.rollback():
                self._run("rollbacks", "rollback", channel)
        else:
            self._run("releases", "rollback", "--release", channel)

    def _run(self, counted: str, *arguments: str) -> None:
        fate = index_fate(self._dice, 2.0)
        self._programs.run("indexer", arguments, fate, self._dice, expected=(0, 2))
        self._journal.count(counted)


def index_fate(dice: random.Random, seconds: float) -> Fate:
    """How a run of the indexer ends."""
    roll = dice.random()
    if roll < 0.3:
        return Fate(death=0.02, pause=0.05)
    if roll < 0.6:
        moment = dice.uniform(0.3, seconds)
        return Fate(pause=0.03, after_seconds=moment, engine_only=roll > 0.52)
    return Fate(pause=0.05 if roll < 0.75 else 0.0)


class Hands:
    """A person fills a channel by hand while the others work."""

    def __init__(self, person: Person, dice: random.Random, journal: Journal) -> None:
        self._person = person
        self._dice = dice
        self._journal = journal

    def step(self, wait: Callable[[float], object]) -> None:
        self._journal.event(f"a person {self._person.change()}")
        self._journal.count("changes by hand")
        wait(self._dice.uniform(2.0, 12.0))
