"""The pulse of whoever holds ``sync.lock``: the run document's time of change advances.

Guaranteed: it advances only while the work gets on, for nothing but the work itself calls ``beat``:
a process that hangs, or is stopped, has none. Waiting for a lock, a host or the rate limit counts
as getting on. Without a run document there is no pulse to see, and nothing is made.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

_EVERY_SECONDS = 60.0  # whoever shows the document looks at it anew each time


class Pulse:
    """Touches a run document that is there, at most once a minute. For any thread."""

    def __init__(self, document: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._document = document
        self._clock = clock
        self._due = clock()

    def beat(self) -> None:
        """Say that the work gets on; a disk that refuses will be met by the work itself."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + _EVERY_SECONDS
        with contextlib.suppress(OSError):
            os.utime(self._document)
