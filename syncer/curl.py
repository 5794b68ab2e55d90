"""One connection of libcurl: one request at a time, its body streamed into a sink.

Guaranteed: a body is taken only from an answer that can be used, from where it was asked for;
what else came is undone. Redirects are reported, not followed.
"""

from __future__ import annotations

import os
from typing import Protocol

import pycurl

from syncer import answers
from syncer.errors import HttpStatusError, StalledError, TransferError
from syncer.host import Host
from syncer.hosts import Hosts, Tally
from syncer.multiplex import Multiplexer
from syncer.retry import Limits, Retryable
from syncer.throttle import Throttle
from volume.log import redact
from volume.stop import Stop

_LARGEST_BUFFER = 1 << 19  # bytes; libcurl's largest
_SMALLEST_BUFFER = 1 << 14
_SLOWEST = 1000  # bytes per second; slower for a whole read timeout is as good as dead

_UNTRUSTED = frozenset(
    {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_CERTPROBLEM}
)
# What a web page may begin with, and no archive does (answers.is_page looks closer).
_MAY_BE_A_PAGE = frozenset({b"<", b"\xef", b" ", b"\t", b"\r", b"\n"})
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


class _Reception:
    """What libcurl calls while it is at a request.

    Apart from the handle, which libcurl's object would keep alive in a circle otherwise: then its
    connection would stay open after its thread.
    """

    def __init__(self, stop: Stop, throttle: Throttle | None) -> None:
        self.stop = stop
        self.throttle = throttle

    def begin(self, sink: Sink, tally: Tally) -> None:
        """Forget the last request."""
        self.sink = sink
        self.tally = tally
        self.asked = sink.position
        self.range = ""
        self.status = 0  # known to us only where a part was asked for
        self.said = b""
        self.problem: BaseException | None = None

    def on_header(self, line: bytes) -> None:
        """Note the status, and which part of the whole is sent."""
        name, _, value = line.partition(b":")
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
            self.range = ""
        elif name.lower() == b"content-range":
            self.range = value.strip().decode("latin-1")

    def on_body(self, chunk: bytes) -> int:
        """Hand a piece on to the sink."""
        # libcurl prints an exception of a callback and goes on as if it had not been: keep it for
        # ``receive`` and end the transfer instead.
        try:
            if not self.said:
                self.said = chunk
            if self.status >= 300:
                return len(chunk)  # an error page is not a body
            # The body must begin where we asked (RFC 9110 section 14.4), or be the whole.
            if self.asked and not self.range.startswith(f"bytes {self.asked}-"):
                self.sink.restart()
                if self.range:
                    raise Retryable(
                        TransferError("the server sent another range than asked for"), self.tally
                    )
            self.asked = 0
            self.sink.write(chunk)
            if self.throttle is not None:
                self.throttle.take(len(chunk))
        except BaseException as problem:  # noqa: BLE001 - kept, and raised by ``receive``
            self.problem = problem
            return -1
        return len(chunk)

    def on_progress(self, *_: int) -> int:
        """End a large transfer when the run is stopped."""
        return 1 if self.stop.requested else 0


class Handle:
    """One libcurl handle and the callbacks of the transfer that it is at."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        ca_bundle: str,
        certificate: str,
        hosts: Hosts,
        throttle: Throttle | None,
        shared: Multiplexer | None = None,
    ) -> None:
        """With ``shared`` the connection is that one, which other handles use too."""
        self._stop = stop
        self._hosts = hosts
        self._shared = shared
        self.can_share = False  # whether the last answer came by HTTP/2
        self._reception = reception = _Reception(stop, throttle)
        self._tallies: dict[str, Tally] = {}
        self._curl = curl = pycurl.Curl()
        self._host: Host | None = None
        buffer = _LARGEST_BUFFER
        if throttle is not None:  # a connection that waits for its share must not look dead
            buffer = min(buffer, max(_SMALLEST_BUFFER, throttle.slowest // 32))
        curl.setopt(pycurl.NOSIGNAL, 1)  # we have threads
        curl.setopt(pycurl.USERAGENT, limits.user_agent)
        curl.setopt(pycurl.BUFFERSIZE, buffer)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(1000 * limits.connect_timeout))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, _SLOWEST)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, round(limits.read_timeout)))
        # libcurl reads past a redirect's body and stops there; we follow.
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, 0)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        is_folder = os.path.isdir(ca_bundle)  # noqa: PTH112
        curl.setopt(pycurl.CAPATH if is_folder else pycurl.CAINFO, ca_bundle)
        curl.setopt(pycurl.PROXY_CAPATH if is_folder else pycurl.PROXY_CAINFO, ca_bundle)
        curl.setopt(pycurl.NOPROXY, "")  # Environment has decided that
        if certificate:
            curl.setopt(pycurl.SSLCERT, certificate)
            curl.setopt(pycurl.SSLKEY, certificate)
        curl.setopt(pycurl.WRITEFUNCTION, reception.on_body)
        curl.setopt(pycurl.XFERINFOFUNCTION, reception.on_progress)

    def receive(self, target: str, host: Host, url: str, first: Host, sink: Sink) -> str:
        """One request; returns where it redirects to, or an empty text for a whole body.

        Args:
            url: what was asked for at ``first``; ``target`` at ``host`` is that, or where it led.

        Raises:
            Retryable: it failed in a way that may heal.
            UpstreamError: in a way that does not.
        """
        curl, reception = self._curl, self._reception
        self._reach(host)
        tally = self._tally
        reception.begin(sink, tally)
        curl.setopt(pycurl.URL, host.address(target))
        # 0 asks for everything, and says so to libcurl after a request that asked for less.
        curl.setopt(pycurl.RESUME_FROM_LARGE, self._reception.asked)
        # Each callback waits for the interpreter, so small artifacts do without these two.
        if self._reception.asked:
            curl.setopt(pycurl.HEADERFUNCTION, reception.on_header)
        else:
            curl.unsetopt(pycurl.HEADERFUNCTION)
        curl.setopt(pycurl.NOPROGRESS, 0 if sink.is_large else 1)
        tally.begin(self._stop)
        failure: pycurl.error | None = None
        try:
            if self._shared is not None:
                self._shared.perform(curl, host.name)
            else:
                curl.perform()
        except pycurl.error as error:
            failure = error
        version = curl.getinfo(pycurl.INFO_HTTP_VERSION)
        self.can_share = version == pycurl.CURL_HTTP_VERSION_2_0
        tally.received += int(curl.getinfo(pycurl.SIZE_DOWNLOAD_T))
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        if (
            failure is None
            and status in {200, 206}
            and self._reception.said[:1] not in _MAY_BE_A_PAGE
        ):
            return ""
        return self._judge(redact(first.without_token(url)), host, status, failure)

    def _reach(self, host: Host) -> None:
        if host is self._host:
            return
        self._host = host
        found = self._tallies.get(host.name)
        if found is None:
            found = self._tallies[host.name] = self._hosts.tally(host.name)
        self._tally = found
        self._curl.setopt(pycurl.PROXY, host.proxy)  # empty: none, whatever libcurl finds
        if host.authorization:
            self._curl.setopt(pycurl.HTTPHEADER, [f"Authorization: {host.authorization}"])
        else:
            self._curl.unsetopt(pycurl.HTTPHEADER)

    def _judge(self, shown: str, host: Host, status: int, failure: pycurl.error | None) -> str:
        """What an answer means that is not just a body.

        The status comes first: the body of an answer that can't be used was not for the sink, and
        whatever it did to it is undone.
        """
        curl, tally = self._curl, self._tally
        if isinstance(self._reception.problem, Retryable):
            raise self._reception.problem
        if status in answers.REDIRECTS and (location := curl.getinfo(pycurl.REDIRECT_URL)):
            return str(location)
        if status == 416:
            # We have more than there is: from the beginning, in the next try.
            self._reception.sink.restart()
            raise Retryable(HttpStatusError(shown, status), tally)
        if status and status not in {200, 206}:
            if not self._reception.asked:
                self._reception.sink.restart()
            retry_after = curl.getinfo(pycurl.RETRY_AFTER)
            raise answers.refusal(
                shown, host, tally, status,
                retry_after=str(retry_after) if retry_after else "", body=self._reception.said,
            )  # fmt: skip
        if self._reception.said and answers.is_page(
            curl.getinfo(pycurl.CONTENT_TYPE) or "", self._reception.said
        ):
            self._reception.sink.restart()
            raise answers.page_in_place_of(shown, host, tally, self._reception.said)
        if self._reception.problem is not None:
            raise self._reception.problem
        self._stop.check()
        if failure is not None:
            raise self._translate(shown, host, status, *failure.args) from failure
        return ""

    def _translate(
        self, shown: str, host: Host, status: int, code: int, message: str
    ) -> Retryable | TransferError | BaseException:
        if code == pycurl.E_RANGE_ERROR:
            # The server sends all of it, or another part. From the beginning, in the next try.
            self._reception.sink.restart()
            text = f"{shown} was cut, and its server can't go on"
            return Retryable(TransferError(text), self._tally)
        message = redact(message)
        if code in _UNTRUSTED:
            return answers.tls_failure(shown, host, message)
        if code in _FINAL:
            return TransferError(f"{shown}: {message}")
        if status:
            text = f"{shown} was cut after {self._reception.sink.position:,} bytes: {message}"
            kind = StalledError if code == pycurl.E_OPERATION_TIMEDOUT else TransferError
            return Retryable(kind(text), self._tally)
        if code == pycurl.E_OPERATION_TIMEDOUT and not host.proxy:
            return Retryable(StalledError(f"{shown} does not answer: {message}"), self._tally)
        return answers.unreachable(
            shown, host, self._tally, message,
            proxy_status=self._curl.getinfo(pycurl.HTTP_CONNECTCODE),
        )  # fmt: skip
