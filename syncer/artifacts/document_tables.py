"""A table of the ledger that follows a document of upstream's, entry by entry.

Guaranteed: a table has entries of what is committed only; what a document says of others is left
out. ``change`` and ``sweep`` are called inside a transaction of the ledger.

For each is noted which document it was compared with, and up to which commit. So a document that
did not change is only read again if something was committed, or is about to be, that it may speak
of; also if the run that committed it was stopped before it could.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.conda import entries
from syncer.conda.entries import Difference
from volume.ledger.schema import proof
from volume.names import package_name


class Table(Protocol):
    """What run_exports and channeldata have in common."""

    @property
    def key(self) -> str:
        """What the ledger notes under, which document it was compared with."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The paths of its document below the channel, the smallest first."""

    def compare(self, content: bytes | bytearray) -> Difference:
        """What a document changes in it.

        Raises:
            ValueError, RecursionError: it is not such a document.
        """

    def lacks(self, serial: int) -> bool:
        """Whether it has nothing of what is planned, or was committed after ``serial``."""

    def change(self, difference: Difference) -> bool:
        """Write what belongs to committed artifacts, None deletes; return whether a row changed."""

    def sweep(self) -> bool:
        """Delete what does not belong to committed artifacts; return whether there was any.

        Earlier versions left some.
        """


class RunExports:
    """The run_exports of a subdir (CEP 12); ``planned`` are filenames."""

    def __init__(self, ledger: LedgerWriter, subdir: str, planned: Collection[str]) -> None:
        self._ledger = ledger
        self._planned = planned
        self._subdir = subdir
        self.key = f"run_exports.{subdir}"
        self.variants = (f"{subdir}/run_exports.json.zst", f"{subdir}/run_exports.json")

    def compare(self, content: bytes | bytearray) -> Difference:
        return entries.difference(
            self._ledger.run_exports_rows(self._subdir), entries.run_exports(content),
            self._relevant(), entries.run_exports_text,
        )  # fmt: skip

    def compare_texts(self, texts: dict[str, str]) -> Difference:
        """What JSON texts by filename change, as they come with shards."""
        rows = self._ledger.run_exports_rows(self._subdir)
        return entries.difference(rows, dict(texts), self._relevant(), str)

    def _relevant(self) -> Iterator[str]:
        yield from self._planned
        yield from self._ledger.committed(self._subdir)

    def lacks(self, serial: int) -> bool:
        if self._planned:
            return True
        row = self._ledger.connection.execute(
            # The plus keeps SQLite from going by subdir, through all that is committed.
            "SELECT EXISTS (SELECT 1 FROM artifact a WHERE a.serial > ?2 AND +a.subdir = ?1"
            " AND NOT EXISTS (SELECT 1 FROM run_exports r"
            " WHERE r.subdir = ?1 AND r.filename = a.filename))",
            (self._subdir, serial),
        )
        return bool(row.fetchone()[0])

    def change(self, difference: Difference) -> bool:
        connection = self._ledger.connection
        before = connection.total_changes
        connection.executemany(
            "DELETE FROM run_exports WHERE subdir = ? AND filename = ?",
            [(self._subdir, filename) for filename, text in difference.items() if text is None],
        )
        connection.executemany(
            f"INSERT INTO run_exports SELECT ?1, ?2, ?3, {proof('?1', '?2', '?3')}"  # noqa: S608
            " WHERE EXISTS (SELECT 1 FROM artifact WHERE subdir = ?1 AND filename = ?2)"
            " ON CONFLICT DO UPDATE SET run_exports = excluded.run_exports, proof = excluded.proof"
            " WHERE run_exports.run_exports != excluded.run_exports",
            (
                (self._subdir, filename, text)
                for filename, text in difference.items()
                if text is not None
            ),
        )
        return connection.total_changes > before

    def sweep(self) -> bool:
        done = self._ledger.connection.execute(
            "DELETE FROM run_exports WHERE subdir = ?1 AND filename NOT IN"
            " (SELECT filename FROM artifact WHERE subdir = ?1)",
            (self._subdir,),
        )
        return done.rowcount > 0


class Channeldata:
    """The channel's channeldata (CEP 38); ``planned`` are filenames."""

    key = "channeldata"
    variants = ("channeldata.json",)

    def __init__(self, ledger: LedgerWriter, planned: Collection[str]) -> None:
        self._ledger = ledger
        self._planned = {package_name(filename) for filename in planned}

    def compare(self, content: bytes | bytearray) -> Difference:
        return entries.difference(
            self._ledger.channeldata_rows(), entries.channeldata(content),
            self._relevant(), entries.text,
        )  # fmt: skip

    def _relevant(self) -> Iterator[str]:
        yield from self._planned
        yield from self._ledger.names()  # reads every filename: only if it comes to that

    def lacks(self, serial: int) -> bool:
        rows = self._ledger.connection.execute(
            "SELECT filename FROM artifact WHERE serial > ?", (serial,)
        )
        select = "SELECT 1 FROM channeldata WHERE name = ?"
        return any(
            self._ledger.connection.execute(select, (name,)).fetchone() is None
            for name in {*self._planned, *(package_name(row[0]) for row in rows)}
        )

    def change(self, difference: Difference) -> bool:
        connection = self._ledger.connection
        before = connection.total_changes
        connection.executemany(
            "DELETE FROM channeldata WHERE name = ?",
            [(name,) for name, text in difference.items() if text is None],
        )
        committed = self._ledger.committed_of(difference)
        connection.executemany(
            f"INSERT INTO channeldata VALUES (?1, ?2, {proof('?1', '?2')}) ON CONFLICT DO UPDATE"  # noqa: S608
            " SET data = excluded.data, proof = excluded.proof WHERE data != excluded.data",
            [
                (name, text)
                for name, text in difference.items()
                if text is not None and name in committed
            ],
        )
        return connection.total_changes > before

    def sweep(self) -> bool:
        names = self._ledger.names()
        gone = [(name,) for name, _ in self._ledger.channeldata_rows() if name not in names]
        self._ledger.connection.executemany("DELETE FROM channeldata WHERE name = ?", gone)
        return bool(gone)
