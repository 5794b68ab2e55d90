"""The ledger: one SQLite file per channel that says what is committed.

The syncer is its only writer; the indexer and the status pages read it. It is the one place that
knows the channel's serial, so "committed" can't disagree with itself, and the cost of a commit
follows the change, not the size of the channel.

Tables (the indexer may attach the file and read them in SQL):

- ``artifact``: what the next generation lists; ``record`` is upstream's JSON text, unchanged;
  ``serial`` is the commit that last changed the row.
- ``incoming``: rows of a commit whose files are being renamed; rolled forward after a crash.
- ``retired``: bytes that no longer belong to the index but are still on the volume.
- ``carried``: what else upstream's repodata holds (``removed``, ``signatures``, ``info.*``, ...).
- ``run_exports``, ``channeldata``: upstream's, for what is committed (CEP 12, CEP 38).
- ``meta``: ``schema``, ``serial``, and the syncer's own notes.

Guaranteed: every transaction is atomic and durable (WAL, synchronous=FULL).
Not guaranteed: that the files are there; that is the order of ``volume``'s docstring.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from volume import faults
from volume.errors import StateError, VolumeError
from volume.files import make_directory

SCHEMA = 1
Home = Literal["channels", "replaced", "retired"]

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE artifact (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced')),
    serial INTEGER NOT NULL, entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT,
    verified REAL NOT NULL, PRIMARY KEY (subdir, filename));
CREATE INDEX artifact_serial ON artifact (serial);
CREATE TABLE incoming (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced')),
    entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT,
    PRIMARY KEY (subdir, filename));
CREATE TABLE retired (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced', 'retired')),
    serial INTEGER NOT NULL, left REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (subdir, filename, sha256));
CREATE TABLE carried (subdir TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (subdir, key)) WITHOUT ROWID;
CREATE TABLE run_exports (subdir TEXT NOT NULL, filename TEXT NOT NULL, run_exports TEXT NOT NULL,
    PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE TABLE channeldata (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One committed artifact, or one that is about to be.

    ``digest`` is a short hash of upstream's record as it was sent: equal means unchanged.
    ``source`` is the URL that it came from, without credentials. ``size`` is in bytes. ``md5`` is
    what upstream's record says; where it has no sha256, that is what the bytes were verified by,
    and ``sha256`` is our own.
    """

    subdir: str
    filename: str
    section: str
    size: int
    sha256: str
    digest: bytes
    record: str
    home: Home
    entered: float
    source: str
    md5: str | None = None


class Hotfix(Protocol):
    """A new record of unchanged bytes."""

    @property
    def subdir(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def record(self) -> str: ...
    @property
    def md5(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan needs to know of a committed artifact."""

    size: int
    sha256: str
    digest: bytes
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Bytes on the volume, and what they must be."""

    subdir: str
    filename: str
    sha256: str
    size: int
    home: Home


@dataclass(frozen=True, slots=True)
class Retired:
    """Bytes out of the index since ``serial``; ``left`` is in seconds since the epoch."""

    subdir: str
    filename: str
    sha256: str
    size: int
    home: Home
    serial: int
    left: float
    reason: str


_COLUMNS = "subdir, filename, section, size, sha256, digest, record, home, entered, source, md5"
_RETIRED_COLUMNS = "subdir, filename, sha256, size, home, serial, left, reason"


class Ledger:
    """An open ledger. Use ``Ledger.create`` to write and ``Ledger.read`` to look."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Open for writing; a ledger that is not there yet is created empty.

        Raises:
            StateError: it was written by another version, or is damaged.
            VolumeError: the state volume refuses.
        """
        make_directory(path.parent)
        ledger = cls(_connect(path), path)
        try:
            with ledger.transaction("create ledger"):
                tables = ledger._connection.execute("SELECT count(*) FROM sqlite_master")
                if tables.fetchone()[0] == 0:
                    for statement in _TABLES.split(";"):
                        ledger._connection.execute(statement)
                    ledger._connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA,))
                    ledger._connection.execute("INSERT INTO meta VALUES ('serial', 0)")
            ledger._check()
        except sqlite3.DatabaseError as error:
            ledger.close()
            raise StateError(f"{path} is damaged ({error}); {_CURE}") from error
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def read(cls, path: Path) -> Ledger | None:
        """Open for reading, or None if the channel was never committed.

        Raises:
            StateError: it was written by another version, or is damaged.
        """
        if not path.exists():
            return None
        ledger = cls(_connect(path), path)
        try:
            ledger._connection.execute("PRAGMA query_only = 1")
            tables = ledger._connection.execute("SELECT count(*) FROM sqlite_master")
            if tables.fetchone()[0] == 0:  # created, and stopped before its first transaction
                ledger.close()
                return None
            ledger._check()
        except sqlite3.DatabaseError as error:
            ledger.close()
            raise StateError(f"{path} is damaged ({error}); {_CURE}") from error
        except BaseException:
            ledger.close()
            raise
        return ledger

    def _check(self) -> None:
        schema = self.note("schema")
        if schema != SCHEMA:
            raise StateError(
                f"{self.path} has schema {schema!r} and this version knows {SCHEMA};"
                " run the version that wrote it, or a newer one"
            )

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.close()
        if isinstance(error, sqlite3.DatabaseError):
            raise StateError(f"{self.path} is damaged ({error}); {_CURE}") from error

    @contextlib.contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """All or nothing, durably; one fault point.

        Raises:
            VolumeError: the state volume refuses.
            StateError: the ledger is damaged.
        """
        faults.point("before", f"{name} {self.path}")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise VolumeError(
                f"can't {name} in {self.path}: {error}; is the state volume full or read-only?"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path} is damaged ({error}); {_CURE}") from error
        faults.point("after", f"{name} {self.path}")

    # -- reading ---------------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """The number of the last commit; 0 before the first."""
        value = self.note("serial")
        return int(value) if value is not None else 0

    def note(self, key: str) -> str | int | None:
        """One value of ``meta``."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def known(self, subdir: str) -> dict[str, Known]:
        """Every committed artifact of a subdir, by filename."""
        rows = self._connection.execute(
            "SELECT filename, size, sha256, digest, md5 FROM artifact WHERE subdir = ?", (subdir,)
        )
        return {row[0]: Known(*row[1:]) for row in rows}

    def artifacts(self, subdir: str, *, after_serial: int = 0) -> Iterator[Artifact]:
        """Committed artifacts of a subdir that changed after ``after_serial``."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM artifact WHERE subdir = ? AND serial > ? ORDER BY filename",  # noqa: S608
            (subdir, after_serial),
        )
        return (Artifact(*row) for row in rows)

    def artifact(self, subdir: str, filename: str) -> Artifact | None:
        """One committed artifact."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM artifact WHERE subdir = ? AND filename = ?",  # noqa: S608
            (subdir, filename),
        ).fetchone()
        return Artifact(*row) if row else None

    def incoming(self) -> list[Artifact]:
        """Rows of a commit that was not finished."""
        return [
            Artifact(*row)
            for row in self._connection.execute(f"SELECT {_COLUMNS} FROM incoming")  # noqa: S608
        ]

    def retired(self, subdir: str | None = None, filename: str | None = None) -> list[Retired]:
        """Bytes that are out of the index and still on the volume."""
        return [
            Retired(*row)
            for row in self._connection.execute(
                f"SELECT {_RETIRED_COLUMNS} FROM retired"  # noqa: S608
                " WHERE (?1 IS NULL OR subdir = ?1) AND (?2 IS NULL OR filename = ?2)"
                " ORDER BY subdir, filename, serial",
                (subdir, filename),
            )
        ]

    def retired_names(self) -> set[tuple[str, str]]:
        """(subdir, filename) of all retired bytes."""
        return set(self._connection.execute("SELECT subdir, filename FROM retired").fetchall())

    def replaced(self) -> list[tuple[str, str, str]]:
        """(subdir, filename, sha256) of committed artifacts that are not in ``channels/``."""
        return self._connection.execute(
            "SELECT subdir, filename, sha256 FROM artifact WHERE home = 'replaced'"
        ).fetchall()

    def names(self) -> set[str]:
        """The package names of committed artifacts."""
        rows = self._connection.execute(
            "SELECT DISTINCT json_extract(record, '$.name') FROM artifact"
        )
        return {row[0] for row in rows}

    def subdirs(self) -> list[str]:
        """Subdirs that upstream offers or that hold artifacts."""
        rows = self._connection.execute(
            "SELECT subdir FROM artifact UNION SELECT subdir FROM carried ORDER BY 1"
        )
        return [row[0] for row in rows]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Artifacts and bytes by subdir."""
        rows = self._connection.execute(
            "SELECT subdir, count(*), sum(size) FROM artifact GROUP BY subdir ORDER BY subdir"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def carried(self, subdir: str) -> dict[str, str]:
        """Upstream's other sections as JSON texts; an ``info`` key is named ``info.<key>``."""
        rows = self._connection.execute(
            "SELECT key, value FROM carried WHERE subdir = ?", (subdir,)
        )
        return dict(rows.fetchall())

    def filenames(self, subdir: str) -> set[str]:
        """Every name in a subdir that is the syncer's business: committed, incoming or retired."""
        rows = self._connection.execute(
            "SELECT filename FROM artifact WHERE subdir = ?1"
            " UNION SELECT filename FROM incoming WHERE subdir = ?1"
            " UNION SELECT filename FROM retired WHERE subdir = ?1",
            (subdir,),
        )
        return {row[0] for row in rows}

    def run_exports(self, subdir: str) -> dict[str, str]:
        """Upstream's run_exports as JSON texts, by filename."""
        select = "SELECT filename, run_exports FROM run_exports WHERE subdir = ?"
        return dict(self._connection.execute(select, (subdir,)).fetchall())

    def without_run_exports(self) -> Iterator[Artifact]:
        """Committed artifacts that upstream gives no run_exports of."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM artifact a WHERE NOT EXISTS (SELECT 1 FROM run_exports r"  # noqa: S608
            " WHERE r.subdir = a.subdir AND r.filename = a.filename)"
        )
        return (Artifact(*row) for row in rows)

    def in_replaced(self) -> list[Artifact]:
        """Committed artifacts whose bytes are in ``replaced/``."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM artifact WHERE home = 'replaced' ORDER BY subdir, filename"  # noqa: S608
        )
        return [Artifact(*row) for row in rows]

    def channeldata(self) -> dict[str, str]:
        """Upstream's channeldata as JSON texts, by package name."""
        return dict(self._connection.execute("SELECT name, data FROM channeldata").fetchall())

    def placed(self) -> Iterator[Placed]:
        """All bytes that the mirror vouches for, those verified longest ago first."""
        rows = self._connection.execute(
            "SELECT subdir, filename, sha256, size, home, verified FROM artifact UNION ALL"
            " SELECT subdir, filename, sha256, size, home, left FROM retired ORDER BY 6, 1, 2"
        )
        return (Placed(*row[:5]) for row in rows.fetchall())

    # -- writing: inside a transaction -----------------------------------------------------------

    def set_note(self, key: str, value: str | int) -> None:
        """Set one value of ``meta``."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def raise_serial(self) -> int:
        """Announce a change to the indexer; return the new serial.

        What is committed is not what upstream's index asks for until a run has settled it again.
        """
        serial = self.serial + 1
        self.set_note("serial", serial)
        self.set_note("settled", "")
        return serial

    def expect(self, artifacts: Iterable[Artifact]) -> None:
        """Write the rows of a commit before its files are renamed."""
        self._connection.executemany(
            f"INSERT OR REPLACE INTO incoming ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            [_row(artifact) for artifact in artifacts],
        )

    def accept_incoming(self, serial: int) -> None:
        """Make the incoming rows part of the channel; what they replace is retired."""
        execute = self._connection.execute
        execute(
            f"INSERT OR REPLACE INTO retired ({_RETIRED_COLUMNS})"  # noqa: S608
            " SELECT a.subdir, a.filename, a.sha256, a.size, a.home, ?, i.entered, 'replaced'"
            " FROM artifact a JOIN incoming i USING (subdir, filename) WHERE a.sha256 != i.sha256",
            (serial,),
        )
        execute(
            "DELETE FROM retired WHERE (subdir, filename, sha256) IN"
            " (SELECT subdir, filename, sha256 FROM incoming)"
        )
        execute(
            f"INSERT OR REPLACE INTO artifact ({_COLUMNS}, serial, verified)"  # noqa: S608
            f" SELECT {_COLUMNS}, ?, entered FROM incoming",
            (serial,),
        )
        execute("DELETE FROM incoming")

    def update_records(self, changes: Iterable[Hotfix], serial: int) -> None:
        """Take over new records of unchanged bytes."""
        self._connection.executemany(
            "UPDATE artifact SET section = ?3, digest = ?4, record = ?5, md5 = ?6, serial = ?7"
            " WHERE subdir = ?1 AND filename = ?2",
            [
                (
                    change.subdir,
                    change.filename,
                    change.section,
                    change.digest,
                    change.record,
                    change.md5,
                    serial,
                )
                for change in changes
            ],
        )

    def retire(
        self, names: Iterable[tuple[str, str]], *, serial: int, left: float, reason: str
    ) -> None:
        """Take (subdir, filename) out of the index; their bytes stay for now."""
        for subdir, filename in names:
            self._connection.execute(
                f"INSERT OR REPLACE INTO retired ({_RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, ? FROM artifact"
                " WHERE subdir = ? AND filename = ?",
                (serial, left, reason, subdir, filename),
            )
            self._connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ?", (subdir, filename)
            )

    def set_retired_home(self, retired: Retired, home: Home) -> None:
        """Note where retired bytes are now."""
        self._connection.execute(
            "UPDATE retired SET home = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (home, retired.subdir, retired.filename, retired.sha256),
        )

    def set_home(self, subdir: str, filename: str, home: Home) -> None:
        """Note where a committed artifact's bytes are now; what is published stays the same."""
        self._connection.execute(
            "UPDATE artifact SET home = ? WHERE subdir = ? AND filename = ?",
            (home, subdir, filename),
        )

    def set_verified(self, placed: Iterable[Placed], moment: float) -> None:
        """Note that bytes were looked at and are right."""
        self._connection.executemany(
            "UPDATE artifact SET verified = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            [(moment, item.subdir, item.filename, item.sha256) for item in placed],
        )

    def condemn(self, placed: Iterable[Placed], *, serial: int, left: float) -> None:
        """Take damaged bytes out of the index, or note it of bytes that are out already."""
        for item in placed:
            key = (item.subdir, item.filename, item.sha256)
            self._connection.execute(
                f"INSERT OR REPLACE INTO retired ({_RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, 'damaged' FROM artifact"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                (serial, left, *key),
            )
            self._connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ? AND sha256 = ?", key
            )
            self._connection.execute(
                "UPDATE retired SET reason = 'damaged'"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                key,
            )

    def forget_retired(self, retired: Retired) -> None:
        """Drop the row of bytes that are gone."""
        self._connection.execute(
            "DELETE FROM retired WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (retired.subdir, retired.filename, retired.sha256),
        )

    def replace_carried(self, subdir: str, sections: dict[str, str]) -> bool:
        """Set a subdir's other sections; return whether anything changed."""
        if self.carried(subdir) == sections:
            return False
        self._connection.execute("DELETE FROM carried WHERE subdir = ?", (subdir,))
        self._connection.executemany(
            "INSERT INTO carried VALUES (?, ?, ?)",
            [(subdir, key, value) for key, value in sections.items()],
        )
        return True

    def replace_run_exports(self, subdir: str, run_exports: dict[str, str]) -> bool:
        """Set upstream's run_exports (JSON texts by filename); return whether any changed."""
        select = "SELECT filename, run_exports FROM run_exports WHERE subdir = ?"
        known = dict(self._connection.execute(select, (subdir,)).fetchall())
        gone = [(subdir, filename) for filename in known.keys() - run_exports.keys()]
        changed = [
            (subdir, filename, text)
            for filename, text in run_exports.items()
            if known.get(filename) != text
        ]
        self._connection.executemany(
            "DELETE FROM run_exports WHERE subdir = ? AND filename = ?", gone
        )
        self._connection.executemany("INSERT OR REPLACE INTO run_exports VALUES (?, ?, ?)", changed)
        return bool(gone or changed)

    def replace_channeldata(self, packages: dict[str, str]) -> bool:
        """Set upstream's channeldata (JSON texts by package name); return whether any changed."""
        known = dict(self._connection.execute("SELECT name, data FROM channeldata").fetchall())
        if known == packages:
            return False
        self._connection.execute("DELETE FROM channeldata")
        self._connection.executemany(
            "INSERT INTO channeldata VALUES (?, ?)", list(packages.items())
        )
        return True


_CURE = (
    "move it away and run 'syncer --once': what is on the mirror volume is hashed and taken over,"
    " not downloaded again"
)


def _row(artifact: Artifact) -> tuple[object, ...]:
    return (
        artifact.subdir,
        artifact.filename,
        artifact.section,
        artifact.size,
        artifact.sha256,
        artifact.digest,
        artifact.record,
        artifact.home,
        artifact.entered,
        artifact.source,
        artifact.md5,
    )


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
    except sqlite3.OperationalError as error:
        raise VolumeError(f"can't open {path}: {error}; is the state volume writable?") from error
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path} is damaged ({error}); {_CURE}") from error
