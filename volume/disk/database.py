"""SQLite as the state volume uses it: one transaction, all or nothing, errors in plain words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from volume.disk.files import make_directory, unlink
from volume.errors import VolumeError


def open_cache(path: Path, *, schema: int, tables: str, probe: str) -> sqlite3.Connection:
    """Open a file that is only a cache; one that is damaged, or of another version, begins anew.

    Args:
        tables: statements with semicolons between them, for a new file.
        probe: a query that every table in use answers.

    Raises:
        VolumeError: the state volume refuses.
    """
    make_directory(path.parent)
    try:
        return _open_cache(path, schema, tables, probe)
    except sqlite3.OperationalError as error:
        raise VolumeError(f"can't open {path}: {error}; is the state volume full?") from error
    except sqlite3.DatabaseError:
        unlink(path)
        unlink(path.with_name(f"{path.name}-journal"))
        return _open_cache(path, schema, tables, probe)


def _open_cache(path: Path, schema: int, tables: str, probe: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, schema}:
            raise sqlite3.DatabaseError(f"schema {version}")
        if version == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in tables.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {schema}")
            connection.execute("COMMIT")
        connection.execute(probe)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, name: str, path: Path) -> Iterator[None]:
    """Do what is inside as one transaction of a connection that is in autocommit mode.

    Raises:
        VolumeError: the state volume refuses.
        sqlite3.DatabaseError: the file is damaged; what that means, the caller knows.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.OperationalError as error:
        raise VolumeError(
            f"can't {name} in {path}: {error}; is the state volume full or read-only?"
        ) from error
