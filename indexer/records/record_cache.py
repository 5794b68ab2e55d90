"""What the indexer remembers of one channel between runs: a SQLite file of its own.

It is a cache: where it is damaged or of another version it is started anew, at the price of
opening local artifacts again and of keeping unreferenced shards somewhat longer.

Tables:

- ``local``: people's own artifacts, with the record that ``conda index`` made or why there is none;
- ``read_run_exports``: run_exports read from packages, by sha256; NULL means that there are none;
- ``left_shard``: since when a shard is no longer referenced.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from volume.disk import database
from volume.disk.files import unlink
from volume.errors import VolumeError

_SCHEMA = 1
_TABLES = """
CREATE TABLE local (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    refused TEXT, sha256 TEXT, record TEXT, run_exports TEXT, about TEXT, recipe TEXT,
    post_install TEXT, PRIMARY KEY (subdir, filename));
CREATE TABLE read_run_exports (sha256 TEXT PRIMARY KEY, run_exports TEXT) WITHOUT ROWID;
CREATE TABLE left_shard (subdir TEXT NOT NULL, name TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (subdir, name)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that people added; equal size and mtime mean the same bytes.

    ``subdir`` and ``filename`` are as they are shown (``volume.names.escaped``).
    """

    subdir: str
    filename: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class LocalRecord:
    """What is known of a local file: its record and metadata (JSON texts), or why it is refused."""

    file: LocalFile
    refused: str | None = None
    sha256: str | None = None
    record: str | None = None
    run_exports: str | None = None
    about: str | None = None
    recipe: str | None = None
    post_install: str | None = None


@dataclass(frozen=True, slots=True)
class Stamped:
    """An accepted local artifact and its moments: what its builder says, and what is published.

    ``moment`` is ``indexed_timestamp`` (CEP 47), in milliseconds since the epoch, or whatever its
    ``info/index.json`` has under that name, until it is ``stamp``ed.
    """

    subdir: str
    filename: str
    sha256: str
    name: str
    built: object
    moment: object


class RecordCache:
    """An open cache. ``RecordCache.open`` always succeeds on a writable volume."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path) -> RecordCache:
        """Open, creating it, or creating it anew if it can't be used.

        Raises:
            VolumeError: the state volume refuses.
        """
        connection = database.open_cache(
            path, schema=_SCHEMA, tables=_TABLES, probe="SELECT count(*) FROM local"
        )
        return cls(connection, path)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> RecordCache:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close it, and remove it where it ended the work: it is made anew by the next run."""
        is_damaged = isinstance(error, sqlite3.DatabaseError) and not self._is_sound()
        self.close()
        if is_damaged:
            unlink(self.path)
            raise VolumeError(
                f"{self.path} was damaged ({error}); it is a cache, and the next run makes it anew"
            ) from error

    def _is_sound(self) -> bool:
        """Whether an error is not of this file: a ledger is open beside it."""
        try:
            return bool(self._connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing.

        Raises:
            VolumeError: the state volume refuses.
        """
        with database.transaction(self._connection, "write", self.path):
            yield

    # -- local files -----------------------------------------------------------------------------

    def decided(self) -> list[LocalRecord]:
        """Every local file that was decided on, in order, without what is known of it."""
        rows = self._connection.execute(
            "SELECT subdir, filename, size, mtime_ns, refused FROM local ORDER BY subdir, filename"
        )
        return [LocalRecord(LocalFile(*row[:4]), row[4]) for row in rows]

    def local_files(self) -> list[LocalFile]:
        """Every local file that was decided on, in order."""
        return [record.file for record in self.decided()]

    def accepted(self, subdir: str) -> Iterator[LocalRecord]:
        """The local artifacts of a subdir that have a record."""
        rows = self._connection.execute(
            "SELECT subdir, filename, size, mtime_ns, refused, sha256, record, run_exports, about,"
            " recipe, post_install FROM local WHERE subdir = ? AND refused IS NULL"
            " ORDER BY filename",
            (subdir,),
        )
        return (LocalRecord(LocalFile(*row[:4]), *row[4:]) for row in rows)

    def stamped(self, subdir: str) -> list[Stamped]:
        """When each accepted artifact of a subdir is said to have been published first."""
        rows = self._connection.execute(
            "SELECT filename, sha256, json_extract(record, '$.name'),"
            " json_extract(record, '$.timestamp'), json_extract(record, '$.indexed_timestamp')"
            " FROM local WHERE subdir = ? AND refused IS NULL ORDER BY filename",
            (subdir,),
        )
        return [Stamped(subdir, *row) for row in rows]

    def stamp(self, moments: Iterable[tuple[Stamped, int]]) -> None:
        """Write into records when their artifacts were published first."""
        self._connection.executemany(
            "UPDATE local SET record = json_set(record, '$.indexed_timestamp', ?)"
            " WHERE subdir = ? AND filename = ?",
            [(moment, one.subdir, one.filename) for one, moment in moments],
        )

    def refused(self) -> list[LocalRecord]:
        """The local files that are left out."""
        return [record for record in self.decided() if record.refused is not None]

    def local_totals(self) -> dict[str, tuple[int, int]]:
        """Accepted local artifacts and their bytes, by subdir."""
        rows = self._connection.execute(
            "SELECT subdir, count(*), sum(size) FROM local WHERE refused IS NULL GROUP BY subdir"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def remember(self, records: Iterable[LocalRecord]) -> None:
        """Note what was decided."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO local VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    record.file.subdir,
                    record.file.filename,
                    record.file.size,
                    record.file.mtime_ns,
                    record.refused,
                    record.sha256,
                    record.record,
                    record.run_exports,
                    record.about,
                    record.recipe,
                    record.post_install,
                )
                for record in records
            ],
        )

    def forget(self, files: Iterable[LocalFile]) -> None:
        """Drop files that are gone."""
        self._connection.executemany(
            "DELETE FROM local WHERE subdir = ? AND filename = ?",
            [(file.subdir, file.filename) for file in files],
        )

    # -- run_exports -----------------------------------------------------------------------------

    def has_run_exports(self, sha256s: Iterable[str]) -> set[str]:
        """Which of these packages were read already."""
        select = "SELECT 1 FROM read_run_exports WHERE sha256 = ?"
        return {
            sha256 for sha256 in sha256s if self._connection.execute(select, (sha256,)).fetchone()
        }

    def remember_run_exports(self, found: Iterable[tuple[str, str | None]]) -> None:
        """Note run_exports (a JSON text, or None) by sha256."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO read_run_exports VALUES (?, ?)", list(found)
        )

    # -- shards ----------------------------------------------------------------------------------

    def left_shards(self, subdir: str) -> dict[str, float]:
        """Unreferenced shards by name, with the time since when."""
        rows = self._connection.execute(
            "SELECT name, since FROM left_shard WHERE subdir = ?", (subdir,)
        )
        return {row[0]: row[1] for row in rows}

    def set_left_shards(self, subdir: str, since: dict[str, float]) -> None:
        """Replace what is known of a subdir's unreferenced shards."""
        self._connection.execute("DELETE FROM left_shard WHERE subdir = ?", (subdir,))
        self._connection.executemany(
            "INSERT INTO left_shard VALUES (?, ?, ?)",
            [(subdir, name, when) for name, when in since.items()],
        )
