"""Artifacts that lock files name and upstream's index no longer lists: downloadable all the same.

They are staged and verified by the lock's hash, and placed in ``retired/``, which nginx serves and
no index lists. They stay as long as a lock file names them, then for the grace period.

Order, as in ``commit``: one barrier makes the staged bytes durable; one transaction writes the rows
(they are the journal: bytes are on the volume or in staging from then on); renames; folders.
Guaranteed: a crash anywhere is rolled forward by ``finish``, which every run calls first; a served
name never changes its bytes. Callers hold the channel lock for ``finish`` and ``place``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Staged
from syncer.planning.locked_artifacts import REASON
from volume.ledger.artifact import Retired
from volume.program.log import redact


class LockedArtifacts:
    """Those of one channel that are downloadable without being listed."""

    def __init__(self, store: Store, ledger: LedgerWriter, *, now: Callable[[], float]) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now

    def finish(self) -> None:
        """Roll forward what an interrupted ``place`` left.

        Raises:
            VolumeError: a volume refused.
        """
        absent = [
            row
            for row in self._ledger.retired()
            if row.reason == REASON and not self._store.has(row)
        ]
        found = [(path, row) for row in absent if (path := self._store.staging.find(row))]
        self._store.commit_retired(found)
        placed = {row for _, row in found}
        lost = [row for row in absent if row not in placed]
        if lost:  # not by a crash; whoever still locks them gets them again
            with self._ledger.transaction("forget locked"):
                for row in lost:
                    self._ledger.forget_retired(row)

    def place(self, staged: Sequence[Staged]) -> None:
        """Make staged artifacts downloadable.

        Raises:
            VolumeError: a volume refused.
        """
        if not staged:
            return
        rows = [self._row(item) for item in staged]
        self._store.staging.sync()
        with self._ledger.transaction("journal locked"):
            for item, row in zip(staged, rows, strict=True):
                self._ledger.enter_retired(row, source=redact(item.source))
        self._store.commit_retired(
            (self._store.staging.path(row.subdir, row.filename, item.digest), row)
            for item, row in zip(staged, rows, strict=True)
        )

    def _row(self, item: Staged) -> Retired:
        artifact = item.task.artifact
        return Retired(
            subdir=artifact.subdir,
            filename=artifact.filename,
            sha256=item.sha256,
            size=item.size,
            home="retired",
            serial=self._ledger.serial,
            left=self._now(),
            reason=REASON,
        )
