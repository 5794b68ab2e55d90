"""What was written for each package name, keyed by all that it was written from: a SQLite file.

A name whose rows have the same fingerprint as before gets the shard, the choice and the
``channeldata.json`` entry that it had, without decoding a record. It is noted only after
verification. It is a cache: one that can't be used is started anew, at the price of a cold run.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.records.rows import Row
from volume.disk import database

FILENAME = "names.db"
_SCHEMA = 3
_TABLES = """
CREATE TABLE name (subdir TEXT NOT NULL, name TEXT NOT NULL, fingerprint BLOB NOT NULL,
    shard TEXT NOT NULL, newest TEXT NOT NULL, newest_v3 TEXT NOT NULL, facts TEXT NOT NULL,
    PRIMARY KEY (subdir, name)) WITHOUT ROWID;
CREATE TABLE answer (subdir TEXT NOT NULL, name TEXT NOT NULL, question TEXT NOT NULL,
    fingerprint BLOB NOT NULL, found TEXT NOT NULL, PRIMARY KEY (subdir, name, question))
    WITHOUT ROWID;
CREATE TABLE entry (name TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, entry TEXT NOT NULL)
    WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class KnownName:
    """What was written for a name of a subdir.

    ``shard`` is the sha256 of its shard, in hex; the others are JSON texts: ``newest`` and
    ``newest_v3`` of the candidates for ``current_repodata.json``, in the old sections and in
    revision 3, and ``facts`` of what its versions say for ``channeldata.json``.
    """

    name: str
    fingerprint: bytes
    shard: str
    newest: str
    newest_v3: str
    facts: str


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """A name's entry in ``channeldata.json``, as a JSON text; ``null`` for none."""

    name: str
    fingerprint: bytes
    entry: str


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What was found, as a JSON text, when something was asked of all artifacts of a name."""

    name: str
    question: str
    fingerprint: bytes
    found: str


class Fingerprint:
    """Of all that one name's outputs in a subdir are made of, in the order of the filenames."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=20)

    def add(self, row: Row) -> None:
        texts = (row.filename, row.record, row.run_exports, *row.inside)
        if row.is_v3:
            texts = (row.section, *texts)  # no filename is the name of a section
        self._hash.update("\0".join(texts).encode("utf-8", "surrogatepass") + b"\n")

    def digest(self) -> bytes:
        return self._hash.digest()


class KnownNames:
    """An open file of them."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path) -> KnownNames:
        """Open, creating it, or creating it anew if it can't be used.

        Raises:
            VolumeError: the state volume refuses.
        """
        connection = database.open_cache(
            path,
            schema=_SCHEMA,
            tables=_TABLES,
            probe="SELECT count(*) FROM (SELECT 1 FROM name LIMIT 1)",
        )
        return cls(connection, path)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> KnownNames:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self, subdir: str) -> Iterator[KnownName]:
        """What was written for each name of a subdir."""
        rows = self._connection.execute(
            "SELECT name, fingerprint, shard, newest, newest_v3, facts FROM name WHERE subdir = ?",
            (subdir,),
        )
        return (KnownName(*row) for row in rows)

    def entries(self) -> Iterator[KnownEntry]:
        """What was written for each name in ``channeldata.json``."""
        rows = self._connection.execute("SELECT name, fingerprint, entry FROM entry")
        return (KnownEntry(*row) for row in rows)

    def answers(self, subdir: str) -> Iterator[KnownAnswer]:
        """What was asked of a subdir's names."""
        rows = self._connection.execute(
            "SELECT name, question, fingerprint, found FROM answer WHERE subdir = ?", (subdir,)
        )
        return (KnownAnswer(*row) for row in rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing.

        Raises:
            VolumeError: the state volume refuses.
        """
        with database.transaction(self._connection, "note what was written", self._path):
            yield

    def note(self, subdir: str, written: Iterable[KnownName], gone: Iterable[str]) -> None:
        """Note what was written for a subdir's names, and which are gone."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO name VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((subdir, *(getattr(one, field) for field in KnownName.__slots__)) for one in written),
        )
        self._connection.executemany(
            "DELETE FROM name WHERE subdir = ? AND name = ?", ((subdir, name) for name in gone)
        )

    def note_answers(
        self, subdir: str, found: Iterable[KnownAnswer], gone: Iterable[tuple[str, str]]
    ) -> None:
        """Note answers, and by name and question which are asked no more."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)",
            ((subdir, one.name, one.question, one.fingerprint, one.found) for one in found),
        )
        self._connection.executemany(
            "DELETE FROM answer WHERE subdir = ? AND name = ? AND question = ?",
            ((subdir, *key) for key in gone),
        )

    def note_entries(self, written: Iterable[KnownEntry], gone: Iterable[str]) -> None:
        """Note what was written in ``channeldata.json``, and what is gone."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)",
            ((one.name, one.fingerprint, one.entry) for one in written),
        )
        self._connection.executemany("DELETE FROM entry WHERE name = ?", ((name,) for name in gone))
