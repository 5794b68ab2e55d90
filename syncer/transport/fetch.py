"""One verified body, from the first of several places that delivers it; and whole documents.

This is the seam to everything upstream: artifacts, installers, shards and what lies beside an
index come through ``Fetch``, from web servers and from folders (``file://``) alike. It knows no
channel, no table and no ledger.

Guaranteed: ``Fetch.fetch`` returns only when the sink has bytes of the promised size and hash. What
an interrupted transfer left is hashed before more is added to it, so whatever a crash made of it is
noticed; it is gone on from, also at another upstream. Every request is tried again as ``retry``
says; a body that is cut is never taken for a whole one.
Not guaranteed: that anything is durable. That is the sink's affair.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from syncer.errors import (
    HostStoppedError,
    HttpStatusError,
    IntegrityError,
    ManyUpstreamsError,
    StalledError,
    TransferError,
    UpstreamError,
)
from syncer.transport import answers, file_url
from syncer.transport.connections.client import Client
from syncer.transport.connections.connection import Answer
from syncer.transport.document import HEAD, OPTIONAL, UNCONDITIONAL, Arriving, Document, Validators
from syncer.transport.hosts import Hosts, Reachability, Refusals
from syncer.transport.network import Network
from syncer.transport.retry import Limits, Retries, Retryable
from syncer.transport.sink import Sink
from syncer.transport.throttle import Throttle
from syncer.transport.workers import Workers
from volume.limits import ARTIFACT_SIZE
from volume.program.log import redact
from volume.program.stop import Stop

BLOCK = 1 << 20  # bytes written and hashed at a time
_GROWTH = 16  # of the pieces of a body that begins with smaller ones
_SOON = 0.25  # seconds in which such a piece comes; slower bodies have smaller ones


@dataclass(frozen=True, slots=True)
class Expected:
    """What a body has to be; sizes are in bytes, hashes in hex, ``name`` is for people.

    ``md5`` is compared where there is no ``sha256``, and beside one only told of; without either,
    any bytes will do. ``largest`` is compared where there is no ``size``, and ``is_small`` says of
    such a body that most are. ``otherwise`` tells people what becomes of it if other bytes come.
    Where a web page comes, its host is asked for nothing more, unless the body ``is_optional``:
    then a page is only other bytes. ``block`` is how many bytes are handed to the sink first; the
    pieces grow from there as long as they come soon, and a body of no more comes as a whole.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    largest: int = ARTIFACT_SIZE
    is_small: bool = False
    otherwise: str = "left out, tried again next run"
    is_optional: bool = False
    block: int = BLOCK


@dataclass(frozen=True, slots=True)
class Delivered:
    """A body that is as expected; ``source`` is its URL, None if the sink had all of it already.

    ``failures`` are the URLs that were tried before that one, and what was wrong with each.
    ``other_md5`` is that of bytes which have the promised sha256 and not the promised md5; it is
    looked at in bodies of up to ``BLOCK`` bytes.
    """

    sha256: str
    size: int
    source: str | None
    failures: tuple[tuple[str, UpstreamError], ...] = ()
    other_md5: str | None = None


class Fetch:
    """Fetches, over the connections of the thread that asks; threads may share it."""

    def __init__(
        self, limits: Limits, stop: Stop, network: Network, *, throttle: Throttle | None = None
    ) -> None:
        self.hosts = Hosts()
        self.reachability = Reachability()
        self.client = Client(limits, stop, network, hosts=self.hosts, throttle=throttle)
        self._limits = limits
        self._stop = stop
        self._egress = network.egress

    def check(self, url: str) -> None:
        """See if a URL may be asked for, by what it says itself.

        Raises:
            RefusedAddressError: it may not.
        """
        self._egress.check(url)

    def workers(self, most: int) -> Workers:
        """Workers that fetch, as many connections at most."""
        return Workers(self.client, self._stop, most)

    def fetch(
        self,
        urls: Sequence[str],
        expected: Expected,
        sink: Sink,
        refusals: Refusals | None = None,
    ) -> Delivered:
        """Put a body into ``sink``, from the first of ``urls`` that delivers it.

        Args:
            refusals: shared by bodies that belong together, such as those of a channel.

        Raises:
            IntegrityError: there are no URLs, or the bytes are others.
            UpstreamError: no URL delivers it; of several ``ManyUpstreamsError`` with each reason.
            InterruptedRunError: the run was stopped.
            Exception: whatever the sink raised.
        """
        body = _Body(expected, sink)
        sha256 = body.resume()
        if sha256 is not None:
            return Delivered(sha256, body.position, None, other_md5=body.other_md5)
        failures: list[tuple[str, UpstreamError]] = []
        stalled: list[str] = []
        refusals = refusals or Refusals()
        for url, is_patient in self.reachability.turns(urls, stalled):
            if (stopped := refusals.stopped(url)) is not None:
                failures.append((url, stopped))
                continue
            try:
                sha256 = self._receive(url, body, is_patient=is_patient)
            except UpstreamError as error:
                # What is here already is not lost: the next upstream goes on behind it.
                failures.append((url, error))
                refusals.refused(url, error)
                if isinstance(error, StalledError) and not is_patient:
                    stalled.append(url)
            else:
                refusals.had(url)
                return Delivered(sha256, body.position, url, tuple(failures), body.other_md5)
        if not failures:
            raise IntegrityError(f"{expected.name} has no upstream")
        errors = [error for _, error in failures]
        raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        """A whole document, or None if it is unchanged.

        Args:
            limit: bytes that it may have at most.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            MissingError: a folder does not have it.
            HostStoppedError: the host is not to be asked again in this run.
            TransferError: it can't be reached, or was cut in every try.
            InterruptedRunError: the run was stopped.
        """
        if file_url.is_folder(url):
            self.check(url)
            return file_url.document(url, validators, limit=limit)
        try:
            found = self._document(url, validators, limit)
        except (TransferError, HostStoppedError):
            # Documents are asked for one after the other: once is enough.
            self.reachability.failed(url, for_good=True)
            raise
        except HttpStatusError:
            self.reachability.answered(url)
            raise
        self.reachability.answered(url)
        return found

    def head(self, url: str) -> Validators:
        """What a document's server says of it, by a HEAD request; asked once.

        Raises:
            UpstreamError: it does not say.
            InterruptedRunError: the run was stopped.
        """
        if file_url.is_folder(url):
            self.check(url)
            return file_url.validators(url)
        return self._head(url).validators

    def length(self, url: str) -> int | None:
        """How many bytes a web server says a body has, None if it does not say; asked once.

        Raises:
            UpstreamError: it can't be had.
            InterruptedRunError: the run was stopped.
        """
        return self._head(url).length

    def _head(self, url: str) -> Answer:
        try:
            return self.client.ask(url, Arriving(redact(url), 0), HEAD)
        except Retryable as failure:
            raise failure.error from failure

    def _document(self, url: str, validators: Validators, limit: int) -> Document | None:
        is_data = answers.is_data(urlsplit(url).path)
        conditions = validators.conditions(takes_pages=not is_data)
        retries = Retries(self._limits, self._stop)
        for number in retries:
            arriving = Arriving(redact(url), limit)
            try:
                answer = self.client.ask(url, arriving, conditions)
            except Retryable as failure:
                retries.wait(failure, number)
                continue
            if answer.is_unchanged:
                return None
            return Document(answer.url, arriving.content, answer.validators)
        raise AssertionError("unreachable: the last try returns or raises")

    def _receive(self, url: str, body: _Body, *, is_patient: bool) -> str:
        """Receive the rest of a body from one place; return the sha256 of the whole."""
        for attempt in (1, 2):
            before = body.position
            try:
                with body:
                    if file_url.is_folder(url):
                        self.check(url)
                        file_url.receive(url, body, self._stop)
                    else:
                        self._transfer(url, body, is_patient=is_patient)
                sha256 = body.finish(url)
            except IntegrityError:
                body.restart()
                # The beginning may be of an earlier run, or of another upstream, and hold other
                # bytes: once more, all of it from here.
                if attempt == 2 or not before:
                    raise
            except UpstreamError as error:
                self.reachability.note(url, error, brought_bytes=body.position != before)
                raise
            else:
                self.reachability.answered(url)
                return sha256
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _transfer(self, url: str, body: _Body, *, is_patient: bool) -> None:
        """Transfer a body by HTTP, from its position on.

        Args:
            is_patient: whether to try again when the connection stands still; who has another
                upstream to ask need not wait that long.
        """
        retries = Retries(self._limits, self._stop)
        for number in retries:
            try:
                self.client.ask(url, body, body.conditions)
                return
            except Retryable as failure:
                if not is_patient and isinstance(failure.error, StalledError):
                    raise failure.error from failure
                # Progress resets nothing: a server that cuts every transfer must end some day.
                retries.wait(failure, number)


class _Body:
    """A body on its way into a sink: what came of it so far, and its hash."""

    def __init__(self, expected: Expected, sink: Sink) -> None:
        self._expected = expected
        self._sink = sink
        self.conditions = OPTIONAL if expected.is_optional else UNCONDITIONAL
        self._largest = expected.largest if expected.size is None else expected.size
        size = expected.size
        self.is_large = not expected.is_small if size is None else size > expected.block
        self._is_long = not expected.is_small if size is None else size > BLOCK
        self._start()

    def _start(self) -> None:
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._block = self._expected.block
        self._flushed = time.monotonic()
        self.position = 0
        self._sha256 = hashlib.sha256()
        # Beside a sha256 it costs twice as much again: only where that is little. Of conda-forge's
        # artifacts two in three are that small, and have a fiftieth of the bytes.
        is_needed = self._expected.sha256 is None or not self._is_long
        hashes_md5 = self._expected.md5 is not None and is_needed
        self._md5 = hashlib.md5(usedforsecurity=False) if hashes_md5 else None

    @property
    def other_md5(self) -> str | None:
        """The md5 of the bytes so far, if it is looked at and is not what is promised."""
        found = self._md5.hexdigest() if self._md5 is not None else None
        return None if found == self._expected.md5 else found

    def resume(self) -> str | None:
        """Hash what an earlier run left; return the sha256 if it is all."""
        for block in self._sink.held():
            self._hash(block)
            self.position += len(block)
        size = self._expected.size
        if size is not None and self.position > size:
            self.restart()
        if not self.position or self.position != (size or self.position):
            return None
        try:
            return self.finish("what is here")
        except IntegrityError:
            if size is not None:
                self.restart()  # never written to: it may be a served file's second name
            # Without a size this may be a part; the hash will tell.
            return None

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            self._sink.__exit__()

    def restart(self) -> None:
        """Forget the bytes, the sink's too: the next ones are the first."""
        self._sink.discard()
        self._start()

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            IntegrityError: more bytes come than are expected.
        """
        if self.position + len(chunk) > self._largest:
            raise IntegrityError(
                f"{self._expected.name}: upstream sends more than the {self._largest:,} bytes that"
                f" its index allows; {self._expected.otherwise}"
            )
        self.position += len(chunk)
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        if self._waiting_size >= self._block:
            self._flush()
            self._resize()

    def _resize(self) -> None:
        """Larger pieces cost less, and somebody may wait for each."""
        smallest, now = self._expected.block, time.monotonic()
        if now - self._flushed < _SOON / 2:
            self._block = min(2 * self._block, _GROWTH * smallest, BLOCK)
        elif now - self._flushed > _SOON:
            self._block = max(self._block // 2, min(smallest, BLOCK))
        self._flushed = now

    def _flush(self) -> None:
        """Write and hash what waits: libcurl's pieces are too small to do it for each."""
        if not self._waiting:
            return
        block = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_size = 0
        self._sink.write(block, self.position - len(block))
        self._hash(block)

    def finish(self, url: str) -> str:
        """Compare with what is expected; return the sha256.

        Raises:
            IntegrityError: the bytes are others.
        """
        expected = self._expected
        sha256 = self._sha256.hexdigest()
        if expected.size is not None and self.position != expected.size:
            problem = f"{self.position:,} bytes instead of {expected.size:,}"
        elif expected.sha256 is not None and sha256 != expected.sha256:
            problem = f"sha256 {sha256} instead of {expected.sha256}"
        elif expected.sha256 is None and self.other_md5 is not None:
            problem = f"md5 {self.other_md5} instead of {expected.md5}"
        else:
            return sha256
        raise IntegrityError(f"{expected.name} from {redact(url)}: {problem}; {expected.otherwise}")

    def _hash(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._md5 is not None:
            self._md5.update(block)
