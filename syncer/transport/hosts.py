"""The hosts of a run: what each was asked for, which want no more, and which don't answer.

Guaranteed: once a host is stopped no request to it begins; what a host asked us to wait for holds
for all threads. Counting takes no lock: each thread has its own tally of each host. A host that
does not answer several times in a row is tried last: thousands of artifacts must not each wait for
a dead one first. Nothing is written off: last is still tried, one answer makes a host good again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from syncer.errors import (
    HostStoppedError,
    HttpStatusError,
    IntegrityError,
    MissingError,
    RefusedAddressError,
    StalledError,
    UpstreamError,
)
from volume.program.log import redact
from volume.program.stop import Stop
from volume.run_document import HostTotals

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5  # while waiting for a host: whether it was stopped meanwhile
_ENOUGH = 3
_SERVER_ERROR = 500
_ENOUGH_REFUSALS = 100


@dataclass(slots=True)
class HostState:
    """How a host and we stand, for all threads."""

    host: str
    stopped: str | None = None
    resume_at: float = 0.0  # on the monotonic clock


class Tally:
    """One thread's count of one host."""

    def __init__(self, standing: HostState, clock: Callable[[], float] = time.monotonic) -> None:
        self.standing = standing
        self._clock = clock
        self.requests = 0
        self.received = 0
        self.unchanged = 0
        self.retries = 0
        self.slow_downs = 0

    def begin(self, stop: Stop) -> None:
        """Count a request, when the host may be asked.

        Raises:
            HostStoppedError: it may not, in this run.
            InterruptedRunError: the run was stopped.
        """
        if self.standing.resume_at or self.standing.stopped:
            self.wait(0.0, stop)
        self.requests += 1

    def wait(self, seconds: float, stop: Stop) -> None:
        """Leave the host alone for a while, and as long as it asked any thread for.

        Raises:
            HostStoppedError: it was stopped meanwhile.
            InterruptedRunError: the run was stopped.
        """
        until = self._clock() + seconds
        while True:
            if self.standing.stopped is not None:
                raise HostStoppedError(self.standing.stopped)
            left = max(until, self.standing.resume_at) - self._clock()
            if left <= 0:
                return
            stop.sleep(min(left, _LOOK_SECONDS))

    def pause(self, seconds: float) -> None:
        """Let no thread ask the host for a while: it said so."""
        self.standing.resume_at = max(self.standing.resume_at, self._clock() + seconds)

    def stop(self, message: str) -> HostStoppedError:
        """Ask the host for nothing more in this run; the first reason stays."""
        if self.standing.stopped is None:
            self.standing.stopped = message
            _LOG.warning("%s", message)
        return HostStoppedError(self.standing.stopped)


class Hosts:
    """All hosts of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standings: dict[str, HostState] = {}
        self._tallies: list[Tally] = []

    def tally(self, host: str) -> Tally:
        """A new tally of a host, for one thread to keep."""
        with self._lock:
            standing = self._standings.setdefault(host, HostState(host))
            tally = Tally(standing)
            self._tallies.append(tally)
            return tally

    def totals(self) -> list[HostTotals]:
        """The counts so far, by host."""
        with self._lock:
            tallies = list(self._tallies)
            standings = sorted(self._standings.values(), key=lambda standing: standing.host)
        found = []
        for standing in standings:
            own = [tally for tally in tallies if tally.standing is standing]
            found.append(
                HostTotals(
                    host=standing.host,
                    requests=sum(tally.requests for tally in own),
                    received=sum(tally.received for tally in own),
                    unchanged=sum(tally.unchanged for tally in own),
                    retries=sum(tally.retries for tally in own),
                    slow_downs=sum(tally.slow_downs for tally in own),
                    stopped=standing.stopped,
                )
            )
        return found


class Reachability:
    """What the requests of a run have seen of each host; threads may share it."""

    def __init__(self, enough: int = _ENOUGH) -> None:
        """``enough`` failures in a row put a host last."""
        self._enough = enough
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}

    def order(self, urls: Sequence[str]) -> Sequence[str]:
        """The same URLs, those of hosts that don't answer last."""
        if len(urls) < 2 or not self._failures:
            return urls
        return sorted(urls, key=lambda url: self._failures.get(_host(url), 0) >= self._enough)

    def turns(self, urls: Sequence[str], stalled: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """The URLs in ``order``, and whether to be patient with each.

        Args:
            stalled: filled by whoever asks, with those of several that stood still: they get
                another turn at the end, with patience.
        """
        for url in self.order(urls):
            yield url, len(urls) == 1
        for url in tuple(stalled):
            yield url, True

    def failed(self, url: str, *, for_good: bool = False) -> None:
        """A request brought nothing at all; ``for_good`` if no other will in this run."""
        host = _host(url)
        with self._lock:
            self._failures[host] = self._failures.get(host, 0) + (self._enough if for_good else 1)

    def note(self, url: str, error: UpstreamError, *, brought_bytes: bool) -> None:
        """Count a transfer that failed, if its host is to blame and not the file."""
        if isinstance(error, RefusedAddressError):
            return  # it was not asked
        if isinstance(error, HostStoppedError):
            self.failed(url, for_good=True)
        elif isinstance(error, StalledError):
            self.failed(url)  # a few bytes and then nothing cost as much time as nothing at all
        elif brought_bytes or (isinstance(error, HttpStatusError) and error.status < _SERVER_ERROR):
            self.answered(url)
        else:
            self.failed(url)

    def answered(self, url: str) -> None:
        """A host answered, whatever it said."""
        if self._failures and self._failures.get(_host(url)):
            with self._lock:
                self._failures.pop(_host(url), None)


class Refusals:
    """Refusals of bodies that belong together: a host that refuses many in a row is left alone.

    An index may list thousands of artifacts that are not there, or lead where nobody may go. Only
    refusals of the same kind count, and one body that is had forgets them. Threads may share it.
    """

    def __init__(self, enough: int = _ENOUGH_REFUSALS) -> None:
        self._enough = enough
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[object, int]] = {}
        self._stopped: dict[str, HostStoppedError] = {}

    def stopped(self, url: str) -> HostStoppedError | None:
        """Why a URL's host is not to be asked any more; None if it is."""
        return self._stopped.get(_host(url)) if self._stopped else None

    def refused(self, url: str, error: UpstreamError) -> None:
        """Count a failure, if it is a refusal."""
        kind = _kind(error)
        if kind is None:
            return
        host = _host(url)
        with self._lock:
            before, count = self._rows.get(host, (kind, 0))
            count = count + 1 if before == kind else 1
            self._rows[host] = kind, count
            if count < self._enough or host in self._stopped:
                return
            message = (
                f"{redact(host)} refused {count:,} in a row, the last one so: {error}. It is asked"
                " for no more of them in this run; what is missing is left out, and tried again"
                " next run"
            )
            self._stopped[host] = HostStoppedError(message)
        _LOG.warning("%s", message)

    def had(self, url: str) -> None:
        """A body came, and was right."""
        if self._rows:
            with self._lock:
                self._rows.pop(_host(url), None)


def _kind(error: UpstreamError) -> object:
    """What makes refusals the same; None for what is no refusal."""
    if isinstance(error, HttpStatusError):
        return error.status if error.status < _SERVER_ERROR else None
    for kind in (IntegrityError, MissingError, RefusedAddressError):
        if isinstance(error, kind):
            return kind
    return None


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
