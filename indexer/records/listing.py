"""The listing: what the next generation must hold, from the ledger and the local records.

It is the one definition of right that ``complete`` writes from and ``verify`` compares with.
Pure reading; the channel's lock keeps it still.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.base.repodata import Record
from indexer.records.memory import Memory
from volume.generations import Published
from volume.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Listing:
    """A channel's committed and local artifacts; ``subdirs`` always has noarch."""

    channel: str
    ledger: Ledger | None
    memory: Memory
    subdirs: tuple[str, ...]

    def records(self, subdir: str) -> Iterator[tuple[str, str]]:
        """Filename and record (a JSON text) of everything that is listed."""
        if self.ledger is not None:
            for artifact in self.ledger.artifacts(subdir):
                yield artifact.filename, artifact.record
        for local in self.memory.accepted(subdir):
            yield local.file.filename, local.record or "null"

    def decoded(self, subdir: str) -> Iterator[tuple[str, Record]]:
        """Filename and record of everything that is listed."""
        for filename, text in self.records(subdir):
            yield filename, json.loads(text)

    def published(self) -> dict[str, Published]:
        """Counts and bytes by subdir."""
        totals = {subdir: (0, 0) for subdir in self.subdirs}
        for found in (
            self.ledger.totals() if self.ledger is not None else {},
            self.memory.local_totals(),
        ):
            for subdir, (count, size) in found.items():
                before = totals.get(subdir, (0, 0))
                totals[subdir] = (before[0] + count, before[1] + size)
        return {subdir: Published(*total) for subdir, total in sorted(totals.items())}
