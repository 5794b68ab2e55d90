"""When and how a request is tried again.

Only what can heal is tried again: 408, 429, 5xx and broken connections; with jitter, and not before
the server's own Retry-After. A wait ends at once when the run is stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from syncer.errors import UpstreamError
from volume.stop import Stop

STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_FIRST_WAIT = 0.5  # seconds; doubles with each try
_LONGEST_BACKOFF = 30.0
_LONGEST_RETRY_AFTER = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard an upstream may be asked. Times are in seconds."""

    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    tries: int = 5
    user_agent: str = "conda-lan-mirror"


class Retryable(Exception):
    """A failure that may heal: what to report if it does not, and what the server said of when."""

    def __init__(self, error: UpstreamError, retry_after: str = "") -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


class Retries:
    """The tries that one request has; iterate, and hand every failure to ``wait``."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        *,
        rng: Callable[[], float] = random.random,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limits = limits
        self._stop = stop
        self._rng = rng
        self._now = now

    def __iter__(self) -> Iterator[int]:
        """The numbers of the tries, from 1."""
        for number in range(1, self._limits.tries + 1):
            self._stop.check()
            yield number

    def wait(self, failure: Retryable, number: int) -> None:
        """Wait before the next try, or raise the failure's error if there is none.

        Raises:
            UpstreamError: that was the last try.
            InterruptedRunError: the run was stopped.
        """
        if number >= self._limits.tries:
            raise failure.error from failure.__cause__
        delay = self._asked_for(failure.retry_after)
        if delay is None:
            delay = min(_LONGEST_BACKOFF, _FIRST_WAIT * 2 ** (number - 1)) * (0.5 + self._rng())
        self._stop.sleep(delay)

    def _asked_for(self, retry_after: str) -> float | None:
        """Seconds that a Retry-After asks for (RFC 9110 section 10.2.3), if it says."""
        if retry_after.isdecimal():
            seconds = float(retry_after)
        else:
            try:
                seconds = (parsedate_to_datetime(retry_after) - self._now()).total_seconds()
            except (ValueError, TypeError):
                return None
        return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)
