"""The end of a run: one uninterrupted sync and index must bring what upstream lists (I5, I4)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.torture import person
from benchmarks.torture.journal import Journal
from benchmarks.torture.person import Person
from benchmarks.torture.programs import Fate, Programs
from benchmarks.torture.upstream import SUBDIRS, ChangingUpstream, Installers
from tests.support.clients.faithful_reader import FaithfulReader, Inconsistent
from tests.support.upstream.installers import published
from tests.support.upstream.packages import Record
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger

CALM = Fate()
FORGETFUL = {"RETIRE_DAYS": "0", "KEEP_GENERATIONS": "1"}


class Ending:
    """Checks what is left when the storm is over."""

    def __init__(
        self,
        programs: Programs,
        journal: Journal,
        upstreams: Sequence[ChangingUpstream],
        hands: Person,
        installers: Installers,
        mirror: Mirror,
        state: State,
        url: str,
    ) -> None:
        self._programs = programs
        self._journal = journal
        self._upstreams = upstreams
        self._person = hands
        self._installers = installers
        self._mirror = mirror
        self._state = state
        self._url = url
        self._dice = random.Random(0)

    def check(self) -> None:
        """Converge and compare; then let everything old expire and compare again."""
        for upstream in self._upstreams:
            upstream.heal()
        self._run("syncer", "--once")
        for channel in (*(one.name for one in self._upstreams), person.CHANNEL):
            # A rollback in force would rightly hold.
            self._run("indexer", "rollback", "--release", channel)
        self._run("indexer", "--once")
        self._compare_served()
        for upstream in self._upstreams:
            self._expect_files("staging", upstream.name, {})
        self._run("syncer", "verify")
        for upstream in self._upstreams:
            upstream.tick()
        self._run("syncer", "--once", **FORGETFUL)
        self._run("indexer", "--once", **FORGETFUL)
        self._run("syncer", "--once", **FORGETFUL)
        self._compare_served()
        for upstream in self._upstreams:
            for folder in ("staging", "replaced", "retired", "quarantine"):
                self._expect_files(folder, upstream.name, {})
            self._expect_files("channels", upstream.name, upstream.hashes())
            self._expect_ledger(upstream.name)
        self._run("indexer", "--once", **FORGETFUL)
        for root in (self._mirror.root, self._state.root):
            for path in root.rglob(".*.tmp"):
                self._journal.find("I5", str(path), "left over")

    def check_damage(self, number: int = 3) -> None:
        """Let a few artifacts rot while no client looks; verification must find and repair them."""
        names = [
            f"{upstream.name}/{name}"
            for upstream in self._upstreams
            for name in self._dice.sample(sorted(upstream.hashes()), number)
        ]
        for name in names:
            path = self._mirror.root / "channels" / name
            path.write_bytes(path.read_bytes()[::-1])
        ended = self._programs.run("syncer", ("verify",), CALM, self._dice, expected=(3,))
        unseen = [name for name in names if f"{name} " not in ended.said]
        if unseen:
            self._journal.find("verify", ", ".join(unseen), f"damage not found: {ended.said}")
        self._run("indexer", "--once", **FORGETFUL)
        self._compare_served()

    def _run(self, program: str, *arguments: str, **settings: str) -> None:
        self._programs.run(program, arguments, CALM, self._dice, settings=settings)

    def _compare_served(self) -> None:
        reader = FaithfulReader(self._url)
        for upstream in self._upstreams:
            for subdir in SUBDIRS:
                found = self._served(reader, upstream.name, subdir)
                wanted = upstream.records(subdir)
                if found is not None and found != wanted:
                    self._differ(f"published {upstream.name}/{subdir}", found, wanted)
        found = self._served(reader, person.CHANNEL, person.SUBDIR) or {}
        mine = {f"{person.SUBDIR}/{name}": record["sha256"] for name, record in found.items()}
        if mine != self._person.hashes():
            self._differ(f"published {person.CHANNEL}", mine, self._person.hashes())
        here = published(self._mirror.root)
        if here != self._installers.files:
            self._differ("published installers", here, self._installers.files)
        self._journal.count("reads", reader.reads)

    def _served(
        self, reader: FaithfulReader, channel: str, subdir: str
    ) -> Mapping[str, Record] | None:
        try:
            index = reader.read(channel, subdir)
            reader.check_artifacts(index)
        except Inconsistent as error:
            self._journal.find("I5", f"{channel}/{subdir}", str(error))
            return None
        return index.records

    def _expect_files(self, folder: str, channel: str, wanted: Mapping[str, str]) -> None:
        root = self._mirror.root / folder / channel
        found = {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file()
        }
        if found != wanted:
            self._differ(str(root), found, wanted)

    def _expect_ledger(self, channel: str) -> None:
        ledger = Ledger.read(self._state.ledger(channel))
        assert ledger is not None
        with ledger:
            left = [*map(str, ledger.retired()), *map(str, ledger.replaced()), *ledger.incoming()]
        if left:
            self._journal.find("I5", str(ledger.path), f"rows that nobody needs: {left}")

    def _differ(
        self, where: str, found: Mapping[str, object], wanted: Mapping[str, object]
    ) -> None:
        names = sorted(name for name in {**found, **wanted} if found.get(name) != wanted.get(name))
        shown = [f"{name}: {found.get(name)} instead of {wanted.get(name)}" for name in names[:6]]
        self._journal.find("I5", where, f"{len(names)} differ: " + "; ".join(shown))


def nginx_errors(access_log: Path, error_log: Path) -> list[str]:
    """Answers that no client should ever get, and what nginx itself complains of."""
    wrong = [line for line in access_log.read_text().splitlines() if '"status":5' in line]
    logged = error_log.read_text().splitlines() if error_log.exists() else []
    return wrong + [line for line in logged if "[crit]" in line or "[alert]" in line]
