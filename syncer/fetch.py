"""HTTP: the only module that imports requests.

Guaranteed: every request has timeouts; only what can heal is retried (408, 429, 5xx, broken
connections), with jitter and the server's own Retry-After; a cut transfer goes on where it stopped;
library errors become ``UpstreamError``; a sleep ends at once when the run is stopped.
Not guaranteed: that the bytes are right. Callers verify.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from syncer.errors import HttpStatusError, InterruptedRunError, TransferError
from volume.log import redact

CHUNK = 1 << 18  # bytes; large enough for fast links, small enough to stop quickly
_RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 120.0  # seconds that a Retry-After may make us wait


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A whole body and its validators."""

    url: str
    body: bytes
    validators: Validators


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard an upstream may be asked. Times are in seconds."""

    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    tries: int = 5
    user_agent: str = "conda-lan-mirror"


class Stop:
    """A run's stop switch, which also ends its sleeps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop the run."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise InterruptedRunError if the run is being stopped."""
        if self._event.is_set():
            raise InterruptedRunError("the run was stopped; what was committed stays")

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise InterruptedRunError as soon as the run is stopped."""
        self._event.wait(seconds)
        self.check()


class Fetcher:
    """HTTP requests with retries; one connection pool per thread, so one connection each."""

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
        self._local = threading.local()
        self._settings: dict[str, tuple[dict[str, str], tuple[str, str] | None]] = {}

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        """A whole body, or None if it is unchanged (304).

        Args:
            limit: bytes that the body may have at most.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            TransferError: the server can't be reached, or cut the body in every try.
        """
        headers = {}
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        for last in self._tries():
            try:
                with self._open(url, headers) as response:
                    if response.status_code == 304:
                        return None
                    body = b"".join(self._body(url, response, limit))
                    return Document(
                        url=response.url,
                        body=body,
                        validators=Validators(
                            response.headers.get("ETag"), response.headers.get("Last-Modified")
                        ),
                    )
            except _Retry as retry:
                self._wait(retry, last)
        raise AssertionError("unreachable: the last try returns or raises")

    def stream(
        self, url: str, start: Callable[[], int], restart: Callable[[], None]
    ) -> Iterator[bytes]:
        """A body in chunks, from where ``start()`` says that we are; cut transfers go on.

        Args:
            start: bytes that the caller has; asked before every try.
            restart: called when the server sends the body from its beginning after all.

        Raises:
            HttpStatusError: a status that does not heal.
            TransferError: the transfer failed in every try.
        """
        for last in self._tries():
            position = start()
            headers = {"Range": f"bytes={position}-"} if position else {}
            try:
                with self._open(url, headers) as response:
                    if position and not _continues(response, position):
                        restart()
                    if response.status_code == 416:
                        # We have more than there is. From the beginning, in the next try.
                        raise _Retry(HttpStatusError(redact(url), 416), 0.0)
                    yield from self._body(url, response, None)
                    return
            except _Retry as retry:
                # Progress resets nothing: a server that cuts every transfer must end some day.
                self._wait(retry, last)

    def _tries(self) -> Iterator[int | None]:
        """Count the tries; the last one yields None."""
        yield from range(1, self._limits.tries)
        yield None

    def _wait(self, retry: _Retry, number: int | None) -> None:
        if number is None:
            raise retry.error from retry.__cause__
        delay = retry.delay
        if delay is None:
            delay = min(30.0, 0.5 * 2 ** (number - 1)) * (0.5 + self._rng())
        self._stop.sleep(delay)

    def _open(self, url: str, headers: dict[str, str]) -> requests.Response:
        self._stop.check()
        session = self._session()
        proxies, credentials = self._environment(url)
        try:
            response = session.get(
                url,
                headers=headers,
                stream=True,
                timeout=(self._limits.connect_timeout, self._limits.read_timeout),
                proxies=proxies,
                auth=credentials,
            )
        except requests.exceptions.SSLError as error:
            raise TransferError(
                f"{redact(url)}: TLS failed ({_reason(error)}); if a proxy inspects TLS, give its"
                " CA bundle in REQUESTS_CA_BUNDLE"
            ) from error
        except requests.TooManyRedirects as error:
            raise TransferError(f"{redact(url)} redirects without end") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _Retry(
                TransferError(f"{redact(url)} can't be reached: {_reason(error)}"), None
            ) from error
        status = response.status_code
        if status in {200, 206, 304, 416}:
            return response
        response.close()
        if status in _RETRY_STATUS:
            raise _Retry(HttpStatusError(redact(url), status), self._retry_after(response))
        raise HttpStatusError(redact(url), status)

    def _body(self, url: str, response: requests.Response, limit: int | None) -> Iterator[bytes]:
        length = response.headers.get("Content-Length", "")
        received = 0
        try:
            while chunk := response.raw.read(CHUNK, decode_content=False):
                self._stop.check()
                received += len(chunk)
                if limit is not None and received > limit:
                    raise TransferError(f"{redact(url)} sends more than {limit:,} bytes; refused")
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Retry(
                TransferError(f"{redact(url)} was cut after {received:,} bytes: {_reason(error)}"),
                None,
            ) from error
        if length.isdecimal() and received < int(length):
            raise _Retry(
                TransferError(f"{redact(url)} was cut after {received:,} of {length} bytes"), None
            )

    def _retry_after(self, response: requests.Response) -> float | None:
        value = response.headers.get("Retry-After", "")
        if value.isdecimal():
            seconds = float(value)
        else:
            try:
                seconds = (parsedate_to_datetime(value) - self._now()).total_seconds()
            except (ValueError, TypeError):
                return None
        return min(max(seconds, 0.0), _LONGEST_WAIT)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers = requests.structures.CaseInsensitiveDict(
                # identity: artifacts and indexes are compressed already, and Range needs it.
                {"User-Agent": self._limits.user_agent, "Accept-Encoding": "identity"}
            )
            adapter = HTTPAdapter(pool_connections=4, pool_maxsize=1)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            # requests would look up proxies, CA bundle and netrc for every single request.
            session.trust_env = False
            session.verify = (
                os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
            )
            session.max_redirects = 10
            self._local.session = session
        return session

    def _environment(self, url: str) -> tuple[dict[str, str], tuple[str, str] | None]:
        """Proxies and netrc credentials for a host, as requests finds them; asked once a host."""
        host = urlsplit(url).netloc
        found = self._settings.get(host)
        if found is None:
            found = (
                requests.utils.get_environ_proxies(url, no_proxy=None),
                requests.utils.get_netrc_auth(url),
            )
            self._settings[host] = found
        return found


class _Retry(Exception):
    """A failure that may heal: the error to report if it does not, and how long to wait."""

    def __init__(self, error: HttpStatusError | TransferError, delay: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.delay = delay


def _continues(response: requests.Response, position: int) -> bool:
    """Whether the body begins where we asked (RFC 9110 section 14.4)."""
    expected = f"bytes {position}-"
    given = response.headers.get("Content-Range", "")
    return response.status_code == 206 and given.startswith(expected)


def _reason(error: BaseException) -> str:
    """The innermost cause, without the wrapping of three libraries."""
    while True:
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return redact(str(error)) or type(error).__name__
