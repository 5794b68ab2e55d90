"""When and how a request is tried again.

Only what can heal is tried again: 408, 429, 5xx and broken connections; with jitter, and not before
the server's own Retry-After. A 429 that stays, or that asks for more time than we wait, stops its
host for the rest of the run. A wait ends at once when the run is stopped, or the host.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from syncer.errors import HttpStatusError, UpstreamError
from syncer.transport.hosts import Tally
from volume.program.stop import Stop

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
    """A failure that may heal: what to report if it does not.

    ``retry_after`` and ``said`` are the server's words on when and why; ``tally`` is its host's.
    """

    def __init__(
        self, error: UpstreamError, tally: Tally, *, retry_after: str = "", said: str = ""
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.tally = tally
        self.retry_after = retry_after
        self.said = said

    @property
    def is_slow_down(self) -> bool:
        """Whether the host asks for fewer requests (RFC 6585 section 4)."""
        return isinstance(self.error, HttpStatusError) and self.error.status == 429


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
            HostStoppedError: the host is not to be asked again in this run.
            UpstreamError: that was the last try.
            InterruptedRunError: the run was stopped.
        """
        tally = failure.tally
        asked = self._asked_for(failure.retry_after)
        is_last = number >= self._limits.tries
        if failure.is_slow_down and (is_last or (asked or 0.0) > _LONGEST_RETRY_AFTER):
            raise tally.stop(_had_enough(failure)) from failure.__cause__
        if is_last:
            raise failure.error from failure.__cause__
        if asked is None:
            delay = min(_LONGEST_BACKOFF, _FIRST_WAIT * 2 ** (number - 1)) * (0.5 + self._rng())
        else:
            delay = min(asked, _LONGEST_RETRY_AFTER)
            if failure.is_slow_down:
                tally.pause(delay)  # the other connections too: it is the host that asks
        tally.retries += 1
        tally.wait(delay, self._stop)

    def _asked_for(self, retry_after: str) -> float | None:
        """Seconds that a Retry-After asks for (RFC 9110 section 10.2.3), if it says."""
        if retry_after.isdecimal():
            return float(retry_after)
        try:
            seconds = (parsedate_to_datetime(retry_after) - self._now()).total_seconds()
        except (ValueError, TypeError):
            return None
        return max(seconds, 0.0)


def _had_enough(failure: Retryable) -> str:
    said = f" ({failure.said})" if failure.said else ""
    until = f", and to come back in {failure.retry_after} s" if failure.retry_after else ""
    return (
        f"{failure.tally.standing.host} says that we ask too much (429){said}{until}: it is not"
        " asked again in this run, and nothing changes for what is missing. Set SYNC_RATE_LIMIT,"
        " lower SYNC_CONNECTIONS, or move SYNC_SCHEDULE to a quieter hour"
    )
