"""What becomes of an answer while it comes: its headers noted, its body handed to a sink. Pure.

Guaranteed: a sink gets bytes of a body that was asked for and no others: no error page, and no
other part of the whole than the one behind the bytes that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from syncer.errors import TransferError
from syncer.transport.document import UNKNOWN, Validators
from syncer.transport.hosts import Tally
from syncer.transport.retry import Retryable
from syncer.transport.throttle import Throttle
from volume.program.stop import Stop


class Sink(Protocol):
    """Where a body goes."""

    @property
    def position(self) -> int:
        """Bytes that are there already; the transfer goes on behind them."""

    @property
    def is_large(self) -> bool:
        """Whether to hand the body on while it comes, and look if the run was stopped."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget the bytes: the server sends the body from its beginning."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a body is asked for.

    ``conditions`` are the header lines of a conditional request (RFC 9110 section 13.1);
    ``may_be_unchanged`` says that 304 is an answer, ``takes_pages`` that a web page is one.
    """

    conditions: tuple[str, ...] = ()
    may_be_unchanged: bool = False
    takes_pages: bool = False


UNCONDITIONAL = Terms()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be used: a body that is in the sink, a redirect, or "unchanged".

    ``url`` is where it came from, without secrets; a redirect has a ``location``. Validators are
    known of bodies that were handed on as they came.
    """

    url: str
    location: str = ""
    is_unchanged: bool = False
    validators: Validators = UNKNOWN


class Reception:
    """What libcurl calls while it is at a request whose body is handed on as it comes.

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
        self.status = 0
        self.headers: dict[str, str] = {}
        self.said = b""
        self.problem: BaseException | None = None

    def on_header(self, line: bytes) -> None:
        """Note a header; a status line begins another answer, behind a proxy's or a 1xx."""
        if line.startswith(b"HTTP/"):
            self.status = int(line.split(None, 2)[1])
            self.headers.clear()
        else:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()

    def on_body(self, chunk: bytes) -> int:
        """Hand a piece on to the sink."""
        # libcurl prints an exception of a callback and goes on as if it had not been: keep it for
        # ``receive`` and end the transfer instead.
        try:
            if not self.said:
                self.said = chunk
            if self.status >= 300:
                return len(chunk)  # an error page is not a body
            self._begin_where_asked()
            self.sink.write(chunk)
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
            self.sink.restart()
            if part:
                raise Retryable(
                    TransferError("the server sent another range than asked for"), self.tally
                )
        self.asked = 0

    def on_progress(self, *_: int) -> int:
        """End a transfer when the run is stopped."""
        return 1 if self.stop.requested else 0
