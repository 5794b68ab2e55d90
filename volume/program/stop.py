"""A request to stop: set by a signal, honoured at the next safe point.

Everywhere is a safe point as far as the volumes go (that is what the protocol is for); ``check``
marks where stopping is cheap.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from volume.errors import InterruptedRunError


class Stop:
    """Whether somebody asked us to stop. ``beat`` is a sign of life, given at every check."""

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
        """Whether somebody asked."""
        return self._event.is_set()

    def check(self) -> None:
        """Say that we are alive, and stop here if asked to.

        Raises:
            InterruptedRunError: somebody asked.
        """
        self._beat()
        if self.requested:
            raise InterruptedRunError(
                "stopped on request; what was committed and published stays as it is"
            )

    def wait(self, seconds: float) -> None:
        """Sleep, or less if asked to stop."""
        self._event.wait(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep, and stop here if asked to meanwhile.

        Raises:
            InterruptedRunError: somebody asked.
        """
        self.wait(seconds)
        self.check()
