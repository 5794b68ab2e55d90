"""What the ledger's SQLite file holds, and how both sides open it.

Tables (the indexer may attach the file and read them in SQL):

- ``artifact``: what the next generation lists; ``record`` is upstream's JSON text, unchanged, and
  ``section`` where upstream has it; ``twin`` is the text of the artifact's second record, in the
  section of revision 3 (``volume/sections.py``), if it has one in each; ``digest`` is of all its
  records; ``serial`` is the commit that last changed the row; ``proof`` is a hash of what is
  published.
  ``home`` is ``promised`` where the bytes are not here and are fetched when somebody asks: then no
  file has the name, and ``sha256`` is empty and ``size`` 0 if upstream's record does not tell.
- ``unkept``: promises that were taken back or got other bytes: kept generations may still list
  those, so the name gets no others in ``channels/`` before they are gone.
- ``needed``: artifacts of a channel on demand that are here, or are to be, for another reason than
  that somebody asked for them, as a sync found out last; only if something is ever evicted.
- ``pruned``: artifacts that upstream lists and nobody asked for in PRUNE_UNUSED_DAYS, and when
  somebody did last, or they came: a request after that brings one back.
- ``ungiven``: artifacts on demand that upstream lists and did not give when somebody asked.
- ``origin``: where the index of a subdir came from, without credentials, and its ``base_url``.
- ``incoming``: rows of a commit whose files are being renamed; rolled forward after a crash.
- ``retired``: bytes that no longer belong to the index but are still on the volume.
- ``carried``: what else upstream's repodata holds (``removed``, ``signatures``, ``info.*``, ...),
  and documents beside it: ``document.<filename>``, those of the channel itself in subdir ''.
- ``sidecar``: documents beside an artifact (CEP 50), by their own name; ``missing`` says why one
  that a record promises is not here, NULL for what is; ``probe``: when upstream was last asked for
  those of an artifact whose record promises none.
- ``run_exports``, ``channeldata``: upstream's, for what is committed (CEP 12, CEP 38); these and
  ``carried`` have a ``proof`` too.
- ``history``: what entered or left, when, from where and by which run; append-only.
- ``channel``: one row: the serial, and what the syncer notes of the channel as a whole.
- ``compared``: which document a table was last compared with, and up to which commit.
- ``refused``: what upstream lists and nobody can use, and why, as it was last looked at.
- ``swept``: folders in which every file was known, and their time of change then.
- ``meta``: ``schema``, for version 0.1.0, which refuses what it does not know by it. Later versions
  go by ``PRAGMA user_version``; ``volume/ledger/migrations.py`` has the steps.

Guaranteed: every transaction is atomic and durable (WAL, synchronous=FULL).
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from volume.errors import MirrorError, StateError, VolumeError

VERSION = 4
ROOT = ""  # in place of a subdir: what belongs to the channel as a whole
DOCUMENT = "document."  # before a filename, in ``carried``: no key of a repodata.json

SIDECAR_TABLES = """
CREATE TABLE sidecar (
    subdir TEXT NOT NULL, name TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, verified REAL NOT NULL, missing TEXT,
    PRIMARY KEY (subdir, name)) WITHOUT ROWID;
CREATE INDEX sidecar_missing ON sidecar (subdir, filename) WHERE missing IS NOT NULL;
CREATE TABLE probe (subdir TEXT NOT NULL, filename TEXT NOT NULL, moment REAL NOT NULL,
    PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE INDEX probe_moment ON probe (moment);
"""

REFUSED_TABLE = """
CREATE TABLE refused (subdir TEXT NOT NULL, filename TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (subdir, filename, reason)) WITHOUT ROWID;
"""

PROMISE_TABLES = """
CREATE TABLE unkept (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, serial INTEGER NOT NULL,
    PRIMARY KEY (subdir, filename, sha256)) WITHOUT ROWID;
CREATE TABLE origin (
    subdir TEXT PRIMARY KEY, base TEXT NOT NULL, base_url TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE needed (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE TABLE pruned (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, size INTEGER NOT NULL, last REAL NOT NULL,
    PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE TABLE ungiven (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, digest BLOB NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, since REAL NOT NULL, last REAL NOT NULL, tries INTEGER NOT NULL,
    due REAL NOT NULL, PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE INDEX ungiven_last ON ungiven (last);
"""

TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE artifact (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced', 'promised')),
    serial INTEGER NOT NULL, entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT,
    verified REAL NOT NULL, proof BLOB, twin TEXT, PRIMARY KEY (subdir, filename));
CREATE INDEX artifact_serial ON artifact (serial);
CREATE INDEX artifact_replaced ON artifact (subdir, filename, sha256) WHERE home = 'replaced';
CREATE TABLE incoming (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced')),
    entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT, twin TEXT,
    PRIMARY KEY (subdir, filename));
CREATE TABLE retired (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced', 'retired')),
    serial INTEGER NOT NULL, left REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (subdir, filename, sha256));
CREATE TABLE carried (subdir TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    proof BLOB, PRIMARY KEY (subdir, key)) WITHOUT ROWID;
CREATE TABLE run_exports (subdir TEXT NOT NULL, filename TEXT NOT NULL, run_exports TEXT NOT NULL,
    proof BLOB, PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
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
CREATE TABLE channeldata (name TEXT PRIMARY KEY, data TEXT NOT NULL, proof BLOB) WITHOUT ROWID;
CREATE TABLE channel (
    only INTEGER PRIMARY KEY CHECK (only = 1), identity TEXT NOT NULL, serial INTEGER NOT NULL,
    settled TEXT NOT NULL,
    due REAL NOT NULL, scrubbed TEXT NOT NULL, kept TEXT NOT NULL, restoring INTEGER NOT NULL);
CREATE TABLE compared (
    document TEXT PRIMARY KEY, digest TEXT NOT NULL, serial INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE swept (subdir TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE other_md5 (sha256 TEXT PRIMARY KEY, md5 TEXT NOT NULL) WITHOUT ROWID;
{SIDECAR_TABLES.strip()}
{PROMISE_TABLES.strip()}
{REFUSED_TABLE.strip()}
"""


def statements(tables: str) -> list[str]:
    """The statements of such a text, one by one; a trigger's own semicolon ends no line."""
    return [one for one in tables.strip().split(";\n") if one]


IDENTITY = "lower(hex(randomblob(8)))"

# What stands in ``channel`` before the first commit.
BLANK_CHANNEL = f"INSERT INTO channel VALUES (1, {IDENTITY}, 0, '', 0, '', '', 0)"  # noqa: S608


COLUMNS = (
    "subdir, filename, section, size, sha256, digest, record, home, entered, source, md5, twin"
)
RETIRED_COLUMNS = "subdir, filename, sha256, size, home, serial, left, reason"

CURE = (
    "move it away and run 'syncer --once': what is on the mirror volume is hashed and taken over,"
    " not downloaded again"
)

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

REFUSALS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a ledger raises; the second one when SQLite names what it can't understand."""


def proof(*values: str, added: str = "NULL") -> str:
    """The SQL of a row's proof: a hash of these values, columns or parameters, as they are stored.

    Taken of the bytes, so that a text that is no UTF-8 any more is only another hash. A value that
    was ``added`` in a later version counts where it is not NULL: proofs of before stay true.
    """
    joined = " || char(10) || ".join(f"ifnull({value}, '')" for value in values)
    return f"prove(CAST({joined} || ifnull(char(10) || {added}, '') AS BLOB))"


def artifact_proof(
    section: str = "section",
    md5: str = "md5",
    record: str = "record",
    twin: str = "twin",
    *,
    size: str = "size",
    sha256: str = "sha256",
) -> str:
    """The SQL of an artifact's proof: of all that is published of it."""
    return proof("subdir", "filename", section, size, sha256, md5, record, added=twin)


_OLD_PROOF = proof("record")  # rows of 0.1.0 have a hash of the record alone
UNPROVEN = {
    "artifact": (
        f"coalesce(proof, digest) IS NOT CASE WHEN proof IS NULL THEN {_OLD_PROOF}"
        f" ELSE {artifact_proof()} END"
    ),
    "run_exports": f"proof != {proof('subdir', 'filename', 'run_exports')}",
    "channeldata": f"proof != {proof('name', 'data')}",
    "carried": f"proof != {proof('subdir', 'key', 'value')}",
}
"""For each table whose rows prove themselves, the SQL of what is not what was written."""

NAMES = {
    "artifact": ("subdir", "filename"),
    "run_exports": ("subdir", "filename"),
    "channeldata": ("name",),
    "carried": ("subdir", "key"),
}
"""For each of these tables the columns that name a row."""


def _prove(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


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
        connection.create_function("prove", 1, _prove, deterministic=True)
        return connection
    except REFUSALS as error:
        raise refusal(error, "open", path) from error


def refusal(
    error: sqlite3.DatabaseError | UnicodeDecodeError, action: str, path: Path
) -> MirrorError:
    """What SQLite refused, in plain words. Only what is damaged is to be moved away."""
    code = getattr(error, "sqlite_errorcode", None)
    # A table or column that is not there: the page that describes them is damaged.
    is_damaged = code is None or code & 0xFF in _DAMAGE or str(error).startswith("no such ")
    if not is_damaged:
        if isinstance(error, sqlite3.OperationalError):
            return VolumeError(
                f"can't {action} {path}: {error}; is the state volume full or read-only?"
            )
        return StateError(
            f"can't {action} {path}: {error}; the file is not damaged and nothing in it was"
            " changed: look at what was to be written"
        )
    return StateError(f"{path} is damaged ({error}); {CURE}")
