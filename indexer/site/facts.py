"""What the site shows, as plain facts. Pure.

Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from volume import run_document
from volume.generations import Generation
from volume.ledger.promises import Standing
from volume.relations import Relations
from volume.run_document import CanaryFailure, DownloadProgress, FailedArtifact, RunDocument
from volume.snapshots import Span
from volume.usage import Usage


@dataclass(frozen=True, slots=True)
class LastRun:
    """What a run did to one channel, one kind of installers, or the wheels."""

    name: str
    status: str
    downloaded: int = 0
    downloaded_size: int = 0
    retired: int = 0
    failed: int = 0
    failures: tuple[FailedArtifact, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str | None = None
    progress: DownloadProgress | None = None


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
    runs: tuple[LastRun, ...] = ()
    canaries: tuple[CanaryFailure, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether it goes on, as far as it says."""
        return self.finished is None and self.status == "running"


@dataclass(frozen=True, slots=True)
class Channel:
    """One published channel.

    ``upstream`` is by subdir when upstream last changed its index, as far as it says. ``example``
    is a package that can be installed from here, ``names`` how many there are to search.
    ``snapshots`` are the times of all kept generations, oldest first, and ``pinned`` the numbers
    of those that a person keeps. ``relations`` are its relations to other channels. ``promised``
    is by subdir what is listed and fetched when somebody asks: nothing of it is here.
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
    snapshots: tuple[Span, ...] = ()
    pinned: frozenset[int] = frozenset()
    relations: Relations = field(default_factory=Relations)
    promised: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def promised_count(self) -> int:
        return sum(one.count for one in self.promised.values())

    @property
    def promised_size(self) -> int:
        return sum(one.size for one in self.promised.values())

    @property
    def size_here(self) -> int:
        return self.size - self.promised_size

    @property
    def records(self) -> int:
        return sum(published.records for published in self.generation.subdirs.values())

    @property
    def artifacts(self) -> int:
        return sum(published.artifacts for published in self.generation.subdirs.values())

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
class Wheels:
    """The wheels that the simple index lists: how many files, of how many projects."""

    count: int
    projects: int
    size: int


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the site shows.

    ``next_report_seconds`` is how soon something newer is written, also if nothing changes; None if
    nothing runs that would. ``maps_names`` says that the mapping of names to PyPI's is here.
    """

    written: float
    channels: tuple[Channel, ...] = ()
    installers: tuple[Installers, ...] = ()
    wheels: Wheels | None = None
    sync: Sync | None = None
    next_report_seconds: float | None = None
    maps_names: bool = False
    usage: Usage | None = None

    @property
    def names(self) -> list[str]:
        """The channels' names."""
        return [channel.name for channel in self.channels]


def sync_of(run: RunDocument, reported: float | None) -> Sync:
    """What the site shows of a run document; ``reported`` is when it was written."""
    return Sync(
        status=run.status,
        started=run.started,
        finished=run.finished,
        last_success=run.last_success,
        last_sync=run.last_sync,
        failing_since=run.failing_since,
        reported=reported,
        health_hours=run.health_hours,
        error=run.error,
        runs=tuple(map(_channel_run, run.results)),
        canaries=run.canaries,
    )


def _channel_run(found: run_document.ChannelRun) -> LastRun:
    return LastRun(
        name=found.channel,
        status=found.status,
        downloaded=found.downloaded,
        downloaded_size=found.downloaded_size,
        retired=found.retired,
        failed=found.failed,
        failures=found.failures,
        warnings=found.warnings,
        error=found.error,
        progress=found.progress,
    )
