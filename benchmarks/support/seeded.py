"""A committed channel of many records with nothing indexed yet, and what a day changes in it.

Records are real ones (``../shared/realdata``: the composite), replicated under new names and builds
until there are enough; without that folder, synthetic ones of the same shape. Artifacts are sparse
files of the recorded size: the indexer looks at sizes, not at bytes that the syncer has verified.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from syncer.artifacts.document_tables import RunExports
from syncer.artifacts.ledger_writer import LedgerWriter
from tests.support.mirror.committed import ENTERED, CommittedMirror, row
from volume.ledger.artifact import Artifact
from volume.sections import old_section_of, v3_section_of

COMPOSITE = Path(__file__).resolve().parents[3] / "shared/realdata/repodata/composite"
SHARES = {"linux-64": 0.8, "noarch": 0.2}
_BATCH = 20_000

Record = dict[str, Any]


@dataclass(slots=True)
class Seeded:
    """One channel; ``present`` are the committed filenames by subdir.

    ``v3`` is the share of artifacts that are listed in revision 3 alone (CEP 48).
    """

    committed: CommittedMirror
    v3: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    present: dict[str, list[str]] = field(default_factory=dict)

    def fill(self, count: int) -> None:
        """Commit this many records, in one commit."""
        for subdir, share in SHARES.items():
            wanted = int(count * share)
            self.present[subdir] = []
            records = itertools.islice(replicated(subdir), wanted)
            while batch := list(itertools.islice(records, _BATCH)):
                rows = [self._place(subdir, filename, record) for filename, record in batch]
                self._commit(rows)
                self.present[subdir] += [one.filename for one in rows]
            given = {
                filename: {"weak": [f"{filename.split('-')[0]} >=1"]} if number % 10 == 0 else {}
                for number, filename in enumerate(self.present[subdir])
            }
            self.committed.give_run_exports(subdir, given)

    def spend_a_day(self) -> tuple[int, int, int]:
        """Commit 0.5 % new builds, 0.05 % removals and 0.05 % hotfixes; return how many."""
        total = sum(map(len, self.present.values()))
        new, removed, fixed = total // 200, max(1, total // 2000), max(1, total // 2000)
        fresh: list[Artifact] = []
        exports: dict[str, dict[str, Any]] = {}
        while len(fresh) < new:
            subdir = self.chance.choices(list(SHARES), list(SHARES.values()))[0]
            start = self.chance.randrange(len(self.present[subdir]))
            # Neighbours, as a day's builds are of some names and all their variants.
            for filename in self.present[subdir][start : start + 4]:
                name, record = self._rebuilt(subdir, filename)
                fresh.append(self._place(subdir, name, record))
                exports.setdefault(subdir, {})[name] = {}
        self._commit(fresh)
        for one in fresh:
            self.present[one.subdir].append(one.filename)
        subdir = "linux-64"
        self.chance.shuffle(self.present[subdir])
        gone = [self.present[subdir].pop() for _ in range(removed)]
        self.committed.retire(subdir, *gone)
        fixes = []
        for filename in self.present[subdir][:fixed]:
            record = self._record(subdir, filename)
            depends = [*record.get("depends", []), "__glibc >=2.17"]
            fixed_record = {**record, "depends": depends}
            fixes.append(row(subdir, filename, fixed_record, section=self._section(filename)))
        self.committed.change(
            lambda ledger, serial: ledger.update_records(fixes, serial, moment=ENTERED)
        )
        for where, added in exports.items():
            self._add_run_exports(where, added)
        return len(fresh), removed, fixed

    def _rebuilt(self, subdir: str, filename: str) -> tuple[str, Record]:
        record = self._record(subdir, filename)
        build = f"{record['build']}d{self.chance.randrange(10**9)}"
        return _renamed(record, record["name"], build, _extension(filename))

    def _record(self, subdir: str, filename: str) -> Record:
        with LedgerWriter.create(self.committed.state.ledger(self.committed.channel)) as ledger:
            text = ledger.record(subdir, filename)
        assert text is not None
        record: Record = json.loads(text)
        return record

    def _add_run_exports(self, subdir: str, added: dict[str, dict[str, Any]]) -> None:
        texts: dict[str, str | None] = {
            filename: json.dumps(value) for filename, value in added.items()
        }

        def action(ledger: LedgerWriter, _: int) -> None:
            RunExports(ledger, subdir, ()).change(texts)

        self.committed.change(action)

    def _place(self, subdir: str, filename: str, record: Record) -> Artifact:
        folder = self.committed.artifacts(subdir)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / filename, os.O_WRONLY | os.O_CREAT)
        try:
            os.ftruncate(descriptor, record["size"])
        finally:
            os.close(descriptor)
        return _row(subdir, filename, record, self._section(filename))

    def _section(self, filename: str) -> str:
        """Where upstream lists it, always the same of one filename."""
        at = int.from_bytes(hashlib.sha256(filename.encode()).digest()[:4], "big") / 2**32
        return v3_section_of(filename) if at < self.v3 else old_section_of(filename)

    def _commit(self, rows: list[Artifact]) -> None:
        self.committed.commit_rows(rows)


def _row(subdir: str, filename: str, record: Record, section: str) -> Artifact:
    made = row(subdir, filename, record, section=section)
    # As upstreams write it: compact, keys in order.
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    values = {name: getattr(made, name) for name in Artifact.__slots__}
    return Artifact(**{**values, "record": text})


def replicated(subdir: str) -> Iterator[tuple[str, Record]]:
    """Filename and record, without end: each round has other names or other builds."""
    real = _real(subdir) or _synthetic()
    for number in itertools.count():
        for filename, record in real:
            suffix = f"-x{number // 2}" if number > 1 else ""
            build = f"{record['build']}{'r' * (number % 2)}"
            yield _renamed(record, record["name"] + suffix, build, _extension(filename))


def _renamed(record: Record, name: str, build: str, extension: str) -> tuple[str, Record]:
    filename = f"{name}-{record['version']}-{build}{extension}"
    digest = hashlib.sha256(filename.encode()).hexdigest()
    changed = {
        **record, "name": name, "build": build, "sha256": digest,
        "md5": hashlib.md5(filename.encode()).hexdigest(),
        "size": min(int(record.get("size") or 1000), 1 << 30),
    }  # fmt: skip
    return filename, changed


def _extension(filename: str) -> str:
    return ".conda" if filename.endswith(".conda") else ".tar.bz2"


def _real(subdir: str) -> list[tuple[str, Record]]:
    path = COMPOSITE / subdir / "repodata.json.zst"
    if not path.is_file():
        return []
    with path.open("rb") as stream:
        document = json.loads(zstandard.ZstdDecompressor().stream_reader(stream).read())
    chance = random.Random(3)
    found = [
        (filename, record)
        for section in ("packages", "packages.conda")
        for filename, record in document[section].items()
    ]
    # Whole names, in any order: a small volume is to have what a large one has.
    names = sorted({record["name"] for _, record in found})
    chance.shuffle(names)
    place = {name: number for number, name in enumerate(names)}
    found.sort(key=lambda item: (place[item[1]["name"]], item[0]))
    return found


def _synthetic() -> list[tuple[str, Record]]:
    chance = random.Random(5)
    found = []
    for number in range(8000):
        depends = [f"lib{chance.randrange(4000)} >=1.{chance.randrange(9)},<2.0a0" for _ in "12345"]
        for minor in range(10):
            record: Record = {
                "build": f"h{chance.randrange(16**7):07x}_0", "build_number": 0,
                "constrains": [], "depends": depends, "license": "BSD-3-Clause",
                "license_family": "BSD", "name": f"lib{number}", "size": 1000 + number,
                "subdir": "linux-64", "timestamp": 1_600_000_000_000 + number * 10 + minor,
                "version": f"1.{minor}.0",
            }  # fmt: skip
            found.append((f"lib{number}-1.{minor}.0-{record['build']}.conda", record))
    return found
