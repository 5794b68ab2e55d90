"""The rows of an index: what is listed, with all that an index says of it, out of two databases.

Read in SQL from the ledger and the cache, as a channel may have a million artifacts. The channel's
lock keeps both still. Nothing is decoded here but the package's name.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from volume.errors import StateError
from volume.ledger.artifact import Placed

NAMELESS = "it is no JSON, or has no name"
"""What is wrong with a record that says no name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One artifact. ``record``, ``run_exports`` and ``inside`` are JSON texts, if they are whole.

    ``name`` is what the record says; None where that is no text, or the record is no JSON.

    ``inside`` are ``recipe``, ``about.json`` and ``post_install.json`` of a local package.
    """

    filename: str
    name: str | None
    record: str
    run_exports: str
    inside: tuple[str, ...] = ()


# Upstream's run_exports, else what the package itself says, else none.
_MIRRORED = (
    "SELECT a.filename, CASE WHEN json_valid(a.record) AND json_type(a.record, '$.name') = 'text'"
    " THEN CAST(json_extract(a.record, '$.name') AS BLOB) END, a.record, coalesce(u.run_exports,"
    " (SELECT r.run_exports FROM cache.read_run_exports r WHERE r.sha256 = a.sha256), '{}')"
    " FROM ledger.artifact a LEFT JOIN ledger.run_exports u USING (subdir, filename)"
    " WHERE a.rowid NOT IN (SELECT row FROM refused) AND"
)
_LOCAL = (
    "SELECT filename, json_extract(record, '$.name'), record, coalesce(run_exports, '{}'),"
    " recipe, about, post_install FROM cache.local"
)


def _row(columns: tuple[str, bytes | None, str, str]) -> Row:
    filename, name, record, run_exports = columns
    try:
        return Row(filename, None if name is None else name.decode(), record, run_exports)
    except UnicodeDecodeError:  # half a character, which JSON can say
        return Row(filename, None, record, run_exports)


_LISTED = "rowid NOT IN (SELECT row FROM refused)"
_BATCH = 5000  # filenames in one question


class Rows:
    """The rows of one channel, but for those of the ledger that are ``refused``, by row."""

    def __init__(self, ledger: Path | None, cache: Path, refused: Iterable[int] = ()) -> None:
        self._has_ledger = ledger is not None
        self._read = " or ".join(str(path) for path in (ledger, cache) if path is not None)
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("ATTACH DATABASE ? AS cache", (str(cache),))
        if ledger is not None:
            self._connection.execute("ATTACH DATABASE ? AS ledger", (str(ledger),))
        self._connection.execute("CREATE TEMP TABLE refused (row INTEGER PRIMARY KEY)")
        self._connection.executemany("INSERT INTO refused VALUES (?)", ((row,) for row in refused))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scan(self, subdir: str) -> Iterator[Row]:
        """All rows of a subdir, in the order of their filenames, without duplicates.

        Raises:
            StateError: the ledger or the cache is damaged.
        """
        with self._translated():
            local = self._local("WHERE subdir = ? AND refused IS NULL ORDER BY filename", (subdir,))
            if not self._has_ledger:
                yield from local
                return
            query = f"{_MIRRORED} a.subdir = ? ORDER BY a.filename"
            mirrored = map(_row, self._connection.execute(query, (subdir,)))
            yield from heapq.merge(mirrored, local, key=lambda row: row.filename)

    def filenames(self, subdir: str) -> set[str]:
        """Every filename that a subdir lists.

        Raises:
            StateError: the ledger or the cache is damaged.
        """
        queries = ["SELECT filename FROM cache.local WHERE subdir = ? AND refused IS NULL"]
        if self._has_ledger:
            queries.append(f"SELECT filename FROM ledger.artifact WHERE subdir = ? AND {_LISTED}")  # noqa: S608
        with self._translated():
            return {
                row[0] for query in queries for row in self._connection.execute(query, (subdir,))
            }

    def committed(self, subdir: str, *, after_serial: int = 0) -> Iterator[tuple[str, int, str]]:
        """Filename, size in bytes and home of what was committed after a serial, and is here.

        Raises:
            StateError: the ledger is damaged.
        """
        if not self._has_ledger:
            return
        with self._translated():
            yield from self._connection.execute(
                "SELECT filename, size, home FROM ledger.artifact"  # noqa: S608
                f" WHERE subdir = ? AND serial > ? AND home != 'promised' AND {_LISTED}",
                (subdir, after_serial),
            )

    def without_run_exports(self) -> Iterator[Placed]:
        """Committed artifacts that are here and that upstream gives no run_exports of.

        Raises:
            StateError: the ledger is damaged.
        """
        if not self._has_ledger:
            return
        with self._translated():
            for row in self._connection.execute(
                "SELECT a.subdir, a.filename, a.sha256, a.size, a.home FROM ledger.artifact a"
                " LEFT JOIN ledger.run_exports u USING (subdir, filename)"
                " WHERE u.run_exports IS NULL AND a.home != 'promised'"
                " AND a.rowid NOT IN (SELECT row FROM refused)"
            ):
                yield Placed(*row)

    def get(self, subdir: str, filenames: Iterable[str]) -> Iterator[Row]:
        """The rows of these artifacts, in the same order; what is not listed is left out.

        Raises:
            StateError: the ledger or the cache is damaged.
        """
        remaining = iter(filenames)
        while batch := list(itertools.islice(remaining, _BATCH)):
            found = {row.filename: row for row in self._get(subdir, json.dumps(batch))}
            yield from (found[filename] for filename in batch if filename in found)

    def _get(self, subdir: str, filenames: str) -> Iterator[Row]:
        with self._translated():
            # json_each drives, by the primary key: the lists are short and the tables are not.
            where = "WHERE subdir = ? AND filename IN (SELECT value FROM json_each(?))"
            yield from self._local(f"{where} AND refused IS NULL", (subdir, filenames))
            if self._has_ledger:
                where = "a.subdir = ? AND a.filename IN (SELECT value FROM json_each(?))"
                query = f"{_MIRRORED} {where}"
                yield from map(_row, self._connection.execute(query, (subdir, filenames)))

    def _local(self, where: str, values: tuple[str, ...]) -> Iterator[Row]:
        for row in self._connection.execute(f"{_LOCAL} {where}", values):
            filename, name, record, run_exports, *inside = row
            yield Row(filename, name, record, run_exports, tuple(filter(None, inside)))

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"{self._read} can't be read: {error}; see the state volume's disk, then run"
                " 'syncer verify'"
            ) from error
