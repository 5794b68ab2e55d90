"""A ledger that can be written: transactions, notes, the serial, and the history.

Guaranteed: every transaction is atomic, durable, and one fault point; the history can only grow.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from volume.disk import database, faults
from volume.disk.files import make_directory, volume_error
from volume.errors import StateError
from volume.ledger.ledger import Ledger
from volume.ledger.schema import CURE, SCHEMA, TABLES, connect

# What is in ``replaced/`` is asked for in every run, and there is little of it. Ledgers of before
# this index get it as well.
_REPLACED_INDEX = (
    "CREATE INDEX IF NOT EXISTS artifact_replaced ON artifact (subdir, filename, sha256)"
    " WHERE home = 'replaced'"
)


class WritableLedger(Ledger):
    """A ledger, open for writing; ``LedgerWriter`` adds what is written of artifacts."""

    _run = ("", "")
    _published = 0

    @classmethod
    def create(cls, path: Path, *, run: str = "", policy: str = "", published: int = 0) -> Self:
        """Open for writing; a ledger that is not there yet is created empty.

        Args:
            run: who writes, for the history: the start of a run.
            policy: what that run was told to mirror.
            published: the highest serial that a kept generation was made of. A ledger that is
                behind goes on from there, as serials say what may be deleted.

        Raises:
            StateError: it was written by another version, or is damaged.
            VolumeError: the state volume refuses.
        """
        make_directory(path.parent)
        ledger = cls(connect(path), path)
        ledger._run = (run, policy)
        ledger._published = published
        with ledger._opening():
            with ledger.transaction("create ledger"):
                if ledger._is_blank():
                    for statement in re.split(r";\n", TABLES):
                        ledger._connection.execute(statement)
                    ledger._connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA,))
                    ledger._renew()
                    ledger.set_note("serial", 0)
                ledger._connection.execute(_REPLACED_INDEX)
            ledger.check_schema()
        return ledger

    def _renew(self) -> None:
        self.set_note("identity", secrets.token_hex(8))

    @property
    def is_behind(self) -> bool:
        """Whether a later state than this is published: it is new, or an older copy."""
        return self.serial < self._published

    @contextlib.contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """All or nothing, durably; one fault point.

        Raises:
            VolumeError: the state volume refuses.
            StateError: the ledger is damaged.
        """
        try:
            faults.point("before", f"{name} {self.path}")
            with database.transaction(self._connection, name, self.path):
                yield
        except OSError as error:
            raise volume_error(error, name, self.path) from error
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path} is damaged ({error}); {CURE}") from error
        faults.point("after", f"{name} {self.path}")

    def _remember(self, select: str, values: tuple[object, ...] = ()) -> None:
        """Append the rows of a SELECT to the history."""
        self._connection.execute(
            "INSERT OR IGNORE INTO run (started, policy) VALUES (?, ?)", self._run
        )
        self._connection.execute(
            "INSERT INTO history (moment, event, subdir, filename, sha256, size, source, run)"  # noqa: S608
            " SELECT *, (SELECT id FROM run WHERE started = ? AND policy = ?)"
            f" FROM ({select})",
            (*self._run, *values),
        )

    def set_note(self, key: str, value: str | int) -> None:
        """Set one value of ``meta``."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def raise_serial(self) -> int:
        """Announce a change to the indexer; return the new serial.

        What is committed is not what upstream's index asks for until a run has settled it again.
        No serial is given twice: a ledger that is behind becomes another one.
        """
        if self.is_behind:
            self._renew()
        serial = max(self.serial, self._published) + 1
        self.set_note("serial", serial)
        self.set_note("settled", "")
        return serial
