"""From one version's ledger to the next: one step for each, all of them in one transaction.

Guaranteed: a ledger is of the version that it was or of this one, whatever happens meanwhile. Rows
that are there already are not written again, so a ledger of gigabytes is upgraded in moments.
Whoever opens a ledger first upgrades it, be it the syncer or the indexer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from volume.disk import database, faults
from volume.errors import StateError
from volume.ledger.schema import (
    BLANK_CHANNEL,
    PROMISE_TABLES,
    REFUSED_TABLE,
    SIDECAR_TABLES,
    TABLES,
    VERSION,
    statements,
)
from volume.sections import V3

_FIRST = 1  # 0.1.0 wrote no user_version

_HOMES = "CHECK (home IN ('channels', 'replaced'))"
_HOMES_AND_PROMISED = "CHECK (home IN ('channels', 'replaced', 'promised'))"


def version_of(connection: sqlite3.Connection) -> int:
    """The version that wrote a ledger; 0 if it has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version:
        return int(version)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return 0
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    return row[0] if row and isinstance(row[0], int) else _FIRST


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of this version. To be called inside a transaction."""
    for statement in statements(TABLES):
        connection.execute(statement)
    connection.execute(BLANK_CHANNEL)
    _set_version(connection, VERSION)


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a ledger that has tables to this version; one that has it already is left alone.

    Raises:
        StateError: a newer version wrote it.
        VolumeError: the state volume refuses.
        sqlite3.DatabaseError: it is damaged.
    """
    if _checked_version(connection, path) == VERSION:
        return
    faults.point("before", f"upgrade {path}")
    with database.transaction(connection, "upgrade", path):
        # Another program may have done it while this one waited for the file.
        for version in range(_checked_version(connection, path), VERSION):
            _STEPS[version](connection)
        _set_version(connection, VERSION)
    faults.point("after", f"upgrade {path}")


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    version = version_of(connection)
    if version > VERSION:
        raise StateError(
            f"{path} has schema {version} and this version knows {VERSION};"
            " run the version that wrote it, or a newer one"
        )
    return version


def _set_version(connection: sqlite3.Connection, version: int) -> None:
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (version,))


def _from_1(connection: sqlite3.Connection) -> None:
    """Rows prove themselves; what was noted in ``meta`` by key has columns of its own."""
    execute = connection.execute
    for table in ("artifact", "carried", "run_exports", "channeldata"):
        execute(f"ALTER TABLE {table} ADD COLUMN proof BLOB")
    execute(
        "CREATE INDEX IF NOT EXISTS artifact_replaced ON artifact (subdir, filename, sha256)"
        " WHERE home = 'replaced'"
    )
    execute(
        "CREATE TABLE channel ("
        " only INTEGER PRIMARY KEY CHECK (only = 1), identity TEXT NOT NULL,"
        " serial INTEGER NOT NULL, settled TEXT NOT NULL, due REAL NOT NULL,"
        " scrubbed TEXT NOT NULL, kept TEXT NOT NULL,"
        " restoring INTEGER NOT NULL)"
    )
    execute(
        "CREATE TABLE compared (document TEXT PRIMARY KEY, digest TEXT NOT NULL,"
        " serial INTEGER NOT NULL) WITHOUT ROWID"
    )
    execute("CREATE TABLE swept (subdir TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL) WITHOUT ROWID")
    noted = dict(execute("SELECT key, value FROM meta").fetchall())
    execute(
        "INSERT INTO channel VALUES (1, ?, ?, ?, ?, ?, ?, 0)",
        (
            noted.get("identity") or "", int(noted.get("serial") or 0), noted.get("settled") or "",
            float(noted.get("due") or 0), noted.get("scrubbed") or "", noted.get("kept") or "",
        ),
    )  # fmt: skip
    for key, value in noted.items():
        if key == "channeldata" or key.startswith("run_exports."):
            digest, _, serial = str(value).partition(" ")
            execute("INSERT INTO compared VALUES (?, ?, ?)", (key, digest, int(serial)))
    execute("DELETE FROM meta WHERE key != 'schema'")


def _from_2(connection: sqlite3.Connection) -> None:
    """Of bytes whose record has another md5, theirs is noted."""
    connection.execute(
        "CREATE TABLE other_md5 (sha256 TEXT PRIMARY KEY, md5 TEXT NOT NULL) WITHOUT ROWID"
    )


def _from_3(connection: sqlite3.Connection) -> None:
    """An artifact may have two records (CEP 48), or sidecars (CEP 50), or be a promise.

    What upstream lists in the third revision was carried as a text that nobody looked into, and the
    next sync looks for it: although upstream may have published nothing since the last one.
    """
    for table in ("artifact", "incoming"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN twin TEXT")
    _let_promise(connection)
    for statement in statements(SIDECAR_TABLES + PROMISE_TABLES + REFUSED_TABLE):
        connection.execute(statement)
    if connection.execute("DELETE FROM carried WHERE key = ?", (V3,)).rowcount:
        connection.execute("UPDATE channel SET settled = ''")


def _let_promise(connection: sqlite3.Connection) -> None:
    """Let ``artifact.home`` be ``promised``, without writing its rows again.

    SQLite alters no CHECK. Its documentation (lang_altertable, section 7) gives this way for
    changes that leave the rows as they are: edit the text of the table, let every connection read
    it again.
    """
    execute = connection.execute
    (schema,) = execute("PRAGMA schema_version").fetchone()
    execute("PRAGMA writable_schema = ON")
    try:
        changed = execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?)"
            " WHERE type = 'table' AND name = 'artifact' AND instr(sql, ?)",
            (_HOMES, _HOMES_AND_PROMISED, _HOMES),
        ).rowcount
        execute(f"PRAGMA schema_version = {schema + 1}")
    finally:
        execute("PRAGMA writable_schema = RESET")
    if changed != 1:
        raise sqlite3.DatabaseError("its table of artifacts is not what any version made")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3}
"""By the version that a step begins with."""
