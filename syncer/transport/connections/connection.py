"""One connection of libcurl: one request at a time, its body streamed to a receiver.

Guaranteed: a receiver gets bytes of a body that was asked for and no others: no error page, and no
other part of the whole than the one behind the bytes that it has. Redirects are reported, not
followed.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import pycurl

from syncer.errors import HttpStatusError, StalledError, TransferError
from syncer.transport import answers
from syncer.transport.connections.multiplex import Multiplexer
from syncer.transport.document import UNCONDITIONAL, UNKNOWN, Conditions, Validators
from syncer.transport.egress import Egress, refused
from syncer.transport.hosts import Hosts, Tally
from syncer.transport.network import Host
from syncer.transport.retry import Limits, Retryable
from syncer.transport.sink import Receiver
from syncer.transport.throttle import Throttle
from volume.program.log import redact
from volume.program.stop import Stop

_LARGEST_BUFFER = 1 << 19  # bytes; libcurl's largest
_SMALLEST_BUFFER = 1 << 14
# A small body is gathered by libcurl's own hands: each call of ours waits for the interpreter,
# which other threads use. More than this and it is asked for again, and handed on as it comes.
_MOST_GATHERED = 16 << 20
_SLOWEST = 1000  # bytes per second; slower for a whole read timeout is as good as dead

_GOOD = frozenset({200, 206})
_UNTRUSTED = frozenset(
    {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_CERTPROBLEM}
)
# What a web page may begin with, and no archive does (answers.is_page looks closer).
_MAY_BE_A_PAGE = frozenset({b"<", b"\xef", b" ", b"\t", b"\r", b"\n"})
_GZIP = b"\x1f"  # what a body in that coding begins with, and no artifact
_FINAL = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be used: a body that is in the receiver, a redirect, or "unchanged".

    ``url`` is where it came from, without secrets; a redirect has a ``location``. Validators, and
    the ``length`` in bytes that its server gives, are known of bodies that were handed on as they
    came.
    """

    url: str
    location: str = ""
    is_unchanged: bool = False
    validators: Validators = UNKNOWN
    length: int | None = None


class Connection:
    """One libcurl handle and the transfer that it is at."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        ca_bundle: str,
        certificate: str,
        egress: Egress,
        hosts: Hosts,
        throttle: Throttle | None,
        shared: Multiplexer | None = None,
    ) -> None:
        """With ``shared`` the connection is that one, which other handles use too."""
        self._stop = stop
        self._hosts = hosts
        self._shared = shared
        self._can_gather = throttle is None
        self._gathers: bool | None = None
        self._gathered: list[bytes] = []
        self._arrival = _Arrival(stop, throttle, egress)
        self._tallies: dict[str, Tally] = {}
        self._curl = curl = pycurl.Curl()
        self._host: Host | None = None
        self._conditions: tuple[str, ...] = ()
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
        curl.setopt(pycurl.NOPROXY, "")  # Network has decided that
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._arrival.on_socket)
        if certificate:
            curl.setopt(pycurl.SSLCERT, certificate)
            curl.setopt(pycurl.SSLKEY, certificate)

    def close(self) -> None:
        """End it now: an error that is kept keeps the frames that it went through, and us."""
        self._curl.close()

    @property
    def can_share(self) -> bool:
        """Whether the last answer came by HTTP/2."""
        version = self._curl.getinfo(pycurl.INFO_HTTP_VERSION)
        return bool(version == pycurl.CURL_HTTP_VERSION_2_0)

    def receive(
        self,
        target: str,
        host: Host,
        url: str,
        first: Host,
        receiver: Receiver,
        conditions: Conditions = UNCONDITIONAL,
    ) -> Answer:
        """One request; a redirect is an answer too.

        Args:
            url: what was asked for at ``first``; ``target`` at ``host`` is that, or where it led.

        Raises:
            Retryable: it failed in a way that may heal.
            UpstreamError: in a way that does not.
        """
        self._reach(host, conditions.headers)
        curl, arrival, address = self._curl, self._arrival, host.address(target)
        gathers = self._can_gather and not receiver.is_large and not receiver.position
        if conditions.is_head:
            curl.setopt(pycurl.NOBODY, 1)
        failure = self._perform(address, receiver, gathers=gathers)
        if conditions.is_head:
            curl.setopt(pycurl.HTTPGET, 1)
        if gathers and self._must_be_seen(failure):
            gathers = False
            failure = self._perform(address, receiver, gathers=gathers)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        body = b""
        if gathers:
            body = arrival.said = b"".join(self._gathered)
            self._gathered.clear()
        shown = ""
        if failure is not None or status not in _GOOD or arrival.said[:1] in _MAY_BE_A_PAGE:
            shown = redact(first.without_token(url))
            answer = self._judge(shown, host, status, conditions)
            if answer is not None:
                return answer
        if body:  # also of a transfer that was cut: the next try goes on behind it
            receiver.write(body)
        if failure is not None:
            self._stop.check()
            if arrival.refused and failure.args[0] == pycurl.E_COULDNT_CONNECT:
                raise refused(host.origin[1], host.origin[2], arrival.refused) from failure
            raise self._translate(shown, host, status, *failure.args) from failure
        if arrival.decoder is not None and not arrival.decoder.is_complete:
            receiver.restart()
            raise Retryable(TransferError(f"{redact(url)} was cut"), self._tally)
        return Answer(
            host.without_token(target), validators=self._validators(), length=arrival.length
        )

    def _must_be_seen(self, failure: pycurl.error | None) -> bool:
        """Whether what was gathered has to come again, with its headers: much, or encoded."""
        if failure is not None:
            return bool(failure.args[0] == pycurl.E_FILESIZE_EXCEEDED)
        return bool(self._gathered) and self._gathered[0][:1] == _GZIP

    def _reach(self, host: Host, conditions: tuple[str, ...]) -> None:
        if host is self._host and conditions == self._conditions:
            return
        self._host, self._conditions = host, conditions
        self._arrival.host = host
        found = self._tallies.get(host.name)
        if found is None:
            found = self._tallies[host.name] = self._hosts.tally(host.name)
        self._tally = found
        self._curl.setopt(pycurl.PROXY, host.proxy)  # empty: none, whatever libcurl finds
        headers = ["Accept-Encoding: identity", *conditions]
        if host.authorization:
            headers.append(f"Authorization: {host.authorization}")
        self._curl.setopt(pycurl.HTTPHEADER, headers)

    def _perform(self, address: str, receiver: Receiver, *, gathers: bool) -> pycurl.error | None:
        """Ask, and take what comes; the error is libcurl's own."""
        curl, arrival, tally = self._curl, self._arrival, self._tally
        if gathers is not self._gathers:
            self._prepare(gathers=gathers)
        arrival.begin(address, receiver, tally)
        self._gathered.clear()
        curl.setopt(pycurl.URL, address)
        # 0 asks for everything, and says so to libcurl after a request that asked for less.
        curl.setopt(pycurl.RESUME_FROM_LARGE, arrival.asked)
        tally.begin(self._stop)
        try:
            if self._shared is not None:
                self._shared.perform(curl, tally.standing.host)
            else:
                curl.perform()
        except pycurl.error as error:
            return error
        finally:
            tally.received += int(curl.getinfo(pycurl.SIZE_DOWNLOAD_T))
        return None

    def _prepare(self, *, gathers: bool) -> None:
        """Say who takes the bodies from now on."""
        curl, arrival = self._curl, self._arrival
        self._gathers = gathers
        if gathers:
            curl.setopt(pycurl.WRITEFUNCTION, self._gathered.append)
            curl.unsetopt(pycurl.HEADERFUNCTION)
        else:
            curl.setopt(pycurl.WRITEFUNCTION, arrival.on_body)
            curl.setopt(pycurl.HEADERFUNCTION, arrival.on_header)
            curl.setopt(pycurl.XFERINFOFUNCTION, arrival.on_progress)
        curl.setopt(pycurl.NOPROGRESS, int(gathers))
        curl.setopt(pycurl.MAXFILESIZE_LARGE, _MOST_GATHERED if gathers else 0)

    def _validators(self) -> Validators:
        headers = self._arrival.headers
        return Validators.of(headers) if headers else UNKNOWN

    def _judge(self, shown: str, host: Host, status: int, conditions: Conditions) -> Answer | None:
        """What an answer means that is not just a body; None if it is one, or a part of one."""
        curl, tally, arrival = self._curl, self._tally, self._arrival
        if isinstance(arrival.problem, Retryable):
            raise arrival.problem
        if status in answers.REDIRECTS and (location := curl.getinfo(pycurl.REDIRECT_URL)):
            return Answer(shown, location=str(location))
        if status == 304 and conditions.may_be_unchanged:
            tally.unchanged += 1
            return Answer(shown, is_unchanged=True)
        if status == 416:
            # We have more than there is: from the beginning, in the next try.
            arrival.receiver.restart()
            raise Retryable(HttpStatusError(shown, status), tally)
        if status and status not in _GOOD:
            retry_after = curl.getinfo(pycurl.RETRY_AFTER)
            raise answers.refusal(
                shown, host, tally, status,
                retry_after=str(retry_after) if retry_after else "", body=arrival.said,
            )  # fmt: skip
        kind = (curl.getinfo_raw(pycurl.CONTENT_TYPE) or b"").decode("latin-1")
        if arrival.said and not conditions.takes_pages and answers.is_page(kind, arrival.said):
            arrival.receiver.restart()
            raise answers.page_in_place_of(shown, host, tally, arrival.said)
        if arrival.problem is not None:
            raise arrival.problem
        return None

    def _translate(
        self, shown: str, host: Host, status: int, code: int, message: str
    ) -> Retryable | TransferError | BaseException:
        if code == pycurl.E_RANGE_ERROR:
            # The server sends all of it, or another part. From the beginning, in the next try.
            self._arrival.receiver.restart()
            text = f"{shown} was cut, and its server can't go on"
            return Retryable(TransferError(text), self._tally)
        message = redact(message)
        if code in _UNTRUSTED:
            return answers.tls_failure(shown, host, message)
        if code in _FINAL:
            return TransferError(f"{shown}: {message}")
        if status:
            text = f"{shown} was cut after {self._arrival.receiver.position:,} bytes: {message}"
            kind = StalledError if code == pycurl.E_OPERATION_TIMEDOUT else TransferError
            return Retryable(kind(text), self._tally)
        if code == pycurl.E_OPERATION_TIMEDOUT and not host.proxy:
            return Retryable(StalledError(f"{shown} does not answer: {message}"), self._tally)
        return answers.unreachable(
            shown, host, self._tally, message,
            proxy_status=self._curl.getinfo(pycurl.HTTP_CONNECTCODE),
        )  # fmt: skip


class _Arrival:
    """What libcurl calls while it is at a request whose body is handed on as it comes.

    Apart from the handle, which libcurl's object would keep alive in a circle otherwise: then its
    connection would stay open after its thread.
    """

    def __init__(self, stop: Stop, throttle: Throttle | None, egress: Egress) -> None:
        self.stop = stop
        self.egress = egress
        self.host: Host | None = None
        self.throttle = throttle

    def begin(self, address: str, receiver: Receiver, tally: Tally) -> None:
        """Forget the last request."""
        self.address = address
        self.decoder: answers.Decoder | None = None
        self.receiver = receiver
        self.tally = tally
        self.asked = receiver.position
        self.status = 0
        self.headers: dict[str, str] = {}
        self.said = b""
        self.problem: BaseException | None = None
        self.refused = ""

    @property
    def length(self) -> int | None:
        """Bytes of the body, as the headers have it; None if they don't, or speak of a part."""
        text = self.headers.get("content-length", "")
        is_whole = self.status == 200 and text.isascii() and text.isdigit() and len(text) < 19
        return int(text) if is_whole else None

    def on_socket(self, _: int, address: tuple[int, int, int, tuple[str, int]]) -> object:
        """Open a socket to an address, if the host may be there (``egress``)."""
        family, kind, protocol, place = address
        host = self.host
        if host is not None and not host.proxy and not host.may_be_private:
            numbers = place[0].partition("%")[0]
            if not self.egress.admits(numbers):
                self.refused = numbers
                return pycurl.SOCKET_BAD
        return _Opened(socket.socket(family, kind, protocol).detach())

    def on_header(self, line: bytes) -> None:
        """Note a header; a status line begins another answer, behind a proxy's or a 1xx."""
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
            self.headers.clear()
        else:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()

    def on_body(self, chunk: bytes) -> int:
        """Hand a piece on to the receiver."""
        # libcurl prints an exception of a callback and goes on as if it had not been: keep it for
        # ``receive`` and end the transfer instead.
        try:
            is_first = not self.said
            if is_first:
                self.said = chunk
            if self.status >= 300:
                return len(chunk)  # an error page is not a body
            if is_first:
                self.decoder = answers.decoder(self.address, self.headers)
            self._begin_where_asked()
            if self.decoder is None:
                self.receiver.write(chunk)
            else:
                for piece in self.decoder.feed(chunk):
                    self.receiver.write(piece)
            if self.throttle is not None:
                self.throttle.take(len(chunk))
        except BaseException as problem:  # noqa: BLE001 - kept, and raised by ``receive``
            self.problem = problem
            return -1
        return len(chunk)

    def _begin_where_asked(self) -> None:
        """See to it that a body begins where we asked (RFC 9110 section 14.4), or is the whole."""
        part = self.headers.get("content-range", "")
        if self.asked and not part.startswith(f"bytes {self.asked}-"):
            self.receiver.restart()
            if part:
                raise Retryable(
                    TransferError("the server sent another range than asked for"), self.tally
                )
        if self.asked and self.decoder is not None:  # a part of what is encoded can't be decoded
            self.receiver.restart()
            raise Retryable(TransferError("the server sends a part of a coded body"), self.tally)
        self.asked = 0

    def on_progress(self, *_: int) -> int:
        """End a transfer when the run is stopped."""
        return 1 if self.stop.requested else 0


class _Opened:
    """A new socket for libcurl, which makes a descriptor of its own of it and forgets this one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)
