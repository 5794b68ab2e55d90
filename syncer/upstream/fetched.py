"""A fetched document: what it says, where it came from, and whether we had it already."""

from __future__ import annotations

from dataclasses import dataclass

from syncer.conda.body import digest as digest_of
from syncer.conda.repodata import Index
from syncer.transport.document import Document, Validators
from syncer.upstream.cache import Cached
from volume.program.log import redact


def origin_of(base: str) -> str:
    """A base URL as it may be shown and stored: without credentials."""
    return redact(base)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One document: ``name`` is its variant, ``digest`` identifies its content.

    ``document`` is None if what is remembered is it. ``index`` is there if the content is new: it
    had to be parsed to be trusted. Of a sharded index, ``selected`` are the hashes of its shards by
    package name, and ``fresh`` the shards that were not remembered, by hash.
    """

    name: str
    base: str
    digest: str
    document: Document | None
    index: Index | None = None
    selected: tuple[tuple[str, str], ...] = ()
    fresh: tuple[tuple[str, bytes], ...] = ()

    @property
    def origin(self) -> str:
        """Where it came from, for people and for the state volume."""
        return origin_of(self.base)

    @property
    def says_nothing(self) -> bool:
        """Whether it is new, and an index of nothing: believed if nobody says more."""
        return self.index is not None and self.index.says_nothing

    @property
    def last_modified(self) -> str | None:
        """The date that its server gave it, if it was sent."""
        return self.document.validators.last_modified if self.document else None

    @property
    def cached(self) -> Cached:
        """What is to be remembered of it."""
        body = self.document.body if self.document else b""
        validators = self.document.validators if self.document else Validators()
        return Cached(self.name, self.origin, self.digest, digest_of(body), validators)
