"""Which hosts answer: one that does not, several times in a row, is tried last. Pure.

Thousands of artifacts must not each wait for a dead host first. Nothing is written off: last is
still tried, and one answer makes a host good again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from syncer.errors import HostStoppedError, HttpStatusError, StalledError, UpstreamError

_ENOUGH = 3
_SERVER_ERROR = 500


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


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
