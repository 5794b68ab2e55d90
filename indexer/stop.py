"""A request to stop: set by a signal, honoured at the next safe point.

Everything before the swap of ``current`` is a safe point, because an unfinished generation is
swept by the next run.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from indexer.errors import InterruptedRunError


class Stop:
    """Whether somebody asked us to stop, and a sign of life for those who ask whether we run."""

    def __init__(self, beat: Callable[[], None] = lambda: None) -> None:
        self._event = threading.Event()
        self._beat = beat

    def request(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask to stop; a signal handler."""
        self._event.set()

    def install(self) -> None:
        """Let SIGTERM and SIGINT ask."""
        signal.signal(signal.SIGTERM, self.request)
        signal.signal(signal.SIGINT, self.request)

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Say that we are alive, and stop here if asked to.

        Raises:
            InterruptedRunError: somebody asked.
        """
        self._beat()
        if self.requested:
            raise InterruptedRunError("stopped on request; the published index stays as it was")

    def wait(self, seconds: float) -> None:
        """Sleep, or less if asked to stop."""
        self._event.wait(seconds)
