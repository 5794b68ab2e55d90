"""A request to stop: set by a signal, honoured at the next safe point.

Everywhere is a safe point as far as the volumes go (that is what the protocol is for); ``check``
marks where stopping is cheap.

Guaranteed: a signal at any moment is heard, also while this thread begins or ends a ``wait``. (A
``threading.Event`` does not promise that: its lock may be held by the thread that the handler
interrupts, and then both wait for ever.)
"""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from volume.errors import InterruptedRunError


class Stop:
    """Whether somebody asked us to stop. ``beat`` is a sign of life, given at every check."""

    def __init__(self, beat: Callable[[], None] = lambda: None) -> None:
        self._requested = False
        self._requests: queue.SimpleQueue[None] = queue.SimpleQueue()  # reentrant
        self._beat = beat

    def request(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask to stop; a signal handler."""
        self._requested = True
        self._requests.put(None)

    def install(self) -> None:
        """Let SIGTERM and SIGINT ask."""
        signal.signal(signal.SIGTERM, self.request)
        signal.signal(signal.SIGINT, self.request)

    @contextlib.contextmanager
    def beating(self, beat: Callable[[], None]) -> Iterator[None]:
        """Give this sign of life instead, inside a ``with`` block."""
        before, self._beat = self._beat, beat
        try:
            yield
        finally:
            self._beat = before

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested

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
        try:
            self._requests.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return
        self._requests.put(None)  # whoever else waits shall hear it too

    def sleep(self, seconds: float) -> None:
        """Sleep, and stop here if asked to meanwhile.

        Raises:
            InterruptedRunError: somebody asked.
        """
        self.wait(seconds)
        self.check()
