"""A hold on a channel: its lock, and its ledger open for writing."""

from __future__ import annotations

import logging

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.settings.policy import history_entry
from syncer.sync.tools import Tools
from volume import locks

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT = 6 * 3600.0  # seconds


def hold_channel(tools: Tools, channel: str) -> locks.Held:
    """The channel's lock, for a ``with`` block; an index run of hours is waited for."""
    return locks.Held(
        tools.state.channel_lock(channel),
        role="syncer",
        wait_seconds=_LONGEST_WAIT,
        on_wait=lambda holder: _LOG.info("%s: waiting for %s", channel, holder),
        sleep=tools.stop.sleep,
    )


def open_ledger(tools: Tools, channel: str) -> LedgerWriter:
    """The channel's ledger, with this run in its history.

    Raises:
        VolumeError, StateError: it can't be used.
    """
    return LedgerWriter.create(
        tools.state.ledger(channel),
        run=tools.run,
        policy=history_entry(tools.settings.policy(channel), tools.approved),
    )
