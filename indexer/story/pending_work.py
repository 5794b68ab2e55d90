"""Pending work: whether a channel needs a new generation, found out in milliseconds.

There is work when the ledger's serial differs from the newest generation's, when local files
differ from those that it was made of, or when a publication was not finished. The newest generation
decides, not the published one: a rollback is not undone by looking.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from indexer.base.errors import MissingLedgerError
from indexer.generations import generation, snapshots
from indexer.records import local
from indexer.records.local import Look
from indexer.records.record_cache import RecordCache
from indexer.story.takeover import Takeover
from volume import generations, locks
from volume.generations import Generation
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class PendingWork:
    """What was found; ``reason`` is None if there is nothing to do.

    ``is_rebuilt``: the ledger is not the one that the newest generation was made of, or an older
    copy of it; so what it lists may not have been seen by any verification.
    """

    reason: str | None
    newest: Generation | None
    serial: int
    look: Look
    is_rebuilt: bool


def find(
    mirror: Mirror,
    state: State,
    channel: str,
    cache: RecordCache,
    ledger: Ledger | None,
    *,
    timestamps: str = generations.UPSTREAM,
    now: float | None = None,
) -> PendingWork:
    """Look for work in one channel.

    Args:
        timestamps: whose ``indexed_timestamp`` mirrored records are to have
            (``volume.generations.Generation``).

    Raises:
        MissingLedgerError: the channel was mirrored and its ledger is gone.
        VolumeError: a volume can't be read.
        StateError: a document can't be understood.
    """
    kept = generations.kept(mirror, channel)
    newest = kept[-1] if kept else None
    current = generations.current_number(mirror, channel)
    serial = ledger.serial if ledger else 0
    former = newest.serial if newest else 0
    if ledger is None and former > 0:
        # It would be taken for a local channel, and every hotfix would be lost.
        raise MissingLedgerError(
            f"{channel} was mirrored (commit {former}) and its ledger is gone; what is published"
            " stays; run 'syncer --once' to rebuild the ledger"
        )
    identity = ledger.identity if ledger else ""
    is_another = former > 0 and newest is not None and newest.ledger != identity
    is_rebuilt = former > serial or is_another
    look = local.look(mirror, channel, cache, ledger, now=now)
    if newest is not None and current != generation.due(mirror, channel, kept):
        reason: str | None = "a publication was not finished"
    elif (
        serial < former
        or (ledger is not None and ledger.is_restoring)
        or (is_rebuilt and locks.is_held(state.sync_lock))
    ):
        reason = None  # what is published is more complete than this ledger is yet
    else:
        reason = _reason(serial, newest, look, cache)
        if reason is None and newest is not None and newest.number == current:
            # A rollback that holds is not ended by a setting.
            reason = _other_timestamps(newest, timestamps, cache, has_mirrored=serial > 0)
        moment = time.time() if now is None else now
        own = Takeover(mirror, state, channel, cache, ledger, newest, moment)
        if reason is None and own.is_due():
            reason = "files of people's own lie in channels/"
    if reason is None and not snapshots.is_converged(mirror, channel, kept):
        reason = "the times of its snapshots are not written"
    return PendingWork(reason, newest, serial, look, is_rebuilt)


def _reason(serial: int, newest: Generation | None, look: Look, cache: RecordCache) -> str | None:
    if newest is None:
        # A folder for a first sync that has committed nothing yet is no channel to publish.
        has_any = serial > 0 or look.is_news or bool(cache.local_files())
        return f"it was never indexed (commit {serial})" if has_any else None
    if serial != newest.serial:
        return f"commit {serial} follows {newest.serial}"
    if look.is_news or local.fingerprint(cache.local_files()) != newest.local:
        news = len(look.changed) + len(look.refused)
        return f"local files changed ({news} new or changed, {len(look.gone)} gone)"
    return None


def _other_timestamps(
    newest: Generation, wanted: str, cache: RecordCache, *, has_mirrored: bool
) -> str | None:
    if newest.timestamps == wanted:
        return None
    if has_mirrored and generations.ARRIVAL in {newest.timestamps, wanted}:
        return f"INDEXED_TIMESTAMP is {wanted} now"
    if not newest.timestamps and cache.local_totals():
        return "packages of people's own are to say since when they are here"
    return None
