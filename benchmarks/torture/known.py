"""Everything that upstream ever had, as the torturer writes it down for the clients."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.support.upstream.packages import Record


def record_key(record: Record) -> str:
    """A short hash of a record's content."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Known:
    """Everything that upstream ever published, as the torturer writes it down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._hashes: set[tuple[str, str]] = set()
        self._records: set[tuple[str, str]] = set()

    def has_bytes(self, name: str, sha256: str) -> bool:
        return (name, sha256) in self._hashes or (self._more() and (name, sha256) in self._hashes)

    def has_record(self, name: str, key: str) -> bool:
        return (name, key) in self._records or (self._more() and (name, key) in self._records)

    def _more(self) -> bool:
        with self._path.open() as stream:
            stream.seek(self._position)
            while line := stream.readline():
                name, sha256, key = line.split()
                self._hashes.add((name, sha256))
                self._records.add((name, key))
            self._position = stream.tell()
        return True
