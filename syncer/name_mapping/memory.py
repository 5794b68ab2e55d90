"""What is remembered of the mapping service: on which conditions to ask again. A cache.

Losing it costs requests: what is on the mirror volume is known by being there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from syncer.transport.document import UNKNOWN, Validators
from volume.disk.database import open_cache, transaction
from volume.disk.files import unlink

_SCHEMA = 1
_TABLES = """
CREATE TABLE said (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE absent (
    sha256 BLOB PRIMARY KEY, again REAL NOT NULL, times INTEGER NOT NULL) WITHOUT ROWID
"""
_PROBE = "SELECT key, value, sha256, again, times FROM said, absent LIMIT 1"

_DAY = 86400.0
_LONGEST = 32.0  # days


class Memory:
    """Of one service, by its address: another one is asked for everything anew."""

    def __init__(self, connection: sqlite3.Connection, path: Path, url: str) -> None:
        self._connection = connection
        self._path = path
        if self._said("url") != url:
            with self._transaction("begin anew"):
                self._connection.execute("DELETE FROM said")
                self._connection.execute("DELETE FROM absent")
                self._say("url", url)

    @classmethod
    def open(cls, path: Path, url: str) -> Self:
        """Open it; one that is damaged begins anew.

        Raises:
            VolumeError: the state volume refuses.
        """
        try:
            return cls(_opened(path), path, url)
        except sqlite3.DatabaseError:  # in a page that opening did not read
            unlink(path)
            return cls(_opened(path), path, url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    # -- what maps names -------------------------------------------------------------------------

    @property
    def validators(self) -> Validators:
        """Those of the mapping as it is here."""
        etag, modified = self._said("etag"), self._said("last_modified")
        return Validators(etag or None, modified or None) if etag or modified else UNKNOWN

    @property
    def names(self) -> int:
        """How many names it has; 0 if none is here."""
        return int(self._said("names") or 0)

    def note_mapping(self, validators: Validators, names: int) -> None:
        """Remember what came.

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("note the mapping"):
            self._say("etag", validators.etag or "")
            self._say("last_modified", validators.last_modified or "")
            self._say("names", str(names))

    # -- what maps artifacts ---------------------------------------------------------------------

    @property
    def settled(self) -> str:
        """What the last run dealt with as a whole; empty if it left something."""
        return self._said("settled")

    def settle(self, inputs: str) -> None:
        """Remember that.

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("settle"):
            self._say("settled", inputs)

    def is_due(self, now: float) -> bool:
        """Whether something that upstream did not have is to be asked for again."""
        query = "SELECT 1 FROM absent WHERE again <= ? LIMIT 1"
        return self._connection.execute(query, (now,)).fetchone() is not None

    def not_due(self, now: float) -> set[bytes]:
        """What upstream did not have, and is not to be asked for yet."""
        rows = self._connection.execute("SELECT sha256 FROM absent WHERE again > ?", (now,))
        return {row[0] for row in rows}

    def note(self, absent: Iterable[bytes], found: Iterable[bytes], now: float) -> None:
        """Remember what upstream does not have: it is asked again in a day, in two, in four, ...

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("note what is absent"):
            self._connection.executemany(
                "INSERT INTO absent VALUES (?1, ?2 + ?3, 1) ON CONFLICT (sha256) DO UPDATE SET"
                " times = min(times + 1, 30), again = ?2 + ?3 * min(1 << times, ?4)",
                [(one, now, _DAY, _LONGEST) for one in absent],
            )
            self._forget(found)

    def forget(self, gone: Iterable[bytes]) -> None:
        """Drop what is not mirrored any more.

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("forget"):
            self._forget(gone)

    def absent(self) -> set[bytes]:
        """All that upstream did not have."""
        return {row[0] for row in self._connection.execute("SELECT sha256 FROM absent")}

    def _forget(self, gone: Iterable[bytes]) -> None:
        rows = [(one,) for one in gone]
        self._connection.executemany("DELETE FROM absent WHERE sha256 = ?", rows)

    def _said(self, key: str) -> str:
        query = "SELECT value FROM said WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        return str(row[0]) if row else ""

    def _say(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO said VALUES (?, ?)", (key, value))

    def _transaction(self, name: str) -> AbstractContextManager[None]:
        return transaction(self._connection, name, self._path)


def _opened(path: Path) -> sqlite3.Connection:
    return open_cache(path, schema=_SCHEMA, tables=_TABLES, probe=_PROBE)
