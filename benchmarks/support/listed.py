"""An upstream of very many records: repodata of realistic records, artifacts only for new ones.

Beside the records it has what real channels have: run_exports.json.zst in each subdir (CEP 12),
where one artifact in five has any, and channeldata.json (CEP 38) of about 600 bytes a name.

The committed side is seeded into the ledger, as a first sync leaves it, without artifacts: a sync
that changes little must not look at them. New artifacts exist, are small, and have true hashes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from benchmarks.support.seeded import SHARES, Record, replicated
from tests.support.mirror.committed import CommittedMirror, row

_BATCH = 20_000
_NEW_SIZE = 20_000  # bytes


@dataclass(slots=True)
class Listed:
    """A channel below ``folder``, as upstream has it."""

    folder: Path
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(11))
    exporting: set[str] = field(default_factory=set)
    """Filenames of artifacts that have run_exports."""
    builds: Counter[str] = field(default_factory=Counter)
    """New builds by package name: with each of them its channeldata changes."""

    def fill(self, count: int) -> None:
        """List this many records."""
        for subdir, share in SHARES.items():
            found = itertools.islice(replicated(subdir), int(count * share))
            self.records[subdir] = dict(found)
            self.exporting.update(itertools.islice(self.records[subdir], 0, None, 5))
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
        self.exporting.add(name)
        self.builds[old["name"]] += 1

    def publish(self) -> None:
        """Write the indexes, and what belongs to them."""
        for subdir, records in self.records.items():
            folder = self.folder / subdir
            folder.mkdir(parents=True, exist_ok=True)
            sections: dict[str, dict[str, Record]] = {"packages": {}, "packages.conda": {}}
            for filename, record in records.items():
                section = "packages.conda" if filename.endswith(".conda") else "packages"
                sections[section][filename] = record
            document = {"info": {"subdir": subdir}, **sections, "repodata_version": 1}
            _write(folder / "repodata.json.zst", document)
            run_exports = {
                section: {
                    filename: self._run_exports(filename, one) for filename, one in of.items()
                }
                for section, of in sections.items()
            }
            _write(folder / "run_exports.json.zst", {"info": {"subdir": subdir}, **run_exports})
        _write(self.folder / "channeldata.json", self._channeldata())

    def _run_exports(self, filename: str, record: Record) -> dict[str, Any]:
        weak = [f"{record['name']} >={record['version']}"]
        return {"run_exports": {"weak": weak} if filename in self.exporting else {}}

    def _channeldata(self) -> dict[str, Any]:
        """What conda-index writes of each name, with texts of a usual length."""
        packages: dict[str, dict[str, Any]] = {}
        for subdir, records in self.records.items():
            for record in records.values():
                name = record["name"]
                about = packages.get(name)
                if about is None:
                    home = f"https://github.com/example/{name}"
                    about = packages[name] = {
                        "activate.d": False, "binary_prefix": False, "deactivate.d": False,
                        "description": f"{name} does what its name says. " * 4, "dev_url": home,
                        "doc_url": f"{home}/docs", "home": home, "license": "BSD-3-Clause",
                        "post_link": False, "pre_link": False, "pre_unlink": False,
                        "run_exports": {}, "source_url": f"{home}/archive/1.tar.gz", "subdirs": [],
                        "summary": f"{name}, summed up", "text_prefix": True,
                        "timestamp": 1_600_000_000 + self.builds[name],
                    }  # fmt: skip
                if subdir not in about["subdirs"]:
                    about["subdirs"].append(subdir)
                about["version"] = record["version"]
        return {"channeldata_version": 1, "packages": packages, "subdirs": list(self.records)}


def _write(path: Path, document: dict[str, Any]) -> None:
    """As a whole or not at all, compressed if the name says so."""
    data = json.dumps(document).encode()
    if path.suffix == ".zst":
        data = zstandard.ZstdCompressor(level=3).compress(data)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    temporary.rename(path)
