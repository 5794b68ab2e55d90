"""SQLite as the state volume uses it: one transaction, all or nothing, errors in plain words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from volume.errors import VolumeError


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
