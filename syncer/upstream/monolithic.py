"""Whole documents of one upstream, fetched conditionally: repodata.json in its variants, others."""

from __future__ import annotations

from dataclasses import replace

from syncer.conda import repodata
from syncer.conda.body import decompress
from syncer.conda.body import digest as digest_of
from syncer.errors import HttpStatusError, IndexRejectedError, UpstreamError, says_absent
from syncer.transport.document import Validators
from syncer.upstream.fetched import Fetched, origin_of
from syncer.upstream.memory import Memory
from syncer.upstream.reader import Reader

# Smallest first. A variant that is missing is asked for again when the remembered one vanishes.
VARIANTS = ("repodata.json.zst", "repodata.json.bz2", "repodata.json")


class Monolithic:
    """Fetches whole documents of a channel."""

    def __init__(self, reader: Reader, memory: Memory) -> None:
        self._reader = reader
        self._memory = memory
        self.said: dict[str, str] = {}
        """What each upstream said that has no index."""

    def fetch(self, base: str, subdir: str) -> Fetched | None:
        """A subdir's index in the smallest variant, parsed if it is new; None if there is none.

        Raises:
            UpstreamError: it can't be had or understood.
        """
        name = f"{subdir}.index"
        known = self._memory.find(name)
        is_from_here = known is not None and known.origin == origin_of(base)
        first = known.variant if known and is_from_here else VARIANTS[0]
        for variant in (first, *(other for other in VARIANTS if other != first)):
            if variant not in VARIANTS:
                continue  # a shard index is remembered
            try:
                found, content = self._ask(base, f"{subdir}/{variant}", name)
            except UpstreamError as error:
                if says_absent(error):
                    self.said[origin_of(base)] = (
                        f"answered {error.status}"
                        if isinstance(error, HttpStatusError)
                        else str(error)
                    )
                    continue
                raise
            if content is not None and (known is None or known.digest != found.digest):
                return replace(found, index=repodata.parse(content, subdir))
            return found
        return None

    def document(self, base: str, path: str, name: str) -> Fetched:
        """A document, sent only if it is not what is remembered from this upstream.

        Raises:
            UpstreamError: it can't be had; ``says_absent`` tells whether there is none.
        """
        return self._ask(base, path, name)[0]

    def _ask(self, base: str, path: str, name: str) -> tuple[Fetched, bytes | bytearray | None]:
        """A document, and its content unless it is known to be what is remembered."""
        url = f"{base}/{path}"
        variant = path.rpartition("/")[2]
        known = self._memory.find(name)
        is_same = known is not None and (known.variant, known.origin) == (variant, origin_of(base))
        document = self._reader.document(
            url, known.validators if known and is_same else Validators()
        )
        if document is None:
            if not (known and is_same):
                raise IndexRejectedError(
                    f"{origin_of(url)} answered 304 to a request without conditions"
                )
            return Fetched(variant, base, known.digest, None), None
        if known is not None and known.body == digest_of(document.body):
            return Fetched(variant, base, known.digest, document), None
        content = _content(document.body, variant, base, name)
        # Of the content, so that two upstreams may compress it differently.
        return Fetched(variant, base, digest_of(content), document), content

    def content(self, fetched: Fetched, name: str) -> bytes | bytearray:
        """The uncompressed content.

        Raises:
            IndexRejectedError: it is cut or damaged.
        """
        if fetched.document is not None:
            body = fetched.document.body
        else:
            known = self._memory.find(name)
            if known is None:
                raise IndexRejectedError(f"{name} of {fetched.origin} was remembered and is gone")
            body = self._memory.body(name, known)
        return _content(body, fetched.name, fetched.base, name)


def _content(body: bytes, variant: str, base: str, name: str) -> bytes | bytearray:
    return decompress(body, variant, f"{origin_of(base)}: {variant} ({name})")
