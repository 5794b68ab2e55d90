"""Documents over HTTP: indexes and pages, whole and conditional.

Guaranteed: every request is tried again as ``retry`` says; a body that is cut is never taken for a
whole one; credentials go where ``environment`` says and nowhere else; library errors become
``UpstreamError``.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from syncer.errors import TransferError
from syncer.transport import answers
from syncer.transport.document import Document, Validators
from syncer.transport.reception import Terms
from syncer.transport.retry import Limits, Retries, Retryable
from syncer.transport.transfer import Transfers
from volume.program.log import redact
from volume.program.stop import Stop


class Fetcher:
    """Fetches documents, over the connection of the thread that asks."""

    def __init__(self, limits: Limits, stop: Stop, transfers: Transfers) -> None:
        self._limits = limits
        self._stop = stop
        self._transfers = transfers

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        """A whole body, or None if it is unchanged (304).

        Args:
            limit: bytes that the body may have at most.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            HostStoppedError: the host is not to be asked again in this run.
            TransferError: the server can't be reached, or cut the body in every try.
            InterruptedRunError: the run was stopped.
        """
        conditions = []
        if validators.etag:
            conditions.append(f"If-None-Match: {validators.etag}")
        if validators.last_modified:
            conditions.append(f"If-Modified-Since: {validators.last_modified}")
        is_data = answers.is_data(urlsplit(url).path)
        terms = Terms(tuple(conditions), may_be_unchanged=True, takes_pages=not is_data)
        retries = Retries(self._limits, self._stop)
        for number in retries:
            body = _Body(redact(url), limit)
            try:
                answer = self._transfers.attempt(url, body, terms)
            except Retryable as failure:
                retries.wait(failure, number)
                continue
            if answer.is_unchanged:
                return None
            return Document(answer.url, body.content, answer.validators)
        raise AssertionError("unreachable: the last try returns or raises")


class _Body:
    """A body in memory, of one try."""

    is_large = True  # so that its headers are listened to

    def __init__(self, url: str, limit: int) -> None:
        self._url = url
        self._limit = limit
        self._pieces: list[bytes] = []
        self.position = 0

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def write(self, chunk: bytes) -> None:
        self._pieces.append(chunk)
        self.position += len(chunk)
        if self.position > self._limit:
            raise TransferError(f"{self._url} sends more than {self._limit:,} bytes; refused")

    def restart(self) -> None:
        self._pieces.clear()
        self.position = 0
