"""The listing: what the next generation must hold, from the ledger and the local records.

It is the one definition of right that ``complete`` writes from and ``verify`` compares with; its
records are read by ``rows``. Pure reading; the channel's lock keeps it still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.records.record_cache import RecordCache
from indexer.records.refused import RefusedArtifact
from volume.generations import UPSTREAM, Published
from volume.ledger.ledger import Ledger
from volume.ledger.schema import UNPROVEN


@dataclass(frozen=True, slots=True)
class Listing:
    """A channel's committed and local artifacts, but for the refused ones.

    ``subdirs`` always has noarch. ``timestamps`` says whose ``indexed_timestamp`` mirrored records
    have (``volume.generations.Generation``).
    """

    channel: str
    ledger: Ledger | None
    cache: RecordCache
    subdirs: tuple[str, ...]
    refused: tuple[RefusedArtifact, ...] = ()
    timestamps: str = UPSTREAM

    @property
    def records(self) -> int:
        """How many records are listed."""
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
        totals = dict.fromkeys(self.subdirs, Published(0, 0))
        for subdir, *counts in self._counts():
            if subdir in totals:
                totals[subdir] = _sum(totals[subdir], Published(*counts))
        return {subdir: totals[subdir] for subdir in sorted(totals)}

    def _counts(self) -> Iterator[tuple[str, int, int, int]]:
        """Subdir, records, bytes and twins, in parts."""
        if self.ledger is not None:
            yield from self.ledger.connection.execute(
                "SELECT subdir, count(*) + count(twin), sum(size), count(twin) FROM artifact"
                " GROUP BY subdir"
            )
        for subdir, (count, size) in self.cache.local_totals().items():
            yield subdir, count, size, 0
        for one in self.refused:
            yield one.subdir, -1 - one.has_twin, -one.size, -one.has_twin


def _sum(one: Published, two: Published) -> Published:
    return Published(one.records + two.records, one.size + two.size, one.twins + two.twins)
