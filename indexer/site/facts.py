"""What the site shows, as plain facts. Pure.

The run document is the syncer's; it may be of an older or newer one, so whatever is missing or has
another shape is taken as unknown. Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from volume.generations import Generation


@dataclass(frozen=True, slots=True)
class Failure:
    """An artifact that was left out."""

    subdir: str
    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is; ``rate`` is in bytes per second."""

    artifacts: int
    artifacts_total: int
    received: int
    size: int
    rate: float

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at this rate, if it can be told."""
        return max(self.size - self.received, 0) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class ChannelRun:
    """What a run did to one channel, or one kind of installers."""

    name: str
    status: str
    downloaded: int = 0
    downloaded_size: int = 0
    retired: int = 0
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """A package that should be installable from here and is not."""

    name: str
    subdir: str
    why: str


@dataclass(frozen=True, slots=True)
class Sync:
    """The last run of the syncer, or the one that goes on.

    ``reported`` is when the syncer last wrote about it; ``health_hours`` is how old the last sync
    may be before the syncer counts as unhealthy, if it says so.
    """

    status: str
    started: float | None = None
    finished: float | None = None
    last_success: float | None = None
    last_sync: float | None = None
    failing_since: float | None = None
    reported: float | None = None
    health_hours: float | None = None
    error: str | None = None
    runs: tuple[ChannelRun, ...] = ()
    canaries: tuple[Canary, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """One published channel.

    ``upstream`` is by subdir when upstream last changed its index, as far as it says. ``example``
    is a package that can be installed from here, ``names`` how many there are to search.
    """

    name: str
    path: str
    generation: Generation
    is_held: bool = False
    status: str = "success"
    error: str | None = None
    upstream: Mapping[str, float] = field(default_factory=dict)
    names: int = 0
    example: str | None = None

    @property
    def records(self) -> int:
        return sum(published.records for published in self.generation.subdirs.values())

    @property
    def size(self) -> int:
        return sum(published.size for published in self.generation.subdirs.values())

    @property
    def upstream_changed(self) -> float | None:
        """When upstream last changed anything in this channel, as far as it says."""
        return max(self.upstream.values(), default=None)


@dataclass(frozen=True, slots=True)
class Installers:
    """One kind of published installers."""

    kind: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the site shows.

    ``next_report_seconds`` is how soon something newer is written, also if nothing changes; None if
    nothing runs that would.
    """

    written: float
    channels: tuple[Channel, ...] = ()
    installers: tuple[Installers, ...] = ()
    sync: Sync | None = None
    next_report_seconds: float | None = None

    @property
    def names(self) -> list[str]:
        """The channels' names."""
        return [channel.name for channel in self.channels]


def sync_of(document: Mapping[str, Any], reported: float | None) -> Sync:
    """Read a run document; ``reported`` is when it was written."""
    return Sync(
        status=_text(document.get("status")) or "unknown",
        started=_number(document.get("started")),
        finished=_number(document.get("finished")),
        last_success=_number(document.get("last_success")),
        last_sync=_number(document.get("last_sync")),
        failing_since=_number(document.get("failing_since")),
        reported=reported,
        health_hours=_number(document.get("health_hours")),
        error=_text(document.get("error")),
        runs=tuple(
            _channel_run(found)
            for key in ("channels", "installers")
            for found in _maps(document.get(key))
        ),
        canaries=tuple(
            Canary(*(_text(one.get(key)) or "?" for key in ("name", "subdir", "why")))
            for one in _maps(document.get("canaries"))
        ),
    )


def _channel_run(found: Mapping[str, Any]) -> ChannelRun:
    return ChannelRun(
        name=_text(found.get("channel")) or "?",
        status=_text(found.get("status")) or "unknown",
        downloaded=_count(found.get("downloaded")),
        downloaded_size=_count(found.get("downloaded_size")),
        retired=_count(found.get("retired")),
        failed=_count(found.get("failed")),
        failures=tuple(
            Failure(*(_text(one.get(key)) or "?" for key in ("subdir", "filename", "reason")))
            for one in _maps(found.get("failures"))
        ),
        warnings=tuple(filter(None, map(_text, _items(found.get("warnings"))))),
        error=_text(found.get("error")),
        progress=_progress(found.get("progress")),
    )


def _progress(found: Any) -> Progress | None:
    if not isinstance(found, Mapping):
        return None
    return Progress(
        artifacts=_count(found.get("artifacts")),
        artifacts_total=_count(found.get("artifacts_total")),
        received=_count(found.get("received")),
        size=_count(found.get("size")),
        rate=_number(found.get("rate")) or 0.0,
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _maps(value: Any) -> Iterable[Mapping[str, Any]]:
    return (item for item in _items(value) if isinstance(item, Mapping))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _count(value: Any) -> int:
    return int(_number(value) or 0)
