"""The run document: what the last sync did, for both programs, status pages and the health check.

One document, ``sync-run.json``, written by the syncer alone: when a run starts, while it gets on,
and when it ends. Times are seconds since the epoch, sizes are bytes.

Guaranteed: a document of an older or a newer syncer is read as far as it is understood. A field
that this version does not know is ignored; one that is missing, or of another type than here, has
its default: a text is ``?``, a number 0 and what may be None is None. What is no run document at
all (another schema, no JSON) is a ``StateError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from volume.disk import documents, typed
from volume.layout import State

_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Totals:
    """The plan of one subdir in numbers, for people and for ``--json``. Sizes are in bytes.

    All count artifacts; ``twins`` of the ``offered`` ones have two records (CEP 48).
    ``promised`` are listed from now on and downloaded when somebody asks; ``standing`` are all of
    these after the run, ``taken_back`` those that leave the index. ``evicted`` are here because
    somebody asked for them, and are only promised again after the run. ``unused`` are those of the
    retired, or on demand of the kept, that nobody asked for in PRUNE_UNUSED_DAYS.
    """

    channel: str = _UNKNOWN
    subdir: str = _UNKNOWN
    offered: int = 0
    kept: int = 0
    kept_size: int = 0
    new: int = 0
    new_size: int = 0
    replaced: int = 0
    replaced_size: int = 0
    hotfixed: int = 0
    retired: int = 0
    retired_size: int = 0
    refused: int = 0
    kept_anyway: int = 0
    held: int = 0
    held_size: int = 0
    denied: int = 0
    denied_size: int = 0
    locked: int = 0
    locked_size: int = 0
    staged: int = 0
    staged_size: int = 0
    promised: int = 0
    promised_size: int = 0
    standing: int = 0
    standing_size: int = 0
    taken_back: int = 0
    evicted: int = 0
    evicted_size: int = 0
    unused: int = 0
    unused_size: int = 0
    twins: int = 0

    @property
    def downloads(self) -> int:
        """Artifacts to download: what is staged already waits for its commit only."""
        return self.new + self.replaced + self.locked - self.staged

    @property
    def download_size(self) -> int:
        """Bytes to download, as far as the records tell."""
        return self.new_size + self.replaced_size + self.locked_size - self.staged_size


@dataclass(frozen=True, slots=True)
class FailedArtifact:
    """An artifact that was left out, and why."""

    subdir: str = _UNKNOWN
    filename: str = _UNKNOWN
    reason: str = _UNKNOWN

    @property
    def path(self) -> str:
        """Its place below the channel."""
        return f"{self.subdir}/{self.filename}"

    @property
    def said(self) -> str:
        """Where it is and why it is left out; many reasons begin with its name already."""
        return f"{self.path}: {unnamed(self.filename, unnamed(self.path, self.reason))}"


@dataclass(frozen=True, slots=True)
class Kept:
    """An artifact that upstream dropped, and why it is still here."""

    subdir: str = _UNKNOWN
    filename: str = _UNKNOWN
    why: str = _UNKNOWN


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a channel keeps: how many by the policy's ``keep``, how many for lock files."""

    by_policy: int = 0
    by_lock: int = 0
    first: tuple[Kept, ...] = ()

    @property
    def count(self) -> int:
        return self.by_policy + self.by_lock


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is: artifacts ended and in all, bytes received and in all, bytes/s."""

    artifacts: int = 0
    artifacts_total: int = 0
    received: int = 0
    size: int = 0
    rate: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at this rate, if it can be told."""
        return max(self.size - self.received, 0) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class HostTotals:
    """One host in a run: ``received`` is bytes of bodies; ``stopped`` is why, if it was."""

    host: str = _UNKNOWN
    requests: int = 0
    received: int = 0
    unchanged: int = 0
    retries: int = 0
    slow_downs: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class CanaryFailure:
    """A package that should be installable from this mirror and is not."""

    name: str = _UNKNOWN
    subdir: str = _UNKNOWN
    why: str = _UNKNOWN


@dataclass(frozen=True, slots=True)
class ChannelRun:
    """What a run did to one channel, one kind of installers (``archive``, ...), or the wheels.

    ``status`` is ``success``, ``partial`` or ``failed``. ``failed`` counts what was left out;
    ``failures`` are the first of them.
    """

    channel: str = _UNKNOWN
    status: str = "unknown"
    plan: tuple[Totals, ...] = ()
    downloaded: int = 0
    downloaded_size: int = 0
    committed_serial: int = 0
    retired: int = 0
    expired: int = 0
    evicted: int = 0
    evicted_size: int = 0
    failures: tuple[FailedArtifact, ...] = ()
    failed: int = 0
    failure_kinds: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str | None = None
    unchanged: bool = False
    kept: Keeping = field(default_factory=Keeping)
    progress: DownloadProgress | None = None


@dataclass(frozen=True, slots=True)
class RunDocument:
    """One run of the syncer.

    ``status`` is ``running``, ``success``, ``partial``, ``failed`` or ``stopped``.
    ``last_success`` is the end of the last run without any failure, ``last_sync`` of the last one
    that did its work, also if something was left out that upstream lists and does not deliver;
    ``failing_since`` is the start of the first run after that. ``health_hours`` is how old the last
    sync may be, for those who don't know the settings. A kind of installers has a result like a
    channel's, under its name, and so have the wheels and the name mapping. ``canaries`` are those
    that can't be installed, ``approved`` is what a person let in before its cooldown ended. The
    file's own time of change says when the run last got on: a run that has the lock and does not
    get on, hangs.
    """

    status: str = "unknown"
    started: float | None = None
    finished: float | None = None
    last_success: float | None = None
    last_sync: float | None = None
    failing_since: float | None = None
    health_hours: float | None = None
    channels: tuple[ChannelRun, ...] = ()
    installers: tuple[ChannelRun, ...] = ()
    wheels: tuple[ChannelRun, ...] = ()
    name_mapping: tuple[ChannelRun, ...] = ()
    hosts: tuple[HostTotals, ...] = ()
    canaries: tuple[CanaryFailure, ...] = ()
    approved: tuple[str, ...] = ()
    error: str | None = None

    @property
    def results(self) -> tuple[ChannelRun, ...]:
        """Every channel's result, then those of what is mirrored beside them."""
        return (*self.channels, *self.installers, *self.wheels, *self.name_mapping)

    @property
    def seconds(self) -> float | None:
        """How long it took, if it has ended."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started

    def plain(self) -> dict[str, Any]:
        """The document as plain data."""
        return asdict(self)


def named(name: str, text: str) -> str:
    """What is said of a channel, with its name before it; many messages begin with it already."""
    return text if text.startswith((f"{name}: ", f"{name}/")) else f"{name}: {text}"


def unnamed(name: str, text: str) -> str:
    """What is said of a channel or an artifact, without its name before it."""
    return text.removeprefix(f"{name}: ")


def of(plain: Mapping[str, Any]) -> RunDocument:
    """What ``plain`` made, by this version or another. Pure; nothing is refused."""
    return typed.record(RunDocument, plain)


def read(state: State) -> RunDocument | None:
    """The last run's document, or None if there never was a run.

    Raises:
        StateError: it can't be read, or has another schema.
    """
    document = documents.read(state.sync_run)
    return of(document) if document is not None else None


def recall(state: State) -> RunDocument | None:
    """The same, for whoever must go on: what is damaged counts as no run, with a warning.

    Raises:
        StateError: it can't be read, or has another schema.
    """
    document = documents.recall(state.sync_run)
    return of(document) if document is not None else None


def write(state: State, run: RunDocument) -> None:
    """Write the run's document. Only the syncer does.

    Raises:
        VolumeError: the state volume refused.
    """
    documents.write(state.sync_run, run.plain())
