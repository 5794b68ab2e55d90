"""SPEC_FILES that are addresses: asked for once in a run, and kept for when their host is away.

Guaranteed: what is not whole, too long or not to be had replaces nothing; what was read last holds
then, and that is said.
"""

from __future__ import annotations

import hashlib

from syncer.conda.body import digest
from syncer.errors import UpstreamError
from syncer.transport.document import Validators
from syncer.transport.fetch import Fetch
from syncer.upstream.cache import Cache, Cached
from volume import limits
from volume.program.log import redact


class RemoteFiles:
    """Reads spec files from their addresses.

    Args:
        writes: whether they are kept; a dry run changes nothing.
    """

    def __init__(self, fetch: Fetch, cache: Cache, *, writes: bool) -> None:
        self._fetch = fetch
        self._cache = cache
        self._writes = writes
        self._read: dict[str, tuple[bytes, tuple[str, ...]]] = {}

    def read(self, url: str) -> tuple[bytes, tuple[str, ...]]:
        """A file's content, and what a person should know of how it was come by.

        Raises:
            UpstreamError: it can't be had, and was never read before.
            VolumeError: the state volume refused.
        """
        if url not in self._read:
            self._read[url] = self._ask(url)
        return self._read[url]

    def _ask(self, url: str) -> tuple[bytes, tuple[str, ...]]:
        name = hashlib.sha256(url.encode()).hexdigest()
        known = self._cache.find(name)
        kept = self._cache.body(name, known) if known is not None else None
        try:
            document = self._fetch.document(
                url, known.validators if known else Validators(), limit=limits.SPEC_FILE
            )
        except UpstreamError as error:
            if kept is None:
                raise
            return kept, (f"{redact(url)} can't be had ({error}); what it said last holds",)
        if document is None:
            return kept or b"", ()
        if self._writes and document.body != kept:
            found = digest(document.body)
            self._cache.keep(
                name,
                Cached("spec-file", redact(url), found, found, document.validators),
                document.body,
            )
        return document.body, ()
