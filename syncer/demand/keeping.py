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

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.artifacts.store.store import Store
from volume.disk.files import unlink
from volume.errors import VolumeError

_LOG = logging.getLogger(__name__)
_WRITER = "on demand"


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
        while True:
            try:
                is_kept = self._note(staged, arrived)
                break
            except VolumeError as error:
                if not _is_busy(error):
                    raise
                self._check()
                _LOG.info("%s is being written to; waiting", self._ledger)
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


def _is_busy(error: BaseException) -> bool:
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
