"""Staging: one channel's downloads, with progress, warnings, and a checkpoint now and then.

``Batch`` holds what waits for the next checkpoint, ``FailedUpstreams`` who did not deliver
what the index lists.

Guaranteed: what can't be had is returned, not raised; what is staged when the run is stopped is
handed over before the stop goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from syncer.artifacts.downloads.download import Downloads
from syncer.artifacts.downloads.progress import Progress, Report
from syncer.artifacts.task import Absent, Failed, Staged, Task
from syncer.conda.wanted import Wanted
from syncer.errors import DeniedError, HostStoppedError, IntegrityError
from syncer.planning.plan import download_size
from syncer.settings.settings import Settings
from volume.errors import InterruptedRunError, MirrorError
from volume.ledger.artifact import WrongMd5
from volume.program.log import redact
from volume.program.sizes import counted

_LOG = logging.getLogger(__name__)


class Batch:
    """What waits for the next checkpoint: staged artifacts, and new records of committed ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.hotfixes: list[Wanted] = []
        self._staged: list[Staged] = []
        self._size = 0
        self._since = time.monotonic()

    def add(self, staged: Staged) -> None:
        self._staged.append(staged)
        self._size += staged.size

    @property
    def is_due(self) -> bool:
        settings = self._settings
        age = time.monotonic() - self._since
        return bool(self._staged) and (
            self._size >= settings.checkpoint_size or age >= 60 * settings.checkpoint_minutes
        )

    def take_hotfixes(self) -> list[Wanted]:
        hotfixes, self.hotfixes = self.hotfixes, []
        return hotfixes

    def take(self) -> list[Staged]:
        staged, self._staged = self._staged, []
        self._size = 0
        self._since = time.monotonic()
        return staged


class FailedUpstreams:
    """Those of a run, by host."""

    def __init__(self) -> None:
        self._mismatches: dict[str, list[str]] = {}
        self.others = 0
        """Artifacts that came from elsewhere for other reasons: missing, cut, not reachable."""

    def add(self, failures: Iterable[tuple[str, MirrorError]]) -> None:
        """Note what failed, by URL, before an artifact came from elsewhere."""
        found = list(failures)
        mismatches = [(url, error) for url, error in found if isinstance(error, IntegrityError)]
        for url, error in mismatches:
            self._mismatches.setdefault(_origin(url), []).append(str(error))
        self.others += bool(found) and not mismatches

    @property
    def warnings(self) -> list[str]:
        """What a person should know: upstreams whose artifacts are not what the index says."""
        return [
            f"{origin} delivered {len(errors):,} artifacts that are not what the index promises;"
            f" they came from another upstream. The first: {errors[0]}"
            for origin, errors in sorted(self._mismatches.items())
        ]


class Staging:
    """Stages artifacts of one channel.

    Args:
        downloads: makes what carries out one list of tasks; it tells the meter what it receives.
        denied: sha256 of bytes that must not get in, whatever their record says.
        warn: told what a person should know.
        report: told how far the work is.
        bars: whether a terminal shows progress bars.
    """

    def __init__(
        self,
        channel: str,
        downloads: Callable[[Progress], Downloads],
        *,
        denied: Collection[str],
        warn: Callable[[str], None],
        report: Report,
        bars: bool = False,
    ) -> None:
        self._channel = channel
        self._downloads = downloads
        self._denied = denied
        self._warn = warn
        self._report = report
        self._bars = bars

    def stage(
        self,
        tasks: Sequence[Task],
        take: Callable[[Staged], None],
        checkpoint: Callable[[bool], None] = lambda stopping: None,
    ) -> list[Failed]:
        """Stage ``tasks``; return what could not be had.

        Args:
            take: gets each staged artifact.
            checkpoint: called after each, and with True when the run is being stopped.

        Raises:
            VolumeError: the mirror volume refused.
            InterruptedRunError: the run was stopped.
        """
        progress = Progress(
            self._channel,
            artifacts=len(tasks),
            size=download_size(task.artifact for task in tasks),
            bars=self._bars,
            report=self._report,
        )
        failures: list[Failed] = []
        absent = 0
        failed = FailedUpstreams()
        wrong_md5: list[WrongMd5] = []
        with progress:
            try:
                for outcome in self._downloads(progress).run(tasks):
                    if isinstance(outcome, Staged) and outcome.sha256 in self._denied:
                        outcome = self._deny(outcome)  # noqa: PLW2901
                    if isinstance(outcome, Staged):
                        take(outcome)
                        failed.add(outcome.failures)
                        wrong_md5.extend(_wrong_md5(outcome))
                    elif isinstance(outcome, Absent):
                        absent += 1
                    elif isinstance(outcome, Failed):
                        failures.append(outcome)
                        if not isinstance(outcome.error, HostStoppedError):  # it was said once
                            # The outcome names it again, where a person reads it.
                            _LOG.debug("%s: %s", self._channel, outcome.error)
                    if outcome is not None:
                        progress.finished()
                    progress.show()
                    checkpoint(False)
            except InterruptedRunError:
                checkpoint(True)
                raise
        for warning in failed.warnings:
            self._warn(warning)
        if wrong_md5:
            self._warn(
                f"the index has another md5 than the bytes of {counted(len(wrong_md5), 'artifact')}"
                f" whose sha256 is right: published as the index has it. The first: {wrong_md5[0]}"
            )
        if failed.others:
            _LOG.info("%s: %d artifacts came from a later upstream", self._channel, failed.others)
        if absent:
            self._warn(
                f"{absent:,} artifacts are not there, or not intact: the next sync gets them"
            )
        return failures

    def _deny(self, staged: Staged) -> Failed:
        """Bytes whose hash nobody knew before they were here: old records have none."""
        task = staged.task
        return Failed(
            task,
            DeniedError(
                f"{task.artifact.subdir}/{task.artifact.filename} has the denied sha256"
                f" {staged.sha256}, which its record does not tell: it is not mirrored. Deny it by"
                " name too, so that it is not fetched"
            ),
        )


def _wrong_md5(staged: Staged) -> Iterator[WrongMd5]:
    artifact = staged.task.artifact
    if staged.other_md5 is not None and artifact.md5 is not None:
        yield WrongMd5(artifact.subdir, artifact.filename, artifact.md5, staged.other_md5)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return redact(f"{parts.scheme}://{parts.netloc}") if parts.netloc else "the folder"
