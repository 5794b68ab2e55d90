"""Work: whether a channel needs a new generation, found out in milliseconds.

There is work when the ledger's serial differs from the newest generation's, when local files
differ from those that it was made of, or when a publication was not finished. The newest generation
decides, not the published one: a rollback is not undone by looking.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer import generation, local
from indexer.errors import MissingLedgerError
from indexer.local import Look
from indexer.memory import Memory
from volume import generations
from volume.generations import Generation
from volume.layout import Mirror, State
from volume.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Work:
    """What was found; ``reason`` is None if there is nothing to do."""

    reason: str | None
    newest: Generation | None
    serial: int
    look: Look


def find(
    mirror: Mirror,
    state: State,
    channel: str,
    memory: Memory,
    ledger: Ledger | None,
    *,
    now: float | None = None,
) -> Work:
    """Look for work in one channel.

    Raises:
        MissingLedgerError: the channel was mirrored and its ledger is gone.
        VolumeError: a volume can't be read.
        StateError: a document can't be understood.
    """
    kept = generations.kept(state, channel)
    newest = kept[-1] if kept else None
    current = generations.current_number(mirror, channel)
    if ledger is None:
        _refuse_lost_ledger(mirror, channel, current, newest)
    serial = ledger.serial if ledger else 0
    look = local.look(mirror, channel, memory, ledger, now=now)
    return (
        Work(_reason(serial, newest, look, memory), newest, serial, look)
        if (newest is None or current == generation.due(state, channel, kept))
        else Work("a publication was not finished", newest, serial, look)
    )


def _reason(serial: int, newest: Generation | None, look: Look, memory: Memory) -> str | None:
    if newest is None:
        # A folder for a first sync that has committed nothing yet is no channel to publish.
        has_any = serial > 0 or look.is_news or bool(memory.local_files())
        return "it was never indexed" if has_any else None
    if serial != newest.serial:
        return f"commit {serial} follows {newest.serial}"
    if look.is_news or local.fingerprint(memory.local_files()) != newest.local:
        return "local files changed"
    return None


def _refuse_lost_ledger(
    mirror: Mirror, channel: str, current: int | None, newest: Generation | None
) -> None:
    """Without its ledger, a mirrored channel would be taken for a local one, hotfixes lost."""
    serial: object = newest.serial if newest else 0
    if newest is None and current is not None:
        serial = (generation.note(mirror.generation(channel, current)) or {}).get("serial", 0)
    if serial:
        raise MissingLedgerError(
            f"{channel} was mirrored (commit {serial}) and its ledger is gone; what is published"
            " stays; run 'syncer --once' to rebuild the ledger"
        )
