"""Which hosts answer: one that does not, several times in a row, is tried last. Pure.

Thousands of artifacts must not each wait for a dead host first. Nothing is written off: last is
still tried, and one answer makes a host good again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from syncer.errors import HostStoppedError, HttpStatusError, UpstreamError

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

    def failed(self, url: str, *, for_good: bool = False) -> None:
        """A request brought nothing at all; ``for_good`` if no other will in this run."""
        host = _host(url)
        with self._lock:
            self._failures[host] = self._failures.get(host, 0) + (self._enough if for_good else 1)

    def note(self, url: str, error: UpstreamError, *, brought_bytes: bool) -> None:
        """Count a transfer that failed, if its host is to blame and not the file."""
        if isinstance(error, HostStoppedError):
            self.failed(url, for_good=True)
        elif brought_bytes or (isinstance(error, HttpStatusError) and error.status < _SERVER_ERROR):
            self.answered(url)
        else:
            self.failed(url)

    def answered(self, url: str) -> None:
        """A host answered, whatever it said."""
        if self._failures.get(_host(url)):
            with self._lock:
                self._failures.pop(_host(url), None)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
