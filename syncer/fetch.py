"""Documents over HTTP: indexes and pages, whole and conditional, by requests.

Guaranteed: every request has timeouts and is tried again as ``retry`` says; a body that is cut is
never taken for a whole one; credentials go where ``environment`` says and nowhere else; library
errors become ``UpstreamError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from syncer import answers
from syncer.environment import Environment
from syncer.errors import TransferError
from syncer.host import Host
from syncer.hosts import Hosts, Tally
from syncer.retry import Limits, Retries, Retryable
from syncer.throttle import Throttle
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
    """A whole body and its validators; ``url`` is where it came from, without secrets."""

    url: str
    body: bytes
    validators: Validators


class Fetcher:
    """Fetches documents, one at a time, over kept connections."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        environment: Environment,
        *,
        hosts: Hosts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._limits = limits
        self._stop = stop
        self._environment = environment
        self._hosts = hosts or Hosts()
        self._throttle = throttle
        self._tallies: dict[str, Tally] = {}
        self._session = requests.Session()
        # identity: what we fetch is compressed already.
        self._session.headers["User-Agent"] = limits.user_agent
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.trust_env = False  # Environment asks once a host, not once a request
        self._session.verify = environment.ca_bundle
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=1))

    def rest(self) -> None:
        """Give up the kept connections, for others to have them; they come back when needed."""
        self._session.close()

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        """A whole body, or None if it is unchanged (304).

        Args:
            limit: bytes that the body may have at most.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            HostStoppedError: the host is not to be asked again in this run.
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
        first = host = self._environment.host(url)
        target = first.without_token(url)
        shown = redact(target)
        # By hand, and not by requests, so that each host gets its own proxy and secrets only.
        for _ in range(_MOST_REDIRECTS + 1):
            tally = self._tally(host)
            with self._ask(target, shown, host, tally, headers) as response:
                if response.status_code in answers.REDIRECTS:
                    location = self._session.get_redirect_target(response)
                    _said(response)  # so that the connection can be kept
                    if location:
                        target, host = self._environment.follow(first, target, location)
                        continue
                if response.status_code not in {200, 304}:
                    raise answers.refusal(
                        shown, host, tally, response.status_code,
                        retry_after=response.headers.get("Retry-After", ""), body=_said(response),
                    )  # fmt: skip
                if response.status_code == 304:
                    tally.unchanged += 1
                    return None
                body = b"".join(self._body(shown, response, host, tally, limit))
                validators = Validators(
                    response.headers.get("ETag"), response.headers.get("Last-Modified")
                )
                return Document(target, body, validators)
        raise TransferError(f"{shown} redirects without end")

    def _tally(self, host: Host) -> Tally:
        found = self._tallies.get(host.name)
        if found is None:
            found = self._tallies[host.name] = self._hosts.tally(host.name)
        return found

    def _ask(
        self, target: str, shown: str, host: Host, tally: Tally, headers: dict[str, str]
    ) -> requests.Response:
        if host.authorization:
            headers = {**headers, "Authorization": host.authorization}
        tally.begin(self._stop)
        try:
            return self._session.get(
                host.address(target),
                headers=headers,
                stream=True,
                timeout=(self._limits.connect_timeout, self._limits.read_timeout),
                allow_redirects=False,
                proxies=host.proxies,
                cert=host.certificate or None,
            )
        except requests.exceptions.SSLError as error:
            raise answers.tls_failure(shown, host, answers.reason(error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            why = answers.reason(error)
            raise answers.unreachable(
                shown, host, tally, why, proxy_status=answers.connect_status(why)
            ) from error

    def _body(
        self, shown: str, response: requests.Response, host: Host, tally: Tally, limit: int
    ) -> Iterator[bytes]:
        length = response.headers.get("Content-Length", "")
        received = 0
        try:
            while chunk := response.raw.read(_CHUNK, decode_content=False):
                self._stop.check()
                if received == 0 and answers.is_data(urlsplit(shown).path):
                    kind = response.headers.get("Content-Type", "")
                    if answers.is_page(kind, chunk):
                        raise answers.page_in_place_of(shown, host, tally, chunk)
                received += len(chunk)
                tally.received += len(chunk)
                if received > limit:
                    raise TransferError(f"{shown} sends more than {limit:,} bytes; refused")
                if self._throttle is not None:
                    self._throttle.take(len(chunk))
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            message = f"{shown} was cut after {received:,} bytes: {answers.reason(error)}"
            raise Retryable(TransferError(message), tally) from error
        if length.isdecimal() and received < int(length):
            message = f"{shown} was cut after {received:,} of {length} bytes"
            raise Retryable(TransferError(message), tally)


def _said(response: requests.Response) -> bytes:
    """The beginning of a body that is not what we wanted, or nothing if it does not come."""
    try:
        return bytes(response.raw.read(answers.SAID, decode_content=False))
    except (urllib3.exceptions.HTTPError, OSError):
        return b""  # the status says enough
