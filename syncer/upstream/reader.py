"""The IO of an upstream: documents and shards from base URLs, over HTTP or from a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncer.errors import UpstreamError
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Expected, Fetch, Memory
from volume import limits


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads from upstreams; ``workers`` is how many shards are asked for at a time."""

    fetch: Fetch
    workers: int

    def order(self, bases: Sequence[str]) -> Sequence[str]:
        """The same base URLs, those of hosts that don't answer last."""
        return self.fetch.reachability.order(bases)

    def document(self, url: str, validators: Validators) -> Document | None:
        """A whole document, or None if it is unchanged.

        Raises:
            UpstreamError: it can't be had; ``says_absent`` tells whether there is none.
        """
        return self.fetch.document(url, validators, limit=limits.INDEX.sent)

    def modified(self, url: str) -> str | None:
        """A document's Last-Modified; None if its server does not say."""
        try:
            return self.fetch.head(url).last_modified
        except UpstreamError:
            return None

    def shards(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, bytes]]:
        """Shards, each with its hash, as they come.

        Args:
            wanted: the URLs of each, best first, by sha256 in hex.

        Raises:
            UpstreamError: one can't be had anywhere with the right hash.
        """
        found = self.fetch.workers(self.workers).run(list(wanted.items()), self._shard)
        return (shard for shard in found if shard is not None)

    def _shard(self, wanted: tuple[str, Sequence[str]]) -> tuple[str, bytes]:
        sha256, urls = wanted
        shard = Memory()
        expected = Expected(
            "a shard",
            sha256=sha256,
            largest=limits.SHARD.sent,
            is_small=True,
            otherwise="it is not what its name and the index promise; the published index stays",
        )
        self.fetch.fetch(urls, expected, shard)
        return sha256, bytes(shard.content)
