"""``usage``: what the LAN asks for, for people; and the folding of nginx's log into counts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncer.settings.settings import Settings
from syncer.usage import report
from syncer.usage.collector import Collected, Collector
from syncer.usage.counts import Counts
from syncer.usage.report import Unused
from volume import locks, usage
from volume.errors import LockBusyError, StateError, VolumeError
from volume.layout import State
from volume.ledger.artifact import Artifact
from volume.ledger.ledger import Ledger
from volume.program.durations import duration
from volume.program.sizes import amount, counted
from volume.program.stop import Stop
from volume.usage import Asked, ChannelUsage, Program, Usage

LOG = "requests.log"
"""In USAGE_DIR; nginx appends to it."""

_MOST = 10  # shown by name; --json has all
_DAYS = 30  # that the page shows
_PATIENCE = 60.0  # seconds in which somebody else has counted

_LOG = logging.getLogger(__name__)


def open_counts(settings: Settings, now: float) -> Counts:
    """The counts.

    Raises:
        VolumeError: the state volume refuses.
    """
    return Counts(State(settings.state_dir).usage, now=now)


def collect(settings: Settings, stop: Stop, now: float, *, wait_seconds: float) -> Collected:
    """Fold what nginx has logged into the counts, forget what is too old, tell the page.

    Raises:
        VolumeError: the log can't be read, or the state volume refuses.
        StateError: the counts are damaged.
        LockBusyError: somebody else does it.
        InterruptedRunError: asked to stop.
    """
    state = State(settings.state_dir)
    lock = locks.Held(state.usage_lock, role="usage", wait_seconds=wait_seconds)
    with lock, open_counts(settings, now) as counts:
        found = Collector(settings.usage_dir / LOG, counts, stop).collect()
        counts.forget(int(now // report.DAY) - int(settings.usage_days))
        if not settings.usage_clients:
            counts.forget_clients()
        if found.lines or _is_of_another_day(state.usage_document, now):
            usage.write(state, _shown(report.of(counts, settings.channels, days=_DAYS, now=now)))
        return found


def refresh(settings: Settings, stop: Stop, now: float) -> bool:
    """Count what nginx has logged before something is decided by it; return whether that could be.

    Raises:
        InterruptedRunError: asked to stop.
    """
    try:
        collect(settings, stop, now, wait_seconds=_PATIENCE)
    except (VolumeError, StateError, LockBusyError) as error:
        _LOG.warning("what clients asked for last is not counted: %s", error)
        return False
    return True


def _is_of_another_day(path: Path, now: float) -> bool:
    try:
        return path.stat().st_mtime // report.DAY != now // report.DAY
    except FileNotFoundError:
        return True


def _shown(found: Usage) -> Usage:
    """What a page has room for."""
    channels = [one for one in found.channels if one.requests or one.missing]
    return replace(
        found,
        channels=tuple(
            replace(one, used=one.used[:_MOST], missing=one.missing[:_MOST])
            for one in channels[:_MOST]
        ),
        programs=found.programs[:_MOST],
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``usage`` tells. ``unused`` is None while the watch is shorter than the days.

    ``whole`` are the channels of which everything is mirrored or listed that the policy lets in:
    INCLUDE would bring nothing more there.
    """

    usage: Usage
    unused: Mapping[str, tuple[Unused, ...] | None]
    whole: Set[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self.usage), "unused": self._unused()}

    def _unused(self) -> dict[str, Any]:
        return {
            channel: None if found is None else [asdict(one) for one in found]
            for channel, found in self.unused.items()
        }


def read(settings: Settings, now: float, *, days: int) -> Answer:
    """What the last days were like.

    Raises:
        StateError: the counts or a ledger are damaged.
        VolumeError: the state volume refuses.
    """
    with open_counts(settings, now) as counts:
        return Answer(
            report.of(counts, settings.channels, days=days, now=now),
            {
                channel: report.unused(
                    counts, channel, _present(settings, channel), days=days, now=now
                )
                for channel in settings.channels
            },
            frozenset(channel for channel in settings.channels if _is_whole(settings, channel)),
        )


def _is_whole(settings: Settings, channel: str) -> bool:
    policy = settings.policies[channel]
    is_chosen = any(channel in environment.channels for environment in settings.environments)
    return policy.on_demand or not (policy.include or is_chosen)


def _present(settings: Settings, channel: str) -> Iterator[Artifact]:
    ledger = Ledger.read(State(settings.state_dir).ledger(channel))
    if ledger is None:
        return
    with ledger:
        for subdir in ledger.subdirs():
            yield from (one for one in ledger.artifacts(subdir) if one.home != "promised")


def describe(answer: Answer, now: float) -> str:
    """The usage for people."""
    found = answer.usage
    watched = now - found.since
    lines = [f"The last {counted(found.days, 'day')}; watched for {duration(watched)}."]
    if found.programs:
        lines.append("By " + ", ".join(_program(one) for one in found.programs[:_MOST]))
    for channel in found.channels:
        unused = answer.unused.get(channel.channel)
        lines.extend(_describe(channel, unused, channel.channel in answer.whole, found.days))
    return "\n".join(lines)


def _program(one: Program) -> str:
    return f"{one.program} ({counted(one.requests, 'request')})"


def _describe(
    channel: ChannelUsage, unused: Sequence[Unused] | None, is_whole: bool, days: int
) -> Iterator[str]:
    title = channel.channel if channel.is_mirrored else f"{channel.channel} (not mirrored)"
    yield f"{title}: {counted(channel.requests, 'request')}, {amount(channel.bytes)}"
    if channel.used:
        yield f"  most asked for: {_first(channel.used)}"
    if unused is not None:
        count, size = counted(len(unused), "artifact"), sum(one.size for one in unused)
        yield f"  not asked for in {counted(days, 'day')}: {count}, {amount(size)}"
    if channel.missing:
        yield f"  asked for and not here: {_first(channel.missing)}"
        names = " ".join(one.name for one in channel.missing[:_MOST])
        if channel.is_mirrored and is_whole:
            why = f"syncer --once --dry-run --explain {channel.missing[0].name}"
            yield f"    upstream lacks them, or the policy leaves them out: {why}"
        elif channel.is_mirrored:
            yield f"    would be fetched, where upstream has them, if INCLUDE had too: {names}"
        else:
            yield f"    would be mirrored with: CHANNELS={channel.channel}"


def _first(asked: Sequence[Asked]) -> str:
    shown = ", ".join(f"{one.name} ({one.requests:,})" for one in asked[:_MOST])
    more = len(asked) - _MOST
    return shown + (f" and {counted(more, 'package')} more" if more > 0 else "")


def describe_clients(filename: str, found: Sequence[tuple[str, str, str, float]]) -> str:
    """Who was served a file, for people."""
    if not found:
        return f"{filename}: no client is known that was served it"
    return "\n".join(
        f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M}Z  {client}  {channel}/{subdir}"
        for channel, subdir, client, last in found
    )
