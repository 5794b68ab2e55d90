"""Artifacts over HTTP: large numbers of bodies, streamed, resumed where they were cut. By libcurl.

requests spends a millisecond of Python on each small artifact, which a mirror has by the hundred
thousand; libcurl spends a tenth of that (``benchmarks/first_sync``).

Guaranteed: every transfer has timeouts, a stalled or dripping one counts as cut; credentials stay
with their host when it redirects; library errors become ``UpstreamError``.
Not guaranteed: that the bytes are right. The sink verifies.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol

import pycurl

from syncer.environment import Environment
from syncer.errors import HttpStatusError, TransferError
from syncer.fetch import tls_message
from syncer.retry import STATUSES, Limits, Retries, Retryable
from volume.log import redact
from volume.stop import Stop

_BUFFER = 1 << 19  # bytes; libcurl's largest
_SLOWEST = 1000  # bytes per second; slower for a whole read timeout is as good as dead
_MOST_REDIRECTS = 10

_UNTRUSTED = frozenset(
    {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_CERTPROBLEM}
)
_FINAL = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})


class Sink(Protocol):
    """Where a body goes."""

    @property
    def position(self) -> int:
        """Bytes that are there already; the transfer goes on behind them."""

    @property
    def is_large(self) -> bool:
        """Whether to look during the transfer if the run was stopped."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget the bytes: the server sends the body from its beginning."""


class Transfers:
    """Transfers bodies; each thread has one libcurl handle, so one connection to a host."""

    def __init__(self, limits: Limits, stop: Stop, environment: Environment) -> None:
        self._limits = limits
        self._stop = stop
        self._environment = environment
        self._local = threading.local()

    def receive(self, url: str, sink: Sink) -> None:
        """Transfer a body into ``sink``, from its position on.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            TransferError: the transfer failed in every try.
            InterruptedRunError: the run was stopped.
            Exception: whatever the sink raised.
        """
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = _Handle(self._limits, self._stop, self._environment)
        retries = Retries(self._limits, self._stop)
        for number in retries:
            try:
                handle.receive(url, sink)
                return
            except Retryable as failure:
                # Progress resets nothing: a server that cuts every transfer must end some day.
                retries.wait(failure, number)


class _Handle:
    """One libcurl handle and the callbacks of the transfer that it is at."""

    def __init__(self, limits: Limits, stop: Stop, environment: Environment) -> None:
        self._stop = stop
        self._environment = environment
        self._curl = curl = pycurl.Curl()
        self._host: object = None
        curl.setopt(pycurl.NOSIGNAL, 1)  # we have threads
        curl.setopt(pycurl.USERAGENT, limits.user_agent)
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(1000 * limits.connect_timeout))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _SLOWEST)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, round(limits.read_timeout)))
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, _MOST_REDIRECTS)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        ca_bundle = environment.ca_bundle
        curl.setopt(pycurl.CAPATH if os.path.isdir(ca_bundle) else pycurl.CAINFO, ca_bundle)  # noqa: PTH112
        curl.setopt(pycurl.FAILONERROR, 1)  # an error page is not a body
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)
        curl.setopt(pycurl.XFERINFOFUNCTION, self._on_progress)

    def receive(self, url: str, sink: Sink) -> None:
        """One try.

        Raises:
            Retryable: it failed in a way that may heal.
            HttpStatusError, TransferError: in a way that does not.
        """
        self._sink = sink
        self._asked = sink.position
        self._range = ""
        self._problem: BaseException | None = None
        curl = self._curl
        curl.setopt(pycurl.URL, url)
        # 0 asks for everything, and says so to libcurl after a request that asked for less.
        curl.setopt(pycurl.RESUME_FROM_LARGE, self._asked)
        # Each callback waits for the interpreter, so small artifacts do without these two.
        if self._asked:
            curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        else:
            curl.unsetopt(pycurl.HEADERFUNCTION)
        curl.setopt(pycurl.NOPROGRESS, 0 if sink.is_large else 1)
        self._reach(url)
        try:
            curl.perform()
        except pycurl.error as error:
            if self._problem is not None:
                raise self._problem from None
            self._stop.check()
            raise self._translate(url, *error.args) from error
        if self._asked and curl.getinfo(pycurl.RESPONSE_CODE) == 416:
            # libcurl takes it for "you have it all"; but then we would not have asked.
            sink.restart()
            raise Retryable(HttpStatusError(redact(url), 416))

    def _reach(self, url: str) -> None:
        host = self._environment.host(url)
        if host is self._host:
            return
        self._host = host
        self._curl.setopt(pycurl.PROXY, host.proxy(url))  # empty: none, whatever libcurl finds
        if host.credentials:
            self._curl.setopt(pycurl.USERPWD, ":".join(host.credentials))
        else:
            self._curl.unsetopt(pycurl.USERPWD)

    def _translate(self, url: str, code: int, message: str) -> Exception:
        shown = redact(url)
        status = self._curl.getinfo(pycurl.RESPONSE_CODE)
        if code == pycurl.E_HTTP_RETURNED_ERROR or status == 416:
            failure = HttpStatusError(shown, status)
            if status == 416:
                # We have more than there is: from the beginning, in the next try.
                self._sink.restart()
            elif status not in STATUSES:
                return failure
            retry_after = self._curl.getinfo(pycurl.RETRY_AFTER)
            return Retryable(failure, str(retry_after) if retry_after else "")
        if code == pycurl.E_RANGE_ERROR:
            # The server sends all of it, or another part. From the beginning, in the next try.
            self._sink.restart()
            return Retryable(TransferError(f"{shown} was cut, and its server can't go on"))
        if code in _UNTRUSTED:
            return TransferError(tls_message(url, message))
        if code == pycurl.E_TOO_MANY_REDIRECTS:
            return TransferError(f"{shown} redirects without end")
        if code in _FINAL:
            return TransferError(f"{shown}: {redact(message)}")
        if status:
            text = f"{shown} was cut after {self._sink.position:,} bytes: {redact(message)}"
        else:
            text = f"{shown} can't be reached: {redact(message)}"
        return Retryable(TransferError(text))

    def _on_header(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if line.startswith(b"HTTP/"):  # of this response, or of the next after a redirect
            self._range = ""
        elif name.lower() == b"content-range":
            self._range = value.strip().decode("latin-1")

    def _on_body(self, chunk: bytes) -> int:
        # libcurl prints an exception of a callback and goes on as if it had not been: keep it for
        # ``receive`` and end the transfer instead.
        try:
            # The body must begin where we asked (RFC 9110 section 14.4), or be the whole.
            if self._asked and not self._range.startswith(f"bytes {self._asked}-"):
                self._sink.restart()
                if self._range:
                    raise Retryable(TransferError("the server sent another range than asked for"))
            self._asked = 0
            self._sink.write(chunk)
        except BaseException as problem:  # noqa: BLE001 - kept, and raised by ``receive``
            self._problem = problem
            return -1
        return len(chunk)

    def _on_progress(self, *_: int) -> int:
        return 1 if self._stop.requested else 0
