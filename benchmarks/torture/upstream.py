"""An upstream that never stands still.

Guaranteed: the seed decides the sequence of changes and faults (not their moments); before
anything is published, its bytes and its record are written to the list of what upstream ever had;
a few packages never leave, so that a client always has something to solve.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.torture.journal import Journal
from benchmarks.torture.known import record_key
from tests.support.upstream import faults
from tests.support.upstream.installers import Folder, content
from tests.support.upstream.packages import FIXED_TIME, Package, Record, hotfixed, package
from tests.support.upstream.simulator import ChannelSimulator

CHANNEL = "conda-forge"
CHANNELS = (CHANNEL, "bioconda")
SUBDIRS = ("linux-64", "noarch")
CORE = 5
NAMES = 24
DENIABLE = ("p06", "p07", "p11")
HOT = ("p01", *DENIABLE)
MOST = 55
TICK = "tick"
ROOT = "root"
DENIED = "never"
"""A package that upstream has and nobody wants."""


class ChangingUpstream:
    """One channel, and dice that change it. Used by one thread at a time."""

    def __init__(
        self,
        simulator: ChannelSimulator,
        dice: random.Random,
        known: Path,
        channel: str = CHANNEL,
    ) -> None:
        self.name = channel
        self._simulator = simulator
        self._channel = simulator.channel(channel)
        self._dice = dice
        self._known = known
        self._present: dict[tuple[str, str], Package] = {}
        self._gone: dict[tuple[str, str], Package] = {}
        self._older: dict[tuple[str, str], list[Package]] = {}
        self._revision = 0
        self._changes: list[tuple[int, Callable[[], str]]] = [
            (5, self.add), (4, self.replace), (2, self.replace_back), (4, self.remove),
            (3, self.return_same), (3, self.return_other), (3, self.hotfix),
        ]  # fmt: skip
        depends = tuple(f"p{number:02}" for number in range(CORE))
        self._publish(
            [
                package(TICK),
                package(ROOT, depends=depends),
                package("here", subdir="noarch"),
                package(DENIED),
                *(self._new(f"p{number:02}", "1.0") for number in range(NAMES)),
            ]
        )

    # -- changes ---------------------------------------------------------------------------------

    def change(self) -> str:
        """Change something at random; say what."""
        weights, calls = zip(*self._changes, strict=True)
        count = 8 if self._dice.random() < 0.06 else self._dice.choice((1, 1, 2, 3))
        with self._channel.editing():
            said = [call() for call in self._dice.choices(calls, weights, k=count)]
            if self._dice.random() < 0.5:
                self.tick()
        return ", ".join(said)

    def tick(self) -> None:
        """Raise the revision that clients can see: the timestamp of one record."""
        self._revision += 1
        original = self._present["linux-64", f"{TICK}-1.0-0.conda"]
        timestamp = FIXED_TIME * 1000 + self._revision
        self._note(hotfixed(original, timestamp=timestamp))
        self._channel.hotfix("linux-64", original.filename, timestamp=timestamp)

    def add(self) -> str:
        if len(self._present) >= MOST:
            return self.remove()
        name = f"p{self._dice.randrange(NAMES):02}"
        made = self._new(name, f"{self._dice.randrange(1, 9)}.{self._dice.randrange(9)}")
        return self._say("add", made) if self._key(made) not in self._present else self.hotfix()

    def replace(self) -> str:
        return self._say("replace", self._other(self._any_present()))

    def replace_back(self) -> str:
        older = self._older.get(self._key(self._any_present()))
        return self._say("replace back", self._dice.choice(older)) if older else self.replace()

    def remove(self) -> str:
        movable = [item for item in self._present.values() if not self._is_core(item)]
        if len(movable) < 8:
            return self.add()
        item = self._one_of(movable)
        self._gone[self._key(item)] = self._present.pop(self._key(item))
        self._channel.remove(item.subdir, item.filename)
        return f"remove {item.filename}"

    def return_same(self) -> str:
        return self._say("return", self._any_gone()) if self._gone else self.add()

    def return_other(self) -> str:
        return self._say("return other", self._other(self._any_gone())) if self._gone else "-"

    def hotfix(self) -> str:
        item = self._any_present()
        fixed = hotfixed(item, license=f"L{self._dice.randrange(10_000)}")
        return self._say("hotfix", fixed)

    def flip(self, meanwhile: Callable[[], object]) -> str:
        """Replace one artifact, let syncs look, and restore upstream's index to the byte."""
        before = self._any_present()
        self._publish([self._other(before)])
        meanwhile()
        self._publish([before])
        return f"flip {before.filename}"

    def trouble(self) -> str:
        """One fault, for one or a few requests."""
        index, artifact = f"/{self.name}/*/repodata.json*", f"/{self.name}/*/p*"
        old = self._simulator.resource(f"/{self.name}/linux-64/repodata.json.zst")
        choices = (
            (artifact, faults.missing(times=2)),
            (artifact, faults.truncated(self._dice.random(), times=3)),
            (artifact, faults.wrong_bytes(times=2)),
            (artifact, faults.status(503, times=3)),
            (artifact, faults.reset(self._dice.random(), times=2)),
            (artifact, faults.range_ignored(times=2)),
            (index, faults.status(503, times=2)),
            (index, faults.truncated(0.5)),
            (index, faults.early_close()),
            (index, faults.etag_lie(times=2)),
            (f"/{self.name}/linux-64/repodata.json.zst", faults.stale(old, times=2)),
            (f"/{self.name}/*/run_exports.json*", faults.status(503, times=2)),
            (f"/{self.name}/channeldata.json", faults.missing(times=1)),
        )
        pattern, fault = self._dice.choice(choices)
        if fault.name == "stale":  # of what was, not of what is
            self.change()
        self._simulator.script(pattern, fault)
        return f"fault {fault.name} for {pattern}"

    def heal(self) -> None:
        self._simulator.heal()

    # -- what is there ---------------------------------------------------------------------------

    def records(self, subdir: str) -> dict[str, Record]:
        """What a mirror shall list."""
        found = self._channel.records(subdir)
        return {name: record for name, record in found.items() if record["name"] != DENIED}

    def hashes(self) -> dict[str, str]:
        """`subdir/filename` -> sha256 of what is listed."""
        return {
            f"{subdir}/{name}": record["sha256"]
            for subdir in SUBDIRS
            for name, record in self.records(subdir).items()
        }

    def _new(self, name: str, version: str) -> Package:
        subdir = "noarch" if int(name[1:]) % 6 == 5 else "linux-64"
        extension = ".tar.bz2" if int(name[1:]) % 4 == 3 else ".conda"
        return package(
            name, version, subdir=subdir, extension=extension,
            padding_bytes=self._dice.choice((0, 3_000, 20_000)),
            run_exports=self._dice.choice((None, {"weak": [name]})),
        )  # fmt: skip

    def _other(self, item: Package) -> Package:
        """Other bytes under the same name; now and then of the same size."""
        content = b"%012d" % self._dice.randrange(10**12)
        record = item.record
        made = package(
            record["name"], record["version"], subdir=item.subdir,
            extension=".conda" if item.filename.endswith(".conda") else ".tar.bz2",
            files={"share/other": (content, 0o644)}, depends=tuple(record["depends"]),
        )  # fmt: skip
        self._older.setdefault(self._key(item), []).append(item)
        return made

    def _key(self, item: Package) -> tuple[str, str]:
        return item.subdir, item.filename

    def _is_core(self, item: Package) -> bool:
        name = item.record["name"]
        return name in {TICK, ROOT, DENIED, "here"} or (
            int(name[1:]) < CORE and item.record["version"] == "1.0"
        )

    def _any_present(self) -> Package:
        return self._one_of(
            [item for item in self._present.values() if item.record["name"] != TICK]
        )

    def _any_gone(self) -> Package:
        return self._one_of(list(self._gone.values()))

    def _one_of(self, items: list[Package]) -> Package:
        """Most changes meet a few artifacts, which so have a history."""
        hot = [item for item in items if item.record["name"] in HOT]
        return self._dice.choice(hot if hot and self._dice.random() < 0.6 else items)

    def _say(self, verb: str, item: Package) -> str:
        self._publish([item])
        return f"{verb} {item.filename}"

    def _publish(self, items: Iterable[Package]) -> None:
        for item in items:
            self._note(item)
            self._gone.pop(self._key(item), None)
            self._present[self._key(item)] = item
            self._channel.publish(item)

    def _note(self, item: Package) -> None:
        key = f"{item.subdir}/{item.filename}"
        with self._known.open("a") as known:
            known.write(f"{key} {item.record['sha256']} {record_key(item.record)}\n")


class Changes:
    """Changes upstream until told to stop; run in a thread of its own."""

    def __init__(self, upstream: ChangingUpstream, dice: random.Random, journal: Journal) -> None:
        self._upstream = upstream
        self._dice = dice
        self._journal = journal

    def step(self, wait: Callable[[float], object]) -> None:
        """One change or fault, and a pause; ``wait`` returns early when the run ends."""
        roll = self._dice.random()
        if roll < 0.12:
            self._note("faults", self._upstream.trouble())
        elif roll < 0.18:
            said = self._upstream.flip(lambda: wait(self._dice.uniform(0.5, 4.0)))
            self._note("changes", said)
        elif roll < 0.26:
            self._upstream.heal()
        else:
            self._note("changes", self._upstream.change())
        wait(self._dice.choice((0.05, 0.3, 0.8, 1.5)))

    def _note(self, what: str, said: str) -> None:
        self._journal.count(what)
        self._journal.event(f"upstream: {said}")


class Installers:
    """A folder of installers that changes; run in a thread of its own."""

    def __init__(self, simulator: ChannelSimulator, dice: random.Random, journal: Journal) -> None:
        self._folder = Folder(simulator)
        self._dice = dice
        self._journal = journal
        self.change()

    def change(self) -> None:
        """Publish a version, or another content under its name."""
        version = f"24.{self._dice.randrange(1, 9)}.0"
        name = f"Miniconda3-py312_{version}-0-Linux-x86_64.sh"
        self._folder.put(**{name: content(str(self._dice.randrange(1000)))})
        self._folder.list_json()

    @property
    def files(self) -> dict[str, bytes]:
        """What is listed."""
        return self._folder.files

    def step(self, wait: Callable[[float], object]) -> None:
        self.change()
        self._journal.count("installer changes")
        wait(self._dice.uniform(1.0, 8.0))
