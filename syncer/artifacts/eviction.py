"""Eviction: artifacts on demand give up their bytes, and are only promised again.

Order: one transaction says that the rows are promised, then the names in ``channels/`` go. Stopped
between, the bytes are found under the promised names, and are the promised ones: the next sync
notes them as here again.

Guaranteed: no name is taken from under who has just fetched it anew, as both claim it; a client
that has the file open reads it to its end. The serial stays the same, as what is published does.
Callers hold the channel lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import PromisesWriter
from syncer.artifacts.store.store import Store
from syncer.planning.on_demand.eviction import Evictable
from syncer.planning.plan import Amount
from volume.ledger.artifact import Artifact

_AT_A_TIME = 200  # claims, each an open file


class Eviction:
    """Evicts artifacts of one channel."""

    def __init__(self, store: Store, ledger: LedgerWriter) -> None:
        self._store = store
        self._ledger = ledger
        self._promises = PromisesWriter(ledger)

    def evict(self, chosen: Sequence[Evictable], *, now: Callable[[], float]) -> Amount:
        """Let these be promised again, and delete their bytes; return how much that was.

        What somebody is fetching, or what is not there to be evicted any more, is left alone.

        Raises:
            VolumeError: a volume refused.
        """
        count = size = 0
        for part in _parts(chosen):
            with contextlib.ExitStack() as claims:
                mine = [one for one in part if self._claim(claims, one)]
                gone: list[Artifact] = []
                with self._ledger.transaction("evict"):
                    for one in mine:
                        row = self._promises.promise_again(one.subdir, one.filename, moment=now())
                        if row is not None:
                            gone.append(row)
                self._store.remove(gone)
            count += len(gone)
            size += sum(row.size for row in gone)
        return Amount(count, size)

    def _claim(self, claims: contextlib.ExitStack, one: Evictable) -> bool:
        claim = self._store.staging.claim_free(one.subdir, one.filename)
        if claim is not None:
            claims.enter_context(claim)
        return claim is not None


def _parts(chosen: Sequence[Evictable]) -> Iterator[list[Evictable]]:
    left = iter(chosen)
    while part := list(islice(left, _AT_A_TIME)):
        yield part
