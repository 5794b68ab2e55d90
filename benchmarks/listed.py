"""An upstream of very many records: repodata of realistic records, artifacts only for new ones.

The committed side is seeded into the ledger, as a first sync leaves it, without artifacts: a sync
that changes little must not look at them. New artifacts exist, are small, and have true hashes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from benchmarks.seeded import SHARES, Record, replicated
from tests.support.committed import CommittedMirror, row

_BATCH = 20_000
_NEW_SIZE = 20_000  # bytes


@dataclass(slots=True)
class Listed:
    """A channel below ``folder``, as upstream has it."""

    folder: Path
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def fill(self, count: int) -> None:
        """List this many records."""
        for subdir, share in SHARES.items():
            found = itertools.islice(replicated(subdir), int(count * share))
            self.records[subdir] = dict(found)
        self.publish()

    def seed(self, committed: CommittedMirror, *, places: bool = False) -> None:
        """Commit all that is listed; ``places`` makes sparse files for it, or there are none."""
        for subdir, records in self.records.items():
            listed = iter(records.items())
            folder = committed.artifacts(subdir)
            if places:
                folder.mkdir(parents=True, exist_ok=True)
                for filename, record in records.items():
                    with (folder / filename).open("wb") as stream:
                        stream.truncate(record["size"])
            while batch := list(itertools.islice(listed, _BATCH)):
                committed.commit_rows([row(subdir, filename, one) for filename, one in batch])

    def spend_a_day(self) -> tuple[int, int, int]:
        """0.5 % new, 0.05 % removed, 0.05 % hotfixed; returns how many, and publishes."""
        total = sum(map(len, self.records.values()))
        new, removed, fixed = total // 200, max(1, total // 2000), max(1, total // 2000)
        for subdir, share in SHARES.items():
            records = self.records[subdir]
            names = self.chance.sample(sorted(records), int(share * (new + removed + fixed)) + 3)
            places = iter(names)
            for filename in itertools.islice(places, int(share * new)):
                self._build(subdir, filename)
            for filename in itertools.islice(places, int(share * removed)):
                del records[filename]
            for filename in itertools.islice(places, int(share * fixed)):
                depends = [*records[filename].get("depends", []), "__glibc >=2.17"]
                records[filename] = {**records[filename], "depends": depends}
        self.publish()
        return new, removed, fixed

    def _build(self, subdir: str, filename: str) -> None:
        """A new build of a package, with bytes behind it."""
        old = self.records[subdir][filename]
        build = f"{old['build']}d{self.chance.randrange(10**9)}"
        name = f"{old['name']}-{old['version']}-{build}.conda"
        # Begins as a .conda does: what begins as a page is refused.
        data = b"PK\x03\x04" + self.chance.randbytes(_NEW_SIZE)
        (self.folder / subdir / name).write_bytes(data)
        self.records[subdir][name] = {
            **old, "build": build, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data).hexdigest(),
        }  # fmt: skip

    def publish(self) -> None:
        """Write the indexes."""
        for subdir, records in self.records.items():
            folder = self.folder / subdir
            folder.mkdir(parents=True, exist_ok=True)
            sections: dict[str, dict[str, Record]] = {"packages": {}, "packages.conda": {}}
            for filename, record in records.items():
                section = "packages.conda" if filename.endswith(".conda") else "packages"
                sections[section][filename] = record
            document = {"info": {"subdir": subdir}, **sections, "repodata_version": 1}
            packed = zstandard.ZstdCompressor(level=3).compress(json.dumps(document).encode())
            temporary = folder / ".repodata.json.zst"
            temporary.write_bytes(packed)
            temporary.rename(folder / "repodata.json.zst")
