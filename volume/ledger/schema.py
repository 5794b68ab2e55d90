"""What the ledger's SQLite file holds, and how both sides open it.

Tables (the indexer may attach the file and read them in SQL):

- ``artifact``: what the next generation lists; ``record`` is upstream's JSON text, unchanged;
  ``serial`` is the commit that last changed the row.
- ``incoming``: rows of a commit whose files are being renamed; rolled forward after a crash.
- ``retired``: bytes that no longer belong to the index but are still on the volume.
- ``carried``: what else upstream's repodata holds (``removed``, ``signatures``, ``info.*``, ...),
  and documents beside it: ``document.<filename>``, those of the channel itself in subdir ''.
- ``run_exports``, ``channeldata``: upstream's, for what is committed (CEP 12, CEP 38).
- ``history``: what entered or left, when, from where and by which run; append-only.
- ``meta``: ``schema``, ``serial``, and the syncer's own notes.

Guaranteed: every transaction is atomic and durable (WAL, synchronous=FULL).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from volume.errors import StateError, VolumeError

SCHEMA = 1
ROOT = ""  # in place of a subdir: what belongs to the channel as a whole
DOCUMENT = "document."  # before a filename, in ``carried``: no key of a repodata.json

TABLES = """
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
CREATE TABLE run (id INTEGER PRIMARY KEY, started TEXT NOT NULL, policy TEXT NOT NULL,
    UNIQUE (started, policy));
CREATE TABLE history (
    moment REAL NOT NULL, event TEXT NOT NULL, subdir TEXT NOT NULL, filename TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, source TEXT NOT NULL, run INTEGER NOT NULL);
CREATE INDEX history_filename ON history (filename);
CREATE TRIGGER history_keeps BEFORE DELETE ON history
    BEGIN SELECT RAISE(ABORT, 'history is append-only') ;END;
CREATE TRIGGER history_stays BEFORE UPDATE ON history
    BEGIN SELECT RAISE(ABORT, 'history is append-only') ;END;
CREATE TABLE channeldata (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
"""

COLUMNS = "subdir, filename, section, size, sha256, digest, record, home, entered, source, md5"
RETIRED_COLUMNS = "subdir, filename, sha256, size, home, serial, left, reason"

CURE = (
    "move it away and run 'syncer --once': what is on the mirror volume is hashed and taken over,"
    " not downloaded again"
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file as both sides use it: WAL, every commit durable.

    Raises:
        VolumeError: the state volume refuses.
        StateError: it is no database.
    """
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
    except sqlite3.OperationalError as error:
        raise VolumeError(f"can't open {path}: {error}; is the state volume writable?") from error
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path} is damaged ({error}); {CURE}") from error
