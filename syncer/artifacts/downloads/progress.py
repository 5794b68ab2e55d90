"""Progress of a long download: bars on a terminal, a line every 30 s elsewhere.

Reported as ``DownloadProgress`` too, every 10 s: the run document has them for the landing page.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from volume.program.durations import duration
from volume.program.sizes import amount
from volume.run_document import DownloadProgress

if TYPE_CHECKING:
    import rich.progress

_LOG = logging.getLogger(__name__)
_LINE_SECONDS = 30.0
_REPORT_SECONDS = 10.0


Report = Callable[[DownloadProgress | None], None]
"""Told how far it is, and None at the end."""


class Progress:
    """Counts what arrives, and shows it. Use as a context manager around a download."""

    def __init__(
        self,
        label: str,
        *,
        artifacts: int,
        size: int,
        bars: bool,
        report: Report = lambda facts: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._artifacts = artifacts
        self._size = size
        self._report = report
        self._clock = clock
        self._guard = threading.Lock()
        self._received = 0
        self._done = 0
        self._started = self._shown = self._reported = clock()
        self._rate: float | None = None
        self._received_before = 0
        self._bars: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        if bars:
            self._bars = _bars()
            self._task = self._bars.add_task(label, total=size, artifacts=f"0/{artifacts:,}")

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bars:
            self._bars.stop()
        self._report(None)

    def received(self, size: int) -> None:
        """``size`` more bytes are here. Called by the workers."""
        with self._guard:
            self._received += size

    def finished(self) -> None:
        """One more artifact has ended, well or not."""
        self._done += 1

    def show(self) -> None:
        """Show where we are, if it is time."""
        if self._clock() - self._reported >= _REPORT_SECONDS:
            self._report(self._facts())
        if self._bars and self._task is not None:
            self._bars.update(
                self._task,
                completed=self._received,
                artifacts=f"{self._done:,}/{self._artifacts:,}",
            )
        elif self._clock() - self._shown >= _LINE_SECONDS:
            self._shown = self._clock()
            _LOG.info("%s", self.line())

    def _facts(self) -> DownloadProgress:
        """Where we are; the rate is of the last half minute or so."""
        now = self._clock()
        rate = (self._received - self._received_before) / max(now - self._reported, 1e-6)
        self._rate = rate if self._rate is None else (2 * self._rate + rate) / 3
        self._reported, self._received_before = now, self._received
        return DownloadProgress(
            self._done, self._artifacts, self._received, self._size, round(self._rate, 1)
        )

    def line(self) -> str:
        """Where we are, in one line."""
        seconds = max(self._clock() - self._started, 1e-6)
        rate = self._received / seconds
        left = (self._size - self._received) / rate if rate else 0
        return (
            f"{self._label}: {self._done:,} of {self._artifacts:,} artifacts,"
            f" {amount(self._received)} of {amount(self._size)}, {amount(rate)}/s,"
            f" about {duration(max(left, 0))} left"
        )


def _bars() -> rich.progress.Progress:
    from rich import progress  # 60 ms that a run without a terminal does not pay
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[artifacts]}"),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )
