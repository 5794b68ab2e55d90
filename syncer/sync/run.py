"""A run as it goes on: what happens is noted here, and becomes the run document."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncer.sync.failure import REFUSED
from volume.errors import MirrorError
from volume.program.printable import printable, printable_lines
from volume.run_document import (
    CanaryFailure,
    ChannelRun,
    DownloadProgress,
    FailedArtifact,
    HostTotals,
    Keeping,
    RunDocument,
    Totals,
)

# The exit code that each status stands for.
EXIT_CODES = {"success": 0, "partial": 3, "failed": 1, "stopped": 130}
_MOST_FAILURES = 100  # in the run document, which is written often; a file beside it has all


@dataclass(slots=True)
class ChannelResult:
    """A channel's part, or a collection's: installers, wheels; fields as in ``ChannelRun``.

    ``failures`` are all, not only the first.
    """

    channel: str
    status: str = "success"
    plan: list[Totals] = field(default_factory=list)
    downloaded: int = 0
    downloaded_size: int = 0
    committed_serial: int = 0
    retired: int = 0
    expired: int = 0
    evicted: int = 0
    evicted_size: int = 0
    failures: list[FailedArtifact] = field(default_factory=list)
    failed: int = 0
    failure_kinds: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    unchanged: bool = False
    kept: Keeping = field(default_factory=Keeping)
    progress: DownloadProgress | None = None

    def fail(self, filename: str, subdir: str, reason: str, kind: str = REFUSED) -> None:
        """Note an artifact that is left out; ``kind`` is a word of ``failure``."""
        self.failed += 1
        self.count(kind)
        self.status = "partial" if self.status == "success" else self.status
        said = map(printable, (subdir, filename, reason))
        self.failures.append(FailedArtifact(*said))

    def left_out(self) -> list[str]:
        """Every artifact that is left out, and why."""
        return [f"{self.channel}/{one.said}" for one in self.failures]

    def count(self, kind: str) -> None:
        """Count a failure of a kind."""
        self.failure_kinds[kind] = self.failure_kinds.get(kind, 0) + 1

    def document(self) -> ChannelRun:
        """What happened so far."""
        return ChannelRun(
            channel=self.channel,
            status=self.status,
            plan=tuple(self.plan),
            downloaded=self.downloaded,
            downloaded_size=self.downloaded_size,
            committed_serial=self.committed_serial,
            retired=self.retired,
            expired=self.expired,
            evicted=self.evicted,
            evicted_size=self.evicted_size,
            failures=tuple(self.failures[:_MOST_FAILURES]),
            failed=self.failed,
            failure_kinds=dict(self.failure_kinds),
            warnings=tuple(map(printable_lines, self.warnings)),
            error=printable_lines(self.error) if self.error else None,
            unchanged=self.unchanged,
            kept=self.kept,
            progress=self.progress,
        )


@dataclass(slots=True)
class Run:
    """The whole run; fields as in ``RunDocument``."""

    started: float
    status: str = "running"
    finished: float | None = None
    last_success: float | None = None
    last_sync: float | None = None
    failing_since: float | None = None
    health_hours: float | None = None
    channels: list[ChannelResult] = field(default_factory=list)
    installers: list[ChannelResult] = field(default_factory=list)
    wheels: list[ChannelResult] = field(default_factory=list)
    name_mapping: list[ChannelResult] = field(default_factory=list)
    hosts: list[HostTotals] = field(default_factory=list)
    canaries: list[CanaryFailure] = field(default_factory=list)
    approved: list[str] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)  # of --approve, what matches nothing
    error: str | None = None
    error_code: int = EXIT_CODES["failed"]

    @property
    def results(self) -> list[ChannelResult]:
        """Of every part, in the order in which they ran."""
        return [*self.channels, *self.installers, *self.wheels, *self.name_mapping]

    @property
    def exit_code(self) -> int:
        """What the program ends with; an error that ended the run may have a code of its own."""
        return self.error_code if self.status == "failed" else EXIT_CODES[self.status]

    def end(self, error: MirrorError) -> None:
        """Note what ended the run before its time."""
        self.error = str(error)
        self.error_code = error.exit_code

    def conclude(self, now: float) -> int:
        """Settle the status from the channels' and return the exit code."""
        self.finished = now
        found = {result.status for result in self.results}
        if self.error is not None:
            self.status = self.status if self.status == "stopped" else "failed"
        elif found <= {"success"} and not self.unmet:
            self.status = "success"
            self.last_success = now
            self._did_its_work(now)
        elif found == {"failed"}:
            self.status = "failed"
        else:
            self.status = "partial"
            if "failed" not in found:
                self._did_its_work(now)
        return self.exit_code

    def _did_its_work(self, now: float) -> None:
        self.last_sync = now
        self.failing_since = None

    def left_out_lines(self) -> str:
        """Every artifact that is left out, and why, one a line."""
        return "".join(f"{line}\n" for result in self.results for line in result.left_out())

    def document(self) -> RunDocument:
        """The run as far as it is."""
        return RunDocument(
            status=self.status,
            started=self.started,
            finished=self.finished,
            last_success=self.last_success,
            last_sync=self.last_sync,
            failing_since=self.failing_since,
            health_hours=self.health_hours,
            channels=tuple(result.document() for result in self.channels),
            installers=tuple(result.document() for result in self.installers),
            wheels=tuple(result.document() for result in self.wheels),
            name_mapping=tuple(result.document() for result in self.name_mapping),
            hosts=tuple(self.hosts),
            canaries=tuple(self.canaries),
            approved=tuple(self.approved),
            error=self.error,
        )
