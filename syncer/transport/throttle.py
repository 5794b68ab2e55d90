"""Keeps all transfers together below SYNC_RATE_LIMIT: a token bucket that every thread draws from.

Guaranteed: what was taken since the start is never more than the limit allowed until now, plus a
quarter of a second of it; threads are served in the order in which they ask; a new rate of the
timetable is in force within a second, also in the middle of a transfer; a stop ends every wait.
Not guaranteed: what the kernel receives ahead of us, a few MB on a fast link.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from syncer.settings.rate import RateLimit
from volume.program.stop import Stop

_BURST_SECONDS = 0.25
_LOOK_SECONDS = 1.0


def _minute_of_day() -> int:
    now = datetime.now().astimezone()  # TZ's time: that is what people write into a timetable
    return now.hour * 60 + now.minute


class Throttle:
    """A token bucket; a debt is waited for by who made it."""

    def __init__(
        self,
        limit: RateLimit,
        stop: Stop,
        *,
        clock: Callable[[], float] = time.monotonic,
        minute_of_day: Callable[[], int] = _minute_of_day,
    ) -> None:
        self._limit = limit
        self._stop = stop
        self._clock = clock
        self._minute_of_day = minute_of_day
        self._lock = threading.Lock()
        self._asked = 0.0  # bytes, since the start
        self._granted = 0.0  # of them, and at most a burst ahead
        self._looked = clock()

    @property
    def slowest(self) -> int:
        """The lowest rate that may come, in bytes per second."""
        return self._limit.slowest or 0

    def take(self, amount: int) -> None:
        """Wait until ``amount`` more bytes may have been transferred.

        Raises:
            InterruptedRunError: the run was stopped.
        """
        with self._lock:
            self._grant()  # before it is asked for more: time without transfers is not saved up
            self._asked += amount
            mine = self._asked
        while True:
            with self._lock:
                rate = self._grant()
                missing = mine - self._granted
            if missing <= 0 or rate is None:
                return
            self._stop.sleep(min(missing / rate, _LOOK_SECONDS))

    def _grant(self) -> int | None:
        now = self._clock()
        rate = self._limit.at(self._minute_of_day())
        if rate is None:
            self._granted = max(self._granted, self._asked)
        else:
            allowed = self._granted + rate * (now - self._looked)
            self._granted = min(allowed, self._asked + rate * _BURST_SECONDS)
        self._looked = now
        return rate


def throttle(limit: RateLimit, stop: Stop) -> Throttle | None:
    """What keeps to ``limit``, or None if there is nothing to keep to."""
    return None if limit.is_unlimited else Throttle(limit, stop)
