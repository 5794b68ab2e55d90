"""A table of the ledger that follows a document of upstream's, entry by entry.

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
from volume.names import package_name


class Table(Protocol):
    """What run_exports and channeldata have in common."""

    @property
    def key(self) -> str:
        """Its note in the ledger."""

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
        """Write what belongs to committed artifacts; return whether any row changed."""

    def sweep(self) -> bool:
        """Delete what does not belong to committed artifacts; return whether there was any."""


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
        return self._ledger.lacks_run_exports(self._subdir, after_serial=serial)

    def change(self, difference: Difference) -> bool:
        return self._ledger.change_run_exports(self._subdir, difference)

    def sweep(self) -> bool:
        return self._ledger.drop_strange_run_exports(self._subdir)


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
        return self._ledger.lacks_channeldata(self._planned, after_serial=serial)

    def change(self, difference: Difference) -> bool:
        return self._ledger.change_channeldata(difference)

    def sweep(self) -> bool:
        return self._ledger.drop_strange_channeldata()
