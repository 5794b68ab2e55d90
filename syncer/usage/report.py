"""Answers from the counts: what is used, what nobody asks for, what is asked for and is not here.

Reads only. What was not watched counts as used: nothing is called unused before it was watched for
as long as is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from syncer.usage.counts import Counts, Used
from volume.ledger.artifact import Artifact
from volume.names import package_name
from volume.usage import Asked, ChannelUsage, Usage

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Unused:
    """An artifact that is here and that nobody asked for; ``size`` in bytes."""

    channel: str
    subdir: str
    filename: str
    size: int


def of(counts: Counts, channels: Iterable[str], *, days: int, now: float) -> Usage:
    """What the last days were like: the mirrored channels first, then others that were asked for.

    Raises:
        StateError: the counts are damaged.
    """
    first = int(now // DAY) - days + 1
    mirrored = list(channels)
    others = [name for name in counts.channels() if name not in mirrored]
    return Usage(
        since=counts.since,
        days=days,
        channels=tuple(
            _channel(counts, name, first, is_mirrored=name in mirrored)
            for name in [*mirrored, *others]
        ),
        programs=tuple(counts.programs(since=first)),
    )


def _channel(counts: Counts, channel: str, first: int, *, is_mirrored: bool) -> ChannelUsage:
    used = list(counts.used(channel, since=first))
    return ChannelUsage(
        channel=channel,
        is_mirrored=is_mirrored,
        requests=sum(one.requests for one in used),
        bytes=sum(one.bytes for one in used),
        used=_by_name(used),
        missing=_by_name(counts.missing(channel, since=first)),
    )


def _by_name(found: Iterable[Used]) -> tuple[Asked, ...]:
    names: dict[str, list[Used]] = {}
    for one in found:
        names.setdefault(package_name(one.filename), []).append(one)
    asked = [
        Asked(
            name=name,
            requests=sum(one.requests for one in all_of),
            bytes=sum(one.bytes for one in all_of),
            artifacts=len(all_of),
            last=max(one.last for one in all_of),
        )
        for name, all_of in names.items()
    ]
    return tuple(sorted(asked, key=lambda one: (-one.requests, one.name)))


def unused(
    counts: Counts, channel: str, artifacts: Iterable[Artifact], *, days: int, now: float
) -> tuple[Unused, ...] | None:
    """Which artifacts nobody asked for in the last days; None while the watch is shorter.

    What came here later than that was not here to be asked for.

    Raises:
        StateError: the counts are damaged.
    """
    before = now - days * DAY
    if counts.since > before:
        return None
    return tuple(_unused(counts, channel, artifacts, before))


def _unused(
    counts: Counts, channel: str, artifacts: Iterable[Artifact], before: float
) -> Iterator[Unused]:
    last: dict[str, dict[str, float]] = {}
    for one in artifacts:
        if one.subdir not in last:
            last[one.subdir] = counts.last_use(channel, one.subdir)
        if max(one.entered, last[one.subdir].get(one.filename, 0.0)) < before:
            yield Unused(channel, one.subdir, one.filename, one.size)
