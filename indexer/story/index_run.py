"""The run document: what became of each channel when it was last worked on.

``index-run.json``, for people, status pages and the health check; written by the indexer alone.
Entries of channels that had nothing to do stay as they are. Times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from indexer.story.index import Outcome
from volume import locks
from volume.disk import documents
from volume.errors import MirrorError
from volume.layout import State

WRITE_WAIT = 30.0
"""Seconds to wait for another indexer's write, which takes milliseconds."""


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One channel. ``status`` is running, success, partial, busy or failed; ``is_new``
    tells whether a generation was published."""

    channel: str
    status: str
    time: float
    generation: int = 0
    serial: int = 0
    records: int = 0
    size: int = 0
    artifacts: int = 0
    left_out: int = 0
    pending: int = 0
    is_new: bool = False
    seconds: float = 0.0
    error: str | None = None


def running(channel: str, now: float) -> ChannelReport:
    """A channel that is being worked on."""
    return ChannelReport(channel, "running", now)


def failed(channel: str, error: MirrorError, now: float) -> ChannelReport:
    """A channel whose index could not be made; what was published stays."""
    return ChannelReport(channel, "failed", now, error=str(error))


def busy(channel: str, error: MirrorError, now: float) -> ChannelReport:
    """A channel that somebody else held for too long."""
    return ChannelReport(channel, "busy", now, error=str(error))


def done(outcome: Outcome, now: float) -> ChannelReport:
    """A channel that was worked on."""
    generation = outcome.generation
    if generation is None:
        return ChannelReport(outcome.channel, "success", now, pending=len(outcome.pending))
    return ChannelReport(
        channel=outcome.channel,
        status="partial" if outcome.exit_code else "success",
        time=now,
        generation=generation.number,
        serial=generation.serial,
        records=sum(published.records for published in generation.subdirs.values()),
        size=sum(published.size for published in generation.subdirs.values()),
        artifacts=sum(published.artifacts for published in generation.subdirs.values()),
        left_out=len(generation.left_out),
        pending=len(outcome.pending),
        is_new=outcome.is_new,
        seconds=round(outcome.seconds, 3),
    )


def write(state: State, report: ChannelReport) -> None:
    """Put one channel's report into the document.

    Raises:
        MirrorError: the state volume refuses.
    """
    with locks.Held(state.index_lock, role="indexer's report", wait_seconds=WRITE_WAIT):
        channels = _channels(state)
        channels[report.channel] = asdict(report)
        documents.write(state.index_run, {"updated": report.time, "channels": channels})


def read(state: State) -> dict[str, ChannelReport]:
    """The last report of each channel.

    Raises:
        StateError: the document was written by a newer version.
    """
    known = {field.name for field in fields(ChannelReport)}
    return {
        channel: ChannelReport(**{key: entry[key] for key in entry.keys() & known})
        for channel, entry in sorted(_channels(state).items())
    }


def _channels(state: State) -> dict[str, dict[str, Any]]:
    """What is said of each channel; of a channel of which nothing is understood, nothing."""
    found = (documents.recall(state.index_run) or {}).get("channels")
    if not isinstance(found, dict):
        return {}
    return {
        channel: entry
        for channel, entry in found.items()
        if isinstance(entry, dict) and entry.keys() >= {"channel", "status", "time"}
    }
