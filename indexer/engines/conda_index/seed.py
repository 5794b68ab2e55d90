"""The seed: the one module that knows conda-index's cache (0.13, ``user_version`` 2).

conda-index keeps one SQLite file per subdir and lists what ``stat`` has under a stage, with the
record that ``index_json`` has. So putting upstream's record there publishes exactly that record,
at a hundredth of what opening the package costs.

Guaranteed: one transaction per subdir makes the cache equal to the ledger plus the local records,
but for what is listed in revision 3 alone, which conda-index has no place for;
its cost follows what changed since the last seed. A cache that is damaged, of another schema or
seeded from another ledger is refused with ``StaleCacheError``; the caller removes it and starts
anew, as it is only a cache.
"""

# ruff: noqa: S608 - SQL is put together of our own table names; values are always bound

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.engines.conda_index.engine import STAGE
from indexer.records.published_record import install, published
from indexer.records.record_cache import LocalFile, LocalRecord
from indexer.records.rows import IS_V3
from volume.errors import MirrorError, VolumeError
from volume.generations import ARRIVAL, UPSTREAM

_USER_VERSION = 2
_FORM = 2  # of what is seeded; a cache of another one is seeded anew
_TABLES = ("index_json", "run_exports", "about", "recipe", "post_install")

# Ours, in conda-index's file, so that they are true in the same transaction.
_OURS = (
    "CREATE TABLE IF NOT EXISTS mirror_seed (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS mirror_local (path TEXT PRIMARY KEY) WITHOUT ROWID",
)


class StaleCacheError(MirrorError):
    """A cache that can't be continued; never leaves the indexer."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a seed is made of; a channel without an upstream has no ledger.

    ``timestamps`` says whose ``indexed_timestamp`` mirrored records have.
    """

    ledger: Path | None
    cache: Path
    timestamps: str = UPSTREAM


def cache_path(root: Path, subdir: str) -> Path:
    """Where conda-index keeps the cache of a subdir."""
    return root / subdir / ".cache" / "cache.db"


def seed(cache: Path, subdir: str, source: Source) -> None:
    """Make a cache equal to what is committed and what is local.

    Raises:
        StaleCacheError: remove the cache and start anew.
        VolumeError: the state volume refuses.
    """
    try:
        connection = _open(cache)
        try:
            _attach(connection, source)
            connection.execute("BEGIN IMMEDIATE")
            for statement in _OURS:
                connection.execute(statement)
            _Seed(connection, subdir, source).apply()
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise VolumeError(
            f"can't seed {cache}: {error}; is the state volume full or read-only?"
        ) from error
    except sqlite3.DatabaseError as error:
        raise StaleCacheError(f"{cache}: {error}") from error


def extracted(cache: Path, files: dict[str, LocalFile]) -> Iterator[LocalRecord]:
    """What conda-index found when it opened packages: by filename, those that it could read."""
    connection = _open(cache)
    try:
        rows = connection.execute(
            "SELECT path, json_extract(index_json, '$.sha256'), index_json, run_exports, about,"
            " recipe, post_install FROM index_json LEFT JOIN run_exports USING (path)"
            " LEFT JOIN about USING (path) LEFT JOIN recipe USING (path)"
            " LEFT JOIN post_install USING (path)"
        )
        for path, sha256, record, run_exports, about, recipe, post_install in rows:
            if path in files:
                yield LocalRecord(
                    files[path], None, sha256, record, run_exports, about, recipe, post_install
                )
    finally:
        connection.close()


def _open(cache: Path) -> sqlite3.Connection:
    if not cache.exists():
        raise StaleCacheError(f"{cache} does not exist")
    connection = sqlite3.connect(cache, timeout=30, isolation_level=None)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _USER_VERSION:
            raise StaleCacheError(f"{cache} has schema {version}, not {_USER_VERSION}")
        # Losing the last seconds to a power cut is fine: what is missing is seeded again.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
    except BaseException:
        connection.close()
        raise


def _attach(connection: sqlite3.Connection, source: Source) -> None:
    install(connection)
    connection.execute("ATTACH DATABASE ? AS cache", (str(source.cache),))
    if source.ledger is not None:
        connection.execute("ATTACH DATABASE ? AS ledger", (str(source.ledger),))


class _Seed:
    """One transaction."""

    def __init__(self, connection: sqlite3.Connection, subdir: str, source: Source) -> None:
        self._execute = connection.execute
        self._subdir = {"subdir": subdir, "stage": STAGE}
        self._ledger = source.ledger
        self._timestamps = source.timestamps

    def apply(self) -> None:
        local = self._local_digest()
        local_changed = local != self._note("local")
        if local_changed:
            self._remove_local()
        if self._ledger is not None:
            self._seed_mirrored(self._ledger)
        if local_changed:
            self._insert_local()
            self._set_note("local", local)

    def _note(self, key: str) -> str | int | None:
        row = self._execute("SELECT value FROM mirror_seed WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _set_note(self, key: str, value: str | int) -> None:
        self._execute("INSERT OR REPLACE INTO mirror_seed VALUES (?, ?)", (key, value))

    # -- mirrored --------------------------------------------------------------------------------

    def _seed_mirrored(self, ledger: Path) -> None:
        identity = ledger.stat().st_ino
        known = self._note("ledger")
        if known is not None and known != identity:
            raise StaleCacheError("it was seeded from another ledger")
        self._set_note("ledger", identity)
        (serial,) = self._execute("SELECT serial FROM ledger.channel").fetchone()
        form = f"{_FORM} {self._timestamps}"
        seeded = self._note("serial") if self._note("form") == form else None
        self._set_note("form", form)
        values = {**self._subdir, "seeded": seeded or 0}
        entered = "entered" if self._timestamps == ARRIVAL else None
        self._execute(
            "INSERT OR REPLACE INTO main.index_json (path, index_json)"
            f" SELECT filename, {published('record', 'filename', entered)} FROM ledger.artifact"
            f" WHERE subdir = :subdir AND serial > :seeded AND NOT {IS_V3}",
            values,
        )
        self._execute(
            "INSERT OR REPLACE INTO main.stat (stage, path, mtime, size, sha256)"
            " SELECT :stage, filename, entered, size, sha256 FROM ledger.artifact"
            f" WHERE subdir = :subdir AND serial > :seeded AND NOT {IS_V3}",
            values,
        )
        self._remove_retired()
        self._seed_run_exports()
        self._set_note("serial", serial)

    def _remove_retired(self) -> None:
        # Everything committed is in the cache now, so equal counts mean equal sets.
        (committed,) = self._execute(
            f"SELECT count(*) FROM ledger.artifact WHERE subdir = :subdir AND NOT {IS_V3}",
            self._subdir,
        ).fetchone()
        (cached,) = self._execute(
            "SELECT (SELECT count(*) FROM main.stat WHERE stage = :stage)"
            " - (SELECT count(*) FROM mirror_local)",
            self._subdir,
        ).fetchone()
        if committed == cached:
            return
        for table in (*_TABLES, "stat"):
            self._execute(
                f"DELETE FROM main.{table} WHERE path NOT IN"
                f" (SELECT filename FROM ledger.artifact WHERE subdir = :subdir AND NOT {IS_V3})"
                " AND path NOT IN (SELECT path FROM mirror_local)",
                self._subdir,
            )

    def _seed_run_exports(self) -> None:
        """Upstream's run_exports, else what the package itself says; only what differs."""
        wanted = (
            "SELECT a.filename AS path, coalesce(u.run_exports, p.run_exports) AS wanted"
            " FROM ledger.artifact a LEFT JOIN ledger.run_exports u USING (subdir, filename)"
            " LEFT JOIN cache.read_run_exports p ON p.sha256 = a.sha256"
            f" WHERE a.subdir = :subdir AND NOT a.{IS_V3}"
        )
        self._execute(
            "INSERT OR REPLACE INTO main.run_exports (path, run_exports)"
            f" SELECT w.path, w.wanted FROM ({wanted}) w"
            " LEFT JOIN main.run_exports m ON m.path = w.path"
            " WHERE w.wanted IS NOT NULL AND w.wanted IS NOT m.run_exports",
            self._subdir,
        )
        self._execute(
            "DELETE FROM main.run_exports WHERE path IN"
            f" (SELECT w.path FROM ({wanted}) w WHERE w.wanted IS NULL)",
            self._subdir,
        )

    # -- local -----------------------------------------------------------------------------------

    def _local_digest(self) -> str:
        digest = hashlib.sha256()
        for row in self._execute(
            "SELECT filename, sha256, record FROM cache.local"
            " WHERE subdir = :subdir AND refused IS NULL ORDER BY filename",
            self._subdir,
        ):
            digest.update(repr(row).encode())
        return digest.hexdigest()

    def _remove_local(self) -> None:
        for table in (*_TABLES, "stat"):
            self._execute(f"DELETE FROM main.{table} WHERE path IN (SELECT path FROM mirror_local)")
        self._execute("DELETE FROM mirror_local")

    def _insert_local(self) -> None:
        accepted = "FROM cache.local WHERE subdir = :subdir AND refused IS NULL"
        self._execute(f"INSERT INTO mirror_local SELECT filename {accepted}", self._subdir)
        self._execute(
            "INSERT OR REPLACE INTO main.stat (stage, path, mtime, size, sha256)"
            f" SELECT :stage, filename, mtime_ns / 1000000000, size, sha256 {accepted}",
            self._subdir,
        )
        for table in _TABLES:
            column = "record" if table == "index_json" else table
            value = published(column, "filename", None) if column == "record" else column
            self._execute(
                f"INSERT OR REPLACE INTO main.{table} (path, {table})"
                f" SELECT filename, {value} {accepted} AND {column} IS NOT NULL",
                self._subdir,
            )
