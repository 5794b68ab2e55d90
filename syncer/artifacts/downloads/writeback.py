"""Early writeback: staged bytes go to the disk while the next ones still come.

Left alone the kernel keeps gigabytes of them back, and the barrier before a commit waits for all.
Guaranteed: what the disk refuses here is raised, not lost: the kernel tells of it only once.
Not guaranteed: that anything is durable. The barrier sees to that.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from syncer.artifacts.downloads.part import Meter
from volume.disk.files import sync_filesystem
from volume.errors import VolumeError

_EVERY = 64 << 20  # bytes


class Writeback:
    """Counts bytes on their way to a meter; use as a context manager while they come."""

    def __init__(self, folder: Path, meter: Meter, *, every: int = _EVERY) -> None:
        """For the filesystem of ``folder``; ``every`` is how many bytes may wait."""
        self._folder = folder
        self._meter = meter
        self._every = every
        self._waiting = 0
        self._ending = False
        self._problem: VolumeError | None = None
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="writeback", daemon=True)

    def received(self, size: int) -> None:
        """``size`` more bytes were written."""
        self._meter.received(size)
        with self._wake:
            self._waiting += size
            if self._waiting >= self._every:
                self._wake.notify()

    def check(self) -> None:
        """See if all is well.

        Raises:
            VolumeError: the disk refused what was written.
        """
        if self._problem is not None:
            raise self._problem

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()
        if error is None:
            self.check()

    def _work(self) -> None:
        try:
            while self._is_due():
                sync_filesystem(self._folder)
        except VolumeError as problem:
            self._problem = problem

    def _is_due(self) -> bool:
        """Wait until enough has come; False at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._ending or self._waiting >= self._every)
            self._waiting = 0
            return not self._ending
