"""Answers from the counts: what is used, what nobody asks for, what is asked for and is not here.

Reads only. What was not watched counts as used: nothing is called unused before it was watched for
as long as is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from syncer.usage.counts import Counts, Program, Used
from volume.ledger.artifact import Artifact
from volume.names import package_name

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A package that was asked for; ``bytes`` were sent, ``last`` is in seconds since the epoch."""

    name: str
    requests: int
    bytes: int
    artifacts: int
    last: float


@dataclass(frozen=True, slots=True)
class Unused:
    """An artifact that is here and that nobody asked for; ``size`` in bytes."""

    subdir: str
    filename: str
    size: int


@dataclass(frozen=True, slots=True)
class ChannelUsage:
    """One channel. ``unused`` is None while the watch is shorter than ``days``."""

    channel: str
    is_mirrored: bool
    requests: int = 0
    bytes: int = 0
    used: tuple[Asked, ...] = ()
    missing: tuple[Asked, ...] = ()
    unused: tuple[Unused, ...] | None = None

    @property
    def unused_size(self) -> int:
        return sum(one.size for one in self.unused or ())


@dataclass(frozen=True, slots=True)
class Usage:
    """All channels over the last ``days``; ``since`` is when watching began."""

    since: float
    days: int
    channels: tuple[ChannelUsage, ...]
    programs: tuple[Program, ...] = field(default=())


def of(
    counts: Counts,
    artifacts: Mapping[str, Iterable[Artifact]],
    *,
    days: int,
    now: float,
) -> Usage:
    """What the last days were like.

    Args:
        artifacts: what is here of each mirrored channel.

    Raises:
        StateError: the counts are damaged.
    """
    first = int(now // DAY) - days + 1
    names = [*artifacts, *(name for name in counts.channels() if name not in artifacts)]
    return Usage(
        since=counts.since,
        days=days,
        channels=tuple(
            _channel(counts, name, artifacts.get(name), first, days=days, now=now) for name in names
        ),
        programs=tuple(counts.programs(since=first)),
    )


def _channel(
    counts: Counts,
    channel: str,
    artifacts: Iterable[Artifact] | None,
    first: int,
    *,
    days: int,
    now: float,
) -> ChannelUsage:
    used = list(counts.used(channel, since=first))
    unused = None
    if artifacts is not None and now - counts.since >= days * DAY:
        unused = tuple(_unused(counts, channel, artifacts, now - days * DAY))
    return ChannelUsage(
        channel=channel,
        is_mirrored=artifacts is not None,
        requests=sum(one.requests for one in used),
        bytes=sum(one.bytes for one in used),
        used=_by_name(used),
        missing=_by_name(counts.missing(channel, since=first)),
        unused=unused,
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


def _unused(
    counts: Counts, channel: str, artifacts: Iterable[Artifact], before: float
) -> Iterator[Unused]:
    last: dict[str, dict[str, float]] = {}
    for one in artifacts:
        if one.subdir not in last:
            last[one.subdir] = counts.last_use(channel, one.subdir)
        if max(one.entered, last[one.subdir].get(one.filename, 0.0)) < before:
            yield Unused(one.subdir, one.filename, one.size)
