"""The rows of an index: what is listed, with all that an index says of it, out of two databases.

Read in SQL from the ledger and the memory, as a channel may have a million artifacts. The channel's
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


@dataclass(frozen=True, slots=True)
class Row:
    """One artifact. ``record``, ``run_exports`` and ``inside`` are JSON texts.

    ``inside`` are ``recipe``, ``about.json`` and ``post_install.json`` of a local package.
    """

    filename: str
    name: str
    record: str
    run_exports: str
    inside: tuple[str, ...] = ()


# Upstream's run_exports, else what the package itself says, else none.
_MIRRORED = (
    "SELECT a.filename, json_extract(a.record, '$.name'), a.record, coalesce(u.run_exports,"
    " (SELECT r.run_exports FROM memory.read_run_exports r WHERE r.sha256 = a.sha256), '{}')"
    " FROM ledger.artifact a LEFT JOIN ledger.run_exports u USING (subdir, filename)"
)
_LOCAL = (
    "SELECT filename, json_extract(record, '$.name'), record, coalesce(run_exports, '{}'),"
    " recipe, about, post_install FROM memory.local"
)


_BATCH = 5000  # filenames in one question


class Rows:
    """The rows of one channel."""

    def __init__(self, ledger: Path | None, memory: Path) -> None:
        self._has_ledger = ledger is not None
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("ATTACH DATABASE ? AS memory", (str(memory),))
        if ledger is not None:
            self._connection.execute("ATTACH DATABASE ? AS ledger", (str(ledger),))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scan(self, subdir: str) -> Iterator[Row]:
        """All rows of a subdir, in the order of their filenames, without duplicates.

        Raises:
            StateError: the ledger or the memory is damaged.
        """
        with self._translated():
            local = self._local("WHERE subdir = ? AND refused IS NULL ORDER BY filename", (subdir,))
            if not self._has_ledger:
                yield from local
                return
            query = f"{_MIRRORED} WHERE a.subdir = ? ORDER BY a.filename"
            mirrored = (Row(*row) for row in self._connection.execute(query, (subdir,)))
            yield from heapq.merge(mirrored, local, key=lambda row: row.filename)

    def filenames(self, subdir: str) -> set[str]:
        """Every filename that a subdir lists.

        Raises:
            StateError: the ledger or the memory is damaged.
        """
        queries = ["SELECT filename FROM memory.local WHERE subdir = ? AND refused IS NULL"]
        if self._has_ledger:
            queries.append("SELECT filename FROM ledger.artifact WHERE subdir = ?")
        with self._translated():
            return {
                row[0] for query in queries for row in self._connection.execute(query, (subdir,))
            }

    def get(self, subdir: str, filenames: Iterable[str]) -> Iterator[Row]:
        """The rows of these artifacts, in the same order; what is not listed is left out.

        Raises:
            StateError: the ledger or the memory is damaged.
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
                where = "WHERE a.subdir = ? AND a.filename IN (SELECT value FROM json_each(?))"
                query = f"{_MIRRORED} {where}"
                for row in self._connection.execute(query, (subdir, filenames)):
                    yield Row(*row)

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
                f"the ledger or the memory of the channel can't be read: {error};"
                " see the state volume's disk, then run 'syncer verify'"
            ) from error
