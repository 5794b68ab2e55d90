"""A ledger that is open for writing: its transactions, the row of its channel, its history.

Guaranteed: every transaction is atomic, durable, and one fault point; no serial is given twice; the
history can only grow. All that writes is called inside ``transaction``.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from volume.disk import database, faults
from volume.disk.files import make_directory, volume_error
from volume.ledger import migrations
from volume.ledger.artifact import Compared, Settled
from volume.ledger.ledger import Ledger
from volume.ledger.schema import IDENTITY, connect, refusal


class OpenLedger(Ledger):
    """That of one channel."""

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
            StateError: it was written by a newer version, or is damaged.
            VolumeError: the state volume refuses.
        """
        make_directory(path.parent)
        ledger = cls(connect(path), path)
        ledger._run = (run, policy)
        ledger._published = published
        with ledger._opening():
            if migrations.version_of(ledger.connection) == 0:
                with ledger.transaction("create ledger"):
                    if migrations.version_of(ledger.connection) == 0:
                        migrations.create(ledger.connection)
            migrations.upgrade(ledger.connection, path)
        return ledger

    @contextlib.contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """All or nothing, durably; one fault point.

        Raises:
            VolumeError: the state volume refuses.
            StateError: the ledger is damaged.
        """
        try:
            faults.point("before", f"{name} {self.path}")
            with database.transaction(self.connection, name, self.path):
                yield
        except OSError as error:
            raise volume_error(error, name, self.path) from error
        except sqlite3.DatabaseError as error:
            raise refusal(error, name, self.path) from error
        faults.point("after", f"{name} {self.path}")

    @property
    def is_behind(self) -> bool:
        """Whether a later state than this is published: it is new, or an older copy."""
        return self.serial < self._published

    def raise_serial(self) -> int:
        """Announce a change to the indexer; return the new serial.

        What is committed is not what upstream's index asks for until a run has settled it again.
        No serial is given twice: a ledger that is behind becomes another one, and is restoring
        until ``set_restored``.
        """
        if self.is_behind:
            self.connection.execute(f"UPDATE channel SET identity = {IDENTITY}, restoring = 1")  # noqa: S608
        serial = max(self.serial, self._published) + 1
        self._set(serial=serial, settled="")
        return serial

    def settle(self, settled: Settled) -> None:
        """Note what a clean run has dealt with."""
        self._set(settled=settled.inputs, due=settled.due)

    def unsettle(self) -> None:
        """Let the next run look again, though nothing was committed."""
        self._set(settled="")

    def set_scrubbed(self, position: str) -> None:
        """Note how far a scrub of retired bytes came."""
        self._set(scrubbed=position)

    def set_kept(self, text: str) -> None:
        """Note what is here although upstream dropped it."""
        self._set(kept=text)

    def set_restored(self) -> None:
        """Note that what a lost or older state lacked is committed again."""
        self._set(restoring=0)

    def set_compared(self, document: str, compared: Compared) -> None:
        """Note which content of a document its table was compared with."""
        self.connection.execute(
            "INSERT OR REPLACE INTO compared VALUES (?, ?, ?)",
            (document, compared.digest, compared.serial),
        )

    def set_swept(self, subdir: str, mtime_ns: int) -> None:
        """Note that every file of a folder was known when it last changed."""
        self.connection.execute("INSERT OR REPLACE INTO swept VALUES (?, ?)", (subdir, mtime_ns))

    def _set(self, **values: str | float) -> None:
        columns = ", ".join(f"{column} = ?" for column in values)
        self.connection.execute(f"UPDATE channel SET {columns}", tuple(values.values()))  # noqa: S608

    def _remember(self, select: str, values: tuple[object, ...] = ()) -> None:
        """Append the rows of a SELECT to the history."""
        self.connection.execute(
            "INSERT OR IGNORE INTO run (started, policy) VALUES (?, ?)", self._run
        )
        self.connection.execute(
            "INSERT INTO history (moment, event, subdir, filename, sha256, size, source, run)"  # noqa: S608
            " SELECT *, (SELECT id FROM run WHERE started = ? AND policy = ?)"
            f" FROM ({select})",
            (*self._run, *values),
        )
