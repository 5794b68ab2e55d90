"""The listing: what the next generation must hold, from the ledger and the local records.

It is the one definition of right that ``complete`` writes from and ``verify`` compares with; its
records are read by ``rows``. Pure reading; the channel's lock keeps it still.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer.records.record_cache import RecordCache
from indexer.records.refused import RefusedArtifact
from volume.generations import Published
from volume.ledger.ledger import Ledger
from volume.ledger.schema import UNPROVEN


@dataclass(frozen=True, slots=True)
class Listing:
    """A channel's committed and local artifacts, but for the refused ones.

    ``subdirs`` always has noarch.
    """

    channel: str
    ledger: Ledger | None
    cache: RecordCache
    subdirs: tuple[str, ...]
    refused: tuple[RefusedArtifact, ...] = ()

    @property
    def records(self) -> int:
        """How many artifacts are listed."""
        return sum(published.records for published in self.published().values())

    def other_keys(self, subdir: str) -> dict[str, str]:
        """What else upstream's repodata holds, as JSON texts; what is damaged is left out."""
        return self._proven(
            "SELECT key, value FROM carried WHERE subdir = ? AND", "carried", (subdir,)
        )

    def channeldata(self) -> dict[str, str]:
        """Upstream's channeldata as JSON texts, by name; what is damaged is left out."""
        return self._proven("SELECT name, data FROM channeldata WHERE", "channeldata", ())

    def _proven(self, query: str, table: str, values: tuple[str, ...]) -> dict[str, str]:
        if self.ledger is None:
            return {}
        query = f"{query} ({UNPROVEN[table]}) IS NOT TRUE"
        return dict(self.ledger.connection.execute(query, values))

    def published(self) -> dict[str, Published]:
        """Counts and bytes by subdir."""
        totals = {subdir: (0, 0) for subdir in self.subdirs}
        for found in (
            self.ledger.totals() if self.ledger is not None else {},
            self.cache.local_totals(),
        ):
            for subdir, (count, size) in found.items():
                before = totals.get(subdir, (0, 0))
                totals[subdir] = (before[0] + count, before[1] + size)
        for one in self.refused:
            count, size = totals.get(one.subdir, (1, one.size))
            totals[one.subdir] = (count - 1, size - one.size)
        return {subdir: Published(*totals[subdir]) for subdir in sorted(self.subdirs)}
