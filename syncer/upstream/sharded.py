"""Sharded repodata of one upstream (CEP 16): a shard index, and the shards that are wanted of it.

Shards are content-addressed. One that we have is never fetched again, and one that an upstream
can't deliver intact may come from any other that has it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from syncer.conda import repodata, shards
from syncer.conda.body import decompress
from syncer.conda.body import digest as digest_of
from syncer.conda.repodata import Index
from syncer.conda.shards import ShardIndex
from syncer.errors import UpstreamError, says_absent
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Expected, Fetch
from syncer.transport.sink import Memory
from syncer.upstream import location
from syncer.upstream.cache import Cache, Cached
from syncer.upstream.fetched import Fetched, origin_of
from volume import limits
from volume.sections import V3_SECTIONS

_LOG = logging.getLogger(__name__)
_TOLD_SECONDS = 30.0

Names = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class OfferedIndex:
    """A shard index, as one upstream has it; ``document`` is None if it is the remembered one."""

    base: str
    subdir: str
    index: ShardIndex
    document: Document | None


class Sharded:
    """Reads sharded indexes of a channel."""

    def __init__(self, fetch: Fetch, cache: Cache, bases: Sequence[str], *, workers: int) -> None:
        self._fetch = fetch
        self._workers = workers
        self._cache = cache
        self._bases = bases

    def offer(self, base: str, subdir: str) -> OfferedIndex | None:
        """The shard index of an upstream, or None if it has none.

        Raises:
            UpstreamError: it can't be had or understood.
        """
        known = self._cache.find(f"{subdir}.index")
        if known and (known.variant, known.origin) != (shards.INDEX, origin_of(base)):
            known = None
        url = f"{base}/{subdir}/{shards.INDEX}"
        try:
            document = self._fetch.document(
                url, known.validators if known else Validators(), limit=limits.INDEX.sent
            )
        except UpstreamError as error:
            if says_absent(error):
                return None
            raise
        if document is not None:
            return OfferedIndex(base, subdir, _understand(document.body, origin_of(url)), document)
        body = self._cache.body(f"{subdir}.index", known) if known else b""
        return OfferedIndex(base, subdir, _understand(body, origin_of(url)), None)

    def fetch(self, offer: OfferedIndex, names: Names | None) -> Fetched:
        """The index of the selected names, parsed if it is new.

        Raises:
            UpstreamError: a shard can't be had.
        """
        selected = offer.index.selected(names)
        found = Fetched(
            shards.INDEX,
            offer.base,
            digest_of(offer.index.signature(selected)),
            offer.document,
            selected=tuple(selected.items()),
        )
        known = self._cache.find(f"{offer.subdir}.index")
        if known is not None and known.digest == found.digest:
            return found
        index, fresh = self._read(offer, selected)
        return replace(found, index=index, fresh=fresh)

    def index(self, fetched: Fetched, subdir: str) -> Index:
        """A fetched index, parsed.

        Raises:
            UpstreamError: a shard can't be had.
        """
        url = f"{fetched.base}/{subdir}/{shards.INDEX}"
        if fetched.document is not None:
            body = fetched.document.body
        else:
            known = self._cache.find(f"{subdir}.index")
            body = self._cache.body(f"{subdir}.index", known) if known else b""
        offer = OfferedIndex(
            fetched.base, subdir, _understand(body, origin_of(url)), fetched.document
        )
        return self._read(offer, dict(fetched.selected), dict(fetched.fresh))[0]

    def _read(
        self,
        offer: OfferedIndex,
        selected: Mapping[str, str],
        here: Mapping[str, bytes] | None = None,
    ) -> tuple[Index, tuple[tuple[str, bytes], ...]]:
        """The index, and the shards that were not remembered, by hash."""
        subdir = offer.subdir
        here = here or {}
        have = {
            sha256: here.get(sha256) or self._cache.shard(subdir, sha256)
            for sha256 in selected.values()
        }
        missing = {
            sha256: self._urls(offer, sha256) for sha256, data in have.items() if data is None
        }
        where = f"{origin_of(offer.base)}/{subdir}"
        fresh = tuple(_told(self._fetched(missing), len(missing), where)) if missing else ()
        have.update(fresh)
        bodies = ((name, have[sha256] or b"") for name, sha256 in selected.items())
        return _assembled(offer.index, bodies, subdir, where), fresh

    def _fetched(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, bytes]]:
        """Shards with their hashes, as they come; ``wanted`` are the URLs of each, best first."""
        workers = self._fetch.workers(self._workers)
        found = workers.run(list(wanted.items()), self._fetch_one)
        return (shard for shard in found if shard is not None)

    def _fetch_one(self, wanted: tuple[str, Sequence[str]]) -> tuple[str, bytes]:
        sha256, urls = wanted
        shard = Memory()
        expected = Expected(
            "a shard",
            sha256=sha256,
            largest=limits.SHARD.sent,
            is_small=True,
            otherwise="it is not what its name and the index promise; the published index stays",
        )
        self._fetch.fetch(urls, expected, shard)
        return sha256, bytes(shard.content)

    def _urls(self, offer: OfferedIndex, sha256: str) -> tuple[str, ...]:
        """Where a shard may be: where the index says, and at the same place of other upstreams."""
        relative = offer.index.shards_base_url
        folders = [location.folder_url(offer.base, offer.subdir, relative, key="shards_base_url")]
        is_elsewhere = relative is not None and "//" in relative
        folders += [
            location.folder_url(base, offer.subdir, None if is_elsewhere else relative)
            for base in self._bases
            if base != offer.base
        ]
        return tuple(dict.fromkeys(f"{folder}{sha256}{shards.SUFFIX}" for folder in folders))

    # -- what is remembered ----------------------------------------------------------------------

    def cached(self, known: Cached, subdir: str, names: Names | None) -> Index:
        """The remembered index, as far as its shards are here.

        Raises:
            IndexRejectedError: it was damaged.
        """
        index = _understand(self._cache.body(f"{subdir}.index", known), known.origin)
        here = (
            (name, self._cache.shard(subdir, sha256))
            for name, sha256 in index.selected(names).items()
        )
        bodies = [(name, data) for name, data in here if data is not None]
        return _assembled(index, bodies, subdir, known.origin)

    def covered(self, known: Cached, subdir: str, names: Names | None) -> Names | None:
        """The names that ``remembered`` speaks of, and that are wanted now; None means all."""
        if known.variant != shards.INDEX:
            return names
        index = _understand(self._cache.body(f"{subdir}.index", known), known.origin)
        found = {
            name
            for name, sha256 in index.selected(names).items()
            if self._cache.has_shard(subdir, sha256)
        }
        return found.__contains__

    def remember(self, fetched: Fetched, subdir: str) -> None:
        """Keep the shards of a fetched index, and no others.

        Raises:
            VolumeError: the state volume refused.
        """
        for sha256, data in fetched.fresh:
            self._cache.keep_shard(subdir, sha256, data)
        self._cache.forget_shards(subdir, {sha256 for _, sha256 in fetched.selected})


def _told(
    shards: Iterable[tuple[str, bytes]], count: int, where: str
) -> Iterator[tuple[str, bytes]]:
    """The same shards; of many it is logged how far they are."""
    told = time.monotonic()
    for number, shard in enumerate(shards, start=1):
        yield shard
        if time.monotonic() - told > _TOLD_SECONDS:
            told = time.monotonic()
            _LOG.info("%s: read %d of %d shards", where, number, count)


def _understand(body: bytes, where: str) -> ShardIndex:
    return shards.parse(decompress(body, shards.INDEX, where, limits.SHARD_INDEX), where)


def _assembled(
    index: ShardIndex, bodies: Iterable[tuple[str, bytes]], subdir: str, where: str
) -> Index:
    contents = (
        (name, decompress(body, shards.SUFFIX, f"{where}: a shard", limits.SHARD))
        for name, body in bodies
    )
    made = shards.assemble(index, contents, where)
    found = repodata.parse(made.repodata, subdir)
    return replace(
        found,
        refused=(*found.refused, *map(repodata.unread, sorted(made.unread))),
        run_exports=made.run_exports,
        unread=found.unread | (made.unread & V3_SECTIONS.keys()),
    )
