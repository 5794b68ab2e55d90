"""Retire and expire: how artifacts leave the volume, slowly and never under a client's feet.

Retiring takes an artifact out of the index; its bytes move to ``retired/``, where nginx still finds
them, once no published index lists it. Expiring deletes them when the grace period is over and no
kept generation was built from a commit that listed them.

Damaged artifacts, which ``verify`` finds, do not get that time: they go to ``quarantine/``.

Guaranteed: each step may be stopped anywhere and done again. Callers hold the channel lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import PromisesWriter
from syncer.artifacts.store.store import Store
from volume.generations import Generation
from volume.ledger.artifact import Placed, Retired

_RENEWAL = 86_400.0  # seconds: no need to write it down at each run


@dataclass(frozen=True, slots=True)
class Expired:
    """What was deleted; ``size`` in bytes."""

    artifacts: int = 0
    size: int = 0


class Retirement:
    """Retires and expires the artifacts of one channel."""

    def __init__(self, store: Store, ledger: LedgerWriter) -> None:
        self._store = store
        self._ledger = ledger
        self._promises = PromisesWriter(ledger)

    def retire(self, names: Iterable[tuple[str, str]], *, now: float, reason: str) -> int:
        """Take artifacts, given as (subdir, filename), out of the index; return how many.

        Raises:
            VolumeError: the state volume refused.
        """
        leaving = list(names)
        if leaving:
            with self._ledger.transaction("retire"):
                serial = self._ledger.raise_serial()
                self._ledger.retire(leaving, serial=serial, left=now, reason=reason)
        return len(leaving)

    def retire_damaged(self, damaged: Iterable[Placed], *, now: float) -> None:
        """Take damaged artifacts out of the index; ``quarantine`` then moves their files.

        Raises:
            VolumeError: the state volume refused.
        """
        with self._ledger.transaction("retire damaged"):
            self._ledger.retire_damaged(damaged, serial=self._ledger.raise_serial(), left=now)

    def quarantine(self) -> None:
        """Move damaged files out of every served folder, at once.

        Raises:
            VolumeError: a volume refused.
        """
        damaged = [row for row in self._ledger.retired() if row.reason == "damaged"]
        if damaged:
            self._store.quarantine(damaged)
            with self._ledger.transaction("quarantine"):
                for retired in damaged:
                    self._ledger.forget_retired(retired)

    def move(self, published: Generation | None) -> None:
        """Move retired files out of ``channels/`` that the published index no longer lists.

        Raises:
            VolumeError: a volume refused.
        """
        if published is None:
            return
        leaving = [
            retired
            for retired in self._ledger.retired()
            if retired.home == "channels"
            and retired.reason != "replaced"
            and retired.serial <= published.serial
        ]
        if leaving:
            self._store.retire(leaving)
            with self._ledger.transaction("move retired"):
                for retired in leaving:
                    self._ledger.set_retired_home(retired, "retired")

    def expire(
        self,
        kept: Iterable[Generation],
        *,
        now: float,
        grace_seconds: float,
        stays: Callable[[Retired], bool] = lambda retired: False,
    ) -> Expired:
        """Delete what has been out of every kept generation for the grace period.

        Args:
            stays: what is not deleted however old it is, as somebody still needs it; its grace
                period begins when nobody does any more, to the day.

        Raises:
            VolumeError: a volume refused.
        """
        oldest = min((generation.serial for generation in kept), default=None)
        gone = []
        self._renew([one for one in self._ledger.retired() if stays(one)], now=now)
        for retired in self._ledger.retired():
            if stays(retired):
                continue
            if oldest is None or retired.serial > oldest or now - retired.left < grace_seconds:
                continue
            gone.append(retired)
        if gone:
            self._store.remove(gone)
            with self._ledger.transaction("expire"):
                for retired in gone:
                    self._ledger.expire(retired, moment=now)
        if oldest is not None and self._promises.has_unkept(oldest):
            with self._ledger.transaction("forget unkept"):
                self._promises.forget_unkept(oldest)
        self._settle()
        self._sweep_replaced()
        return Expired(len(gone), sum(retired.size for retired in gone))

    def _renew(self, staying: Iterable[Retired], *, now: float) -> None:
        due = [retired for retired in staying if now - retired.left >= _RENEWAL]
        if due:
            with self._ledger.transaction("renew retired"):
                for retired in due:
                    self._ledger.renew_retired(retired, now)

    def _settle(self) -> None:
        """Give replaced content its proper name once the old content is gone."""
        for subdir, filename, sha256 in self._ledger.replaced():
            if self._ledger.retired(subdir, filename):
                continue
            if self._promises.with_other_bytes(subdir, {filename: sha256}):
                continue  # kept generations promise others
            if self._store.settle(subdir, filename, sha256):
                with self._ledger.transaction("settle"):
                    self._ledger.set_home(subdir, filename, "channels")

    def _sweep_replaced(self) -> None:
        """Remove names in ``replaced/`` that the ledger does not use (any more)."""
        used = {(subdir, sha256) for subdir, _, sha256 in self._ledger.replaced()}
        used.update((row.subdir, row.sha256) for row in self._ledger.incoming())
        used.update(
            (row.subdir, row.sha256) for row in self._ledger.retired() if row.home == "replaced"
        )
        self._store.sweep_replaced(
            self._ledger.subdirs(), lambda subdir, sha256: (subdir, sha256) in used
        )
