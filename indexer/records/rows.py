"""The rows of an index: its records, with all that an index says of them, out of two databases.

Read in SQL from the ledger and the cache, as a channel may have a million artifacts. The channel's
lock keeps both still. Nothing is decoded here but the package's name.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from indexer.records.published_record import as_published, install, published
from volume.errors import StateError
from volume.generations import ARRIVAL, UPSTREAM
from volume.ledger.artifact import Placed
from volume.sections import (
    OLD_SECTIONS,
    SECTIONS,
    V3_SECTIONS,
    WHEELS,
    key_of,
    old_section_of,
    v3_section_of,
)

NAMELESS = "it is no JSON, or has no name"
"""What is wrong with a record that says no name."""
TWO_NAMES = "it says its name twice"
"""What is wrong with a record whose name SQLite and Python read differently."""


class Row(NamedTuple):
    """One record. ``record``, ``run_exports`` and ``inside`` are JSON texts, if they are whole.

    A tuple, as it is made several times of each of a million records.

    ``section`` is where it is listed; ``is_twin`` if the artifact has another one, which comes just
    before it. ``name`` is what the record says; None where that is no text, or the record is no
    JSON. ``run_exports`` are the artifact's. ``indexed`` is the ``indexed_timestamp`` of a record
    of revision 3, in milliseconds, if it is one (CEP 47). ``inside`` are ``recipe``,
    ``about.json`` and ``post_install.json`` of a local package.
    """

    filename: str
    section: str
    name: str | None
    record: str
    run_exports: str
    inside: tuple[str, ...] = ()
    indexed: int | None = None
    is_twin: bool = False

    @property
    def is_v3(self) -> bool:
        """Whether it is of revision 3."""
        return self.section in V3_SECTIONS

    @property
    def key(self) -> str:
        """Its key in its section."""
        if self.section in OLD_SECTIONS:
            return self.filename
        return key_of(self.section, self.filename)

    @property
    def artifacts_section(self) -> str | None:
        """The section for what is said of the artifact by filename (CEP 12), once for each.

        None of a twin, and of a wheel, which exports nothing.
        """
        if self.section in OLD_SECTIONS:
            return self.section
        if self.is_twin or self.section == WHEELS:
            return None
        return old_section_of(self.filename)


def _name(record: str) -> str:
    """The SQL of a record's name, as bytes: JSON can say half a character."""
    return (
        f"CASE WHEN json_valid({record}) AND json_type({record}, '$.name') = 'text'"
        f" THEN CAST(json_extract({record}, '$.name') AS BLOB) END"
    )


def _indexed(record: str) -> str:
    """The SQL of a published record's ``indexed_timestamp``."""
    return (
        f"CASE WHEN json_valid({record}) AND json_type({record}, '$.indexed_timestamp') = 'integer'"
        f" THEN json_extract({record}, '$.indexed_timestamp') END"
    )


IS_V3 = "section >= 'v3.'"
"""The SQL of whether an artifact of the ledger is listed in revision 3 alone: the last sections."""


def _mirrored_rows(*, says_arrival: bool) -> str:
    """The SQL of mirrored artifacts, with both records, which say their arrival if they are to."""
    record, twin = "a.record", "a.twin"
    if says_arrival:
        record = published("a.record", "a.filename", "a.entered")
        twin = published("a.twin", "a.filename", "a.entered")
        twin = f"CASE WHEN a.twin IS NOT NULL THEN {twin} END"
    # Upstream's run_exports, else what the package itself says, else none.
    return (
        f"SELECT a.filename, {_name('a.record')}, {record}, coalesce(u.run_exports,"  # noqa: S608
        " (SELECT r.run_exports FROM cache.read_run_exports r WHERE r.sha256 = a.sha256), '{}'),"
        f" a.section, CASE WHEN a.{IS_V3} THEN {_indexed(record)} END, {twin},"
        f" CASE WHEN a.twin IS NOT NULL THEN {_name('a.twin')} END,"
        f" CASE WHEN a.twin IS NOT NULL THEN {_indexed(twin)} END"
        " FROM ledger.artifact a LEFT JOIN ledger.run_exports u USING (subdir, filename)"
        " WHERE a.rowid NOT IN (SELECT row FROM refused) AND"
    )


_LOCAL = (
    f"SELECT filename, json_extract(record, '$.name'), {published('record', 'filename', None)},"  # noqa: S608
    " coalesce(run_exports, '{}'), recipe, about, post_install FROM cache.local"
)


def _mirrored(found: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    for filename, name, record, exports, listed, indexed, twin, twins_name, twins_indexed in found:
        # Rows of 0.1.0 don't prove their section.
        section = listed if listed in SECTIONS else old_section_of(filename)
        moment = None if indexed is None else _moment(indexed)
        # Python finds the word ``url`` faster than SQLite.
        here: Any = as_published(record, filename, None)
        yield Row(filename, section, _text(name), here, exports, (), moment)
        if twin is not None:
            v3, moment = v3_section_of(filename), _moment(twins_indexed)
            here = as_published(twin, filename, None)
            yield Row(filename, v3, _text(twins_name), here, exports, (), moment, is_twin=True)


def _text(name: bytes | None) -> str | None:
    try:
        return None if name is None else name.decode()
    except UnicodeDecodeError:  # half a character, which JSON can say
        return None


def _moment(indexed: Any) -> int | None:
    """None of what no clock says; SQLite makes a float of an integer of more than 63 bits."""
    return indexed if isinstance(indexed, int) and indexed >= 0 else None


_LISTED = "rowid NOT IN (SELECT row FROM refused)"
_BATCH = 5000  # filenames in one question


class Rows:
    """The rows of one channel, but for those of the ledger that are ``refused``, by row.

    ``timestamps`` says whose ``indexed_timestamp`` mirrored records have.
    """

    def __init__(
        self,
        ledger: Path | None,
        cache: Path,
        refused: Iterable[int] = (),
        timestamps: str = UPSTREAM,
    ) -> None:
        self._mirrored = _mirrored_rows(says_arrival=timestamps == ARRIVAL)
        self._has_ledger = ledger is not None
        self._read = " or ".join(str(path) for path in (ledger, cache) if path is not None)
        self._connection = sqlite3.connect("", isolation_level=None)
        install(self._connection)
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
        """All rows of a subdir, in the order of their filenames; twins follow each other.

        Raises:
            StateError: the ledger or the cache is damaged.
        """
        with self._translated():
            local = self._local("WHERE subdir = ? AND refused IS NULL ORDER BY filename", (subdir,))
            if not self._has_ledger:
                yield from local
                return
            query = f"{self._mirrored} a.subdir = ? ORDER BY a.filename"
            mirrored = _mirrored(self._connection.execute(query, (subdir,)))
            yield from heapq.merge(mirrored, local, key=lambda row: row.filename)

    def of_v3(self, subdir: str) -> Iterator[Row]:
        """All rows of revision 3 of a subdir, in the order of their filenames.

        Raises:
            StateError: the ledger is damaged.
        """
        if not self._has_ledger:
            return
        query = f"{self._mirrored} a.subdir = ? AND (a.{IS_V3} OR a.twin IS NOT NULL)"
        with self._translated():
            found = self._connection.execute(f"{query} ORDER BY a.filename", (subdir,))
            yield from (row for row in _mirrored(found) if row.is_v3)

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
            found: dict[str, Row] = {}
            twins: dict[str, Row] = {}
            for row in self._get(subdir, json.dumps(batch)):
                (twins if row.is_twin else found)[row.filename] = row
            for filename in batch:
                if filename in found:
                    yield found[filename]
                if filename in twins:
                    yield twins[filename]

    def _get(self, subdir: str, filenames: str) -> Iterator[Row]:
        with self._translated():
            # json_each drives, by the primary key: the lists are short and the tables are not.
            if self._has_local:
                where = "WHERE subdir = ? AND filename IN (SELECT value FROM json_each(?))"
                yield from self._local(f"{where} AND refused IS NULL", (subdir, filenames))
            if self._has_ledger:
                where = "a.subdir = ? AND a.filename IN (SELECT value FROM json_each(?))"
                query = f"{self._mirrored} {where}"
                yield from _mirrored(self._connection.execute(query, (subdir, filenames)))

    @functools.cached_property
    def _has_local(self) -> bool:
        """Whether there is any local artifact: else each of many names is not looked for there."""
        return self._connection.execute("SELECT 1 FROM cache.local LIMIT 1").fetchone() is not None

    def _local(self, where: str, values: tuple[str, ...]) -> Iterator[Row]:
        for row in self._connection.execute(f"{_LOCAL} {where}", values):
            filename, name, record, run_exports, *inside = row
            section = old_section_of(filename)
            yield Row(filename, section, name, record, run_exports, tuple(filter(None, inside)))

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"{self._read} can't be read: {error}; see the state volume's disk, then run"
                " 'syncer verify'"
            ) from error
