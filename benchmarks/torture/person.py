"""A person who fills a channel by hand, and waits for no disk."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from pathlib import Path

from benchmarks.torture.known import record_key
from tests.support.upstream.packages import Package, package

CHANNEL = "team"
SUBDIR = "linux-64"
_MOST = 6


class Person:
    """Copies packages into a channel's folder, takes them away, and looks after a power cut."""

    def __init__(self, root: Path, dice: random.Random, known: Path) -> None:
        self._folder = root / CHANNEL / SUBDIR
        self._dice = dice
        self._known = known
        self._known.touch()
        self._meant: dict[str, bytes] = {}
        self._ever: defaultdict[str, set[str]] = defaultdict(set)
        self._number = 0

    def begin(self) -> None:
        """On a new volume: nothing is there yet."""
        self._meant.clear()
        self.change()

    def change(self) -> str:
        """Put a package, or take one away; say what."""
        if len(self._meant) >= _MOST:
            name = self._dice.choice(sorted(self._meant))
            del self._meant[name]
            (self._folder / name).unlink(missing_ok=True)
            return f"took {name} away"
        self._number += 1
        made = package("mine", str(self._number), padding_bytes=self._dice.choice((0, 50_000)))
        self._meant[made.filename] = made.data
        self._note(made)
        self._put(made.filename)
        return f"put {made.filename}"

    def look(self) -> int:
        """Put right what a power cut undid; return how much that was."""
        self._folder.mkdir(parents=True, exist_ok=True)
        undone = 0
        for path in self._folder.iterdir():
            if path.name not in self._meant:
                path.unlink()
                undone += 1
        for name, data in self._meant.items():
            path = self._folder / name
            if not path.is_file() or path.read_bytes() != data:
                self._put(name)
                undone += 1
        return undone

    def _note(self, made: Package) -> None:
        """Write down what was ever put, for the clients."""
        sha256 = made.record["sha256"]
        # conda-index leaves these two to the subdir.
        record = {
            key: value for key, value in made.record.items() if key not in {"arch", "platform"}
        }
        self._ever[made.filename].add(sha256)
        with self._known.open("a") as known:
            known.write(f"{SUBDIR}/{made.filename} {sha256} {record_key(record)}\n")

    def _put(self, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        coming = self._folder / f".{name}.coming"
        coming.write_bytes(self._meant[name])
        coming.rename(self._folder / name)

    def hashes(self) -> dict[str, str]:
        """``subdir/filename`` -> sha256 of what shall be published."""
        return {
            f"{SUBDIR}/{name}": hashlib.sha256(data).hexdigest()
            for name, data in self._meant.items()
        }

    def has_bytes(self, name: str, sha256: str) -> bool:
        """Whether these bytes were ever put under this name."""
        return sha256 in self._ever[name.partition("/")[2]]
