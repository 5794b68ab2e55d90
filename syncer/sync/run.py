"""The run document: what the last sync did, for people, status pages and the health check.

One document, ``sync-run.json``, written by the syncer alone: when a run starts, at checkpoints, and
when it ends. Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from syncer.artifacts.kept import Keeping
from syncer.artifacts.progress import Facts
from syncer.planning.plan import Totals
from syncer.sync.failure import REFUSED
from syncer.transport.hosts import HostTotals
from volume.disk import documents
from volume.layout import State

# status: the words of section 4.3 of the protocol notes, and the exit code each stands for.
EXIT_CODES = {"success": 0, "partial": 3, "failed": 1, "stopped": 130}
_MOST_FAILURES = 100  # listed by name; the count is always complete


@dataclass(slots=True)
class ChannelResult:
    """What a run did to one channel, or one kind of installers (``archive``, ...)."""

    channel: str
    status: str = "success"
    plan: list[Totals] = field(default_factory=list)
    downloaded: int = 0
    downloaded_size: int = 0
    committed_serial: int = 0
    retired: int = 0
    expired: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    failed: int = 0
    failure_kinds: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    unchanged: bool = False
    kept: Keeping = field(default_factory=Keeping)
    progress: Facts | None = None

    def fail(self, filename: str, subdir: str, reason: str, kind: str = REFUSED) -> None:
        """Note an artifact that is left out; ``kind`` is a word of ``failure``."""
        self.failed += 1
        self.count(kind)
        self.status = "partial" if self.status == "success" else self.status
        if len(self.failures) < _MOST_FAILURES:
            self.failures.append({"subdir": subdir, "filename": filename, "reason": reason})

    def count(self, kind: str) -> None:
        """Count a failure of a kind."""
        self.failure_kinds[kind] = self.failure_kinds.get(kind, 0) + 1


@dataclass(slots=True)
class Run:
    """One run of the syncer.

    ``last_success`` is the end of the last run without any failure, ``last_sync`` of the last one
    that did its work, also if something was left out that upstream lists and does not deliver;
    ``failing_since`` is the start of the first run after that. ``health_hours`` is how old the last
    sync may be, for those who don't know the settings. A kind of installers has a
    result like a channel's, under its name. ``canaries`` are those that can't be installed,
    ``approved`` is what a person let in before its cooldown ended.
    """

    started: float
    status: str = "running"
    finished: float | None = None
    last_success: float | None = None
    last_sync: float | None = None
    failing_since: float | None = None
    health_hours: float | None = None
    channels: list[ChannelResult] = field(default_factory=list)
    installers: list[ChannelResult] = field(default_factory=list)
    hosts: list[HostTotals] = field(default_factory=list)
    canaries: list[dict[str, str]] = field(default_factory=list)
    approved: list[str] = field(default_factory=list)
    error: str | None = None

    def conclude(self, now: float) -> int:
        """Settle the status from the channels' and return the exit code."""
        self.finished = now
        found = {result.status for result in (*self.channels, *self.installers)}
        if self.error is not None:
            self.status = self.status if self.status == "stopped" else "failed"
        elif found <= {"success"}:
            self.status = "success"
            self.last_success = now
            self._did_its_work(now)
        elif found == {"failed"}:
            self.status = "failed"
        else:
            self.status = "partial"
            if "failed" not in found:
                self._did_its_work(now)
        return EXIT_CODES[self.status]

    def _did_its_work(self, now: float) -> None:
        self.last_sync = now
        self.failing_since = None

    def document(self) -> dict[str, Any]:
        """The run as plain data."""
        return asdict(self)


def read(state: State) -> Mapping[str, Any] | None:
    """The last run's document, or None if there never was a run.

    Raises:
        StateError: it can't be read.
    """
    return documents.read(state.sync_run)


def write(state: State, run: Run) -> None:
    """Write the run's document.

    Raises:
        VolumeError: the state volume refused.
    """
    documents.write(state.sync_run, run.document())
