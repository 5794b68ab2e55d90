"""Keeping a promise: verified bytes in staging become the artifact that a row promises.

Order: the bytes are durable, then their second name in ``channels/``, then one transaction says so,
then the first name goes. Stopped before the transaction, the name is there without its row: nginx
serves those bytes, which are the promised ones, and the next sync notes it.

Guaranteed: the transaction changes nothing if nobody promises these bytes any more; then the name
is gone again when it ends. It waits for another writer of the ledger as long as that takes.
Callers have claimed the name (``artifacts/store/claims.py``), so no sync stages it meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.artifacts.store.store import Store
from syncer.artifacts.ungiven import UngivenWriter
from syncer.demand.promised import Name
from volume.disk.files import unlink
from volume.errors import VolumeError

_LOG = logging.getLogger(__name__)
_WRITER = "on demand"
_Result = TypeVar("_Result")


class Keeper:
    """Keeps the promises of one channel; ``ledger`` is the path of its ledger."""

    def __init__(
        self,
        store: Store,
        ledger: Path,
        *,
        now: Callable[[], float],
        check: Callable[[], None],
        run: str = _WRITER,
    ) -> None:
        """Nothing is opened before it is needed.

        Args:
            check: called while the ledger is waited for; what it raises ends the waiting.
            run: who fetches, for the history.
        """
        self._store = store
        self._ledger = ledger
        self._now = now
        self._check = check
        self._run = run

    def keep(self, staged: Path, arrived: Arrived) -> bool:
        """Keep a promise; False if nobody promises these bytes any more.

        Raises:
            VolumeError: a volume refused, or other bytes have the name.
            StateError: the ledger is damaged.
        """
        if not self._store.place_promised(staged, arrived):
            raise VolumeError(
                f"channels/.../{arrived.subdir}/{arrived.filename} has other bytes than are"
                " promised, put there by somebody: the next sync moves them to quarantine"
            )
        is_kept = _patiently(lambda: self._note(staged, arrived), self._ledger, self._check)
        unlink(staged)
        return is_kept

    def _note(self, staged: Path, arrived: Arrived) -> bool:
        with (
            LedgerWriter.create(self._ledger, run=self._run) as ledger,
            ledger.transaction("keep promise"),
        ):
            is_kept = PromisesWriter(ledger).keep(arrived, moment=self._now())
            if not is_kept and not ledger.is_homed(arrived.subdir, arrived.filename):
                # Inside: whoever lists this name next finds it free.
                self._store.withdraw_promised(staged, arrived)
        return is_kept


class Noting:
    """Notes in a channel's ledger what upstream did not give; ``ledger`` is its path."""

    def __init__(
        self, ledger: Path, *, now: Callable[[], float], check: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._check = check

    def note(self, name: Name, digest: bytes, kind: str, reason: str) -> None:
        """Note it, if the records of ``digest`` are still promised.

        Raises:
            VolumeError: the state volume refused.
            StateError: the ledger is damaged.
        """

        def write() -> None:
            with (
                LedgerWriter.create(self._ledger, run=_WRITER) as ledger,
                ledger.transaction("note what was not given"),
            ):
                UngivenWriter(ledger).note_promised(
                    name.subdir, name.filename, digest,
                    kind=kind, reason=reason, moment=self._now(),
                )  # fmt: skip

        _patiently(write, self._ledger, self._check)


def _patiently(write: Callable[[], _Result], ledger: Path, check: Callable[[], None]) -> _Result:
    """Write, however long another writer takes; what ``check`` raises ends the waiting."""
    while True:
        try:
            return write()
        except VolumeError as error:
            if not _is_busy(error):
                raise
            check()
            _LOG.info("%s is being written to; waiting", ledger)


def _is_busy(error: BaseException) -> bool:
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
