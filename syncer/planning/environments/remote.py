"""SPEC_FILES that are addresses: asked for once in a run, and kept for when their host is away.

Guaranteed: what is not whole, too long, not to be had or not understood replaces nothing; what was
read last holds then, and that is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from syncer.conda.body import digest
from syncer.errors import UpstreamError
from syncer.planning.environments.request import Request
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Fetch
from syncer.upstream.cache import Cache, Cached
from volume import limits
from volume.program.log import redact

Parse = Callable[[bytes], Request]


@dataclass(slots=True)
class _Asked:
    """What an address said now, None for nothing new or nothing at all, and what it said last."""

    now: Document | None
    last: bytes | None
    failure: UpstreamError | None = None


class RemoteFiles:
    """Reads spec files from their addresses.

    Args:
        writes: whether they are kept; a dry run changes nothing.
    """

    def __init__(self, fetch: Fetch, cache: Cache, *, writes: bool) -> None:
        self._fetch = fetch
        self._cache = cache
        self._writes = writes
        self._asked: dict[str, _Asked] = {}

    def read(self, url: str, parse: Parse) -> Request:
        """A file, understood by ``parse``, with notes on how it was come by.

        Raises:
            UpstreamError: it can't be had, and was never read before.
            ValueError: it is not understood, and never was.
            VolumeError: the state volume refused.
        """
        if url not in self._asked:
            self._asked[url] = self._ask(url)
        asked = self._asked[url]
        problem: Exception | None = asked.failure
        if asked.now is not None:
            try:
                found = parse(asked.now.body)
            except ValueError as error:
                if asked.last is None:
                    raise
                problem = error
            else:
                self._keep(url, asked, asked.now)
                return found
        found = parse(asked.last or b"")
        if problem is None:
            return found
        why = f"{redact(url)} can't be used ({problem.args[0] if problem.args else problem})"
        return replace(found, notes=(f"{why}; what it said last holds", *found.notes))

    def _ask(self, url: str) -> _Asked:
        name = _name(url)
        known = self._cache.find(name)
        last = self._cache.body(name, known) if known is not None else None
        try:
            document = self._fetch.document(
                url, known.validators if known else Validators(), limit=limits.SPEC_FILE
            )
        except UpstreamError as error:
            if last is None:
                raise
            return _Asked(None, last, error)
        return _Asked(document, last)

    def _keep(self, url: str, asked: _Asked, document: Document) -> None:
        if self._writes and document.body != asked.last:
            found = digest(document.body)
            self._cache.keep(
                _name(url),
                Cached("spec-file", redact(url), found, found, document.validators),
                document.body,
            )
            asked.last = document.body


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
