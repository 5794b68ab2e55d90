"""Documents over HTTP: indexes and pages, whole and conditional, by requests.

Guaranteed: every request has timeouts and is tried again as ``retry`` says; a body that is cut is
never taken for a whole one; library errors become ``UpstreamError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import requests
import urllib3
from requests.adapters import HTTPAdapter

from syncer.environment import Environment
from syncer.errors import HttpStatusError, TransferError
from syncer.retry import STATUSES, Limits, Retries, Retryable
from volume.log import redact
from volume.stop import Stop

_CHUNK = 1 << 18  # bytes
_MOST_REDIRECTS = 10


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


class Fetcher:
    """Fetches documents, one at a time, over kept connections."""

    def __init__(self, limits: Limits, stop: Stop, environment: Environment) -> None:
        self._limits = limits
        self._stop = stop
        self._environment = environment
        self._session = requests.Session()
        # identity: what we fetch is compressed already.
        self._session.headers["User-Agent"] = limits.user_agent
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.trust_env = False  # Environment asks once a host, not once a request
        self._session.verify = environment.ca_bundle
        self._session.max_redirects = _MOST_REDIRECTS
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=1))

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
        retries = Retries(self._limits, self._stop)
        for number in retries:
            try:
                return self._try(url, headers, limit)
            except Retryable as failure:
                retries.wait(failure, number)
        raise AssertionError("unreachable: the last try returns or raises")

    def _try(self, url: str, headers: dict[str, str], limit: int) -> Document | None:
        with self._open(url, headers) as response:
            if response.status_code == 304:
                return None
            body = b"".join(self._body(url, response, limit))
            validators = Validators(
                response.headers.get("ETag"), response.headers.get("Last-Modified")
            )
            return Document(response.url, body, validators)

    def _open(self, url: str, headers: dict[str, str]) -> requests.Response:
        host = self._environment.host(url)
        try:
            response = self._session.get(
                url,
                headers=headers,
                stream=True,
                timeout=(self._limits.connect_timeout, self._limits.read_timeout),
                proxies=host.proxies,
                auth=host.credentials,
            )
        except requests.exceptions.SSLError as error:
            raise TransferError(tls_message(url, reason(error))) from error
        except requests.TooManyRedirects as error:
            raise TransferError(f"{redact(url)} redirects without end") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            message = f"{redact(url)} can't be reached: {reason(error)}"
            raise Retryable(TransferError(message)) from error
        if response.status_code in {200, 304}:
            return response
        response.close()
        failure = HttpStatusError(redact(url), response.status_code)
        if response.status_code in STATUSES:
            raise Retryable(failure, response.headers.get("Retry-After", ""))
        raise failure

    def _body(self, url: str, response: requests.Response, limit: int) -> Iterator[bytes]:
        length = response.headers.get("Content-Length", "")
        received = 0
        try:
            while chunk := response.raw.read(_CHUNK, decode_content=False):
                self._stop.check()
                received += len(chunk)
                if received > limit:
                    raise TransferError(f"{redact(url)} sends more than {limit:,} bytes; refused")
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            message = f"{redact(url)} was cut after {received:,} bytes: {reason(error)}"
            raise Retryable(TransferError(message)) from error
        if length.isdecimal() and received < int(length):
            message = f"{redact(url)} was cut after {received:,} of {length} bytes"
            raise Retryable(TransferError(message))


def tls_message(url: str, why: str) -> str:
    """What to say when TLS fails."""
    return (
        f"{redact(url)}: TLS failed ({why}); if a proxy inspects TLS here, give its CA bundle in"
        " REQUESTS_CA_BUNDLE"
    )


def reason(error: BaseException) -> str:
    """The innermost cause, without the wrapping of three libraries."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return redact(str(error)) or type(error).__name__
