"""One channel at its upstreams: each index from the first that has a usable one.

The body of each index is kept on the state volume as it was sent, with its validators. So an
unchanged upstream costs one request for each subdir, and a run that has to look again (after a
failure, or because the selection changed) does not download it again.

Guaranteed: an index that is cut, malformed, or older than the remembered one is rejected, and what
is remembered stays. Older is: an earlier Last-Modified from the same upstream (a stale proxy or CDN
edge); by its content from another one that is configured (``age``). An upstream that a person
exchanged for another is taken as it is, with a warning if it is older.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from syncer.conda import repodata, shards
from syncer.conda.body import decompress
from syncer.conda.repodata import Index
from syncer.conda.wheel_record import place
from syncer.errors import (
    IndexRejectedError,
    ManyUpstreamsError,
    UpstreamError,
    is_answer,
    says_absent,
)
from syncer.transport.fetch import Fetch
from syncer.upstream import age, location
from syncer.upstream.cache import Cache, Cached
from syncer.upstream.fetched import Fetched, origin_of
from syncer.upstream.monolithic import PUBLICATION_SECONDS, Monolithic, seconds_of
from syncer.upstream.sharded import OfferedIndex, Sharded
from volume.errors import MirrorError
from volume.sections import is_wheel

Names = Callable[[str], bool]

# A selection of fewer shards than this is read by shards: a few hundred small requests cost about
# as much as one large index.
FEW_SHARDS = 200


class ChannelUpstream:
    """One channel at its base URLs, best first, and what we remember of it under ``cache``.

    ``workers`` is how many shards are asked for at a time.
    """

    def __init__(
        self,
        fetch: Fetch,
        bases: Sequence[str],
        cache: Path,
        warn: Callable[[str], None],
        *,
        workers: int,
    ) -> None:
        self._fetch = fetch
        self._bases = tuple(base.rstrip("/") for base in bases)
        self._cache = Cache(cache)
        self._warn = warn
        self._monolithic = Monolithic(fetch, self._cache, warn)
        self._sharded = Sharded(fetch, self._cache, self._bases, workers=workers)

    @property
    def shown(self) -> str:
        """The channel's addresses, for people: without credentials."""
        return " and ".join(map(origin_of, self._bases))

    @property
    def said(self) -> str:
        """What the upstreams said that have no index, for people."""
        said = self._monolithic.said
        if len(said) == 1:
            return "; ".join(said.values())
        return "; ".join(f"{origin}: {answer}" for origin, answer in said.items())

    def fetch_index(self, subdir: str, names: Names | None = None) -> Fetched | None:
        """The subdir's index from the first upstream that has a usable one, or None if none has.

        Args:
            names: package names that may be wanted; None means all. The index may then lack
                records of other names, if the upstream has shards and few are wanted.

        Raises:
            UpstreamError: it can't be had, or is older than the remembered one.
        """
        errors: list[MirrorError] = []
        problems: list[str] = []
        blank = None
        for base in self._order():
            try:
                found = self._ask(base, subdir, names)
            except UpstreamError as error:
                errors.append(error)
                problems.append(str(error))
                continue
            if found is None:
                said = self._monolithic.said.get(origin_of(base), "has no index")
            elif found.says_nothing:
                blank = blank or found
                said = "has an empty index"
            else:
                for problem in problems:
                    self._warn(f"{subdir}: going on with {origin_of(base)}, because {problem}")
                return found
            problems.append(f"{origin_of(base)} {said}")
        if errors and blank is None:
            raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)
        return blank

    def _order(self) -> Sequence[str]:
        return self._fetch.reachability.order(self._bases)

    def _ask(self, base: str, subdir: str, names: Names | None) -> Fetched | None:
        refusals: list[UpstreamError] = []
        offer = None
        if names is not None:
            offer = self._offer(base, subdir, refusals)
            if offer is not None and len(offer.index.selected(names)) < FEW_SHARDS:
                return self._judged(self._sharded.fetch(offer, names), subdir, names)
        try:
            found = self._monolithic.fetch(base, subdir)
        except UpstreamError as error:
            if not is_answer(error):
                raise
            found = None
            refusals.append(error)
        if found is None:
            if names is None:
                offer = self._offer(base, subdir, refusals)
            if offer is not None:
                found = self._sharded.fetch(offer, names)
        if found is None:
            if refusals:
                raise refusals[0] if len(refusals) == 1 else ManyUpstreamsError(refusals)
            return None
        for refusal in refusals:
            self._warn(f"{subdir}: {found.name} is read, because {refusal}")
        return self._judged(found, subdir, names)

    def _offer(self, base: str, subdir: str, refusals: list[UpstreamError]) -> OfferedIndex | None:
        """The shard index; None if there is none or it is refused."""
        try:
            return self._sharded.offer(base, subdir)
        except UpstreamError as error:
            if not is_answer(error):
                raise
            refusals.append(error)
            return None

    def _judged(self, found: Fetched, subdir: str, names: Names | None) -> Fetched:
        """The same, if it may take the place of what is remembered.

        Raises:
            IndexRejectedError: it may not.
        """
        if found.index is None:
            return found
        self._fetch.check(location.folder_url(found.base, subdir, found.index.base_url))
        known = self._cache.find(f"{subdir}.index")
        if known is not None and (problem := self._problem(found, known, subdir, names)):
            raise IndexRejectedError(problem)
        return found

    def _problem(
        self, found: Fetched, known: Cached, subdir: str, names: Names | None
    ) -> str | None:
        index = found.index
        is_same = known.origin == found.origin
        is_dated_before = _is_before(found, known)
        where = f"{found.origin}/{subdir}/{found.name}"
        if is_same and is_dated_before is False:
            return None
        if is_same and is_dated_before and known.variant == found.name:
            return (
                f"{where} is of {found.last_modified}, older than the"
                f" {known.validators.last_modified} that we have: a stale proxy or mirror. The"
                " published index stays; it heals when upstream does"
            )
        ours = self._remembered_index(known, subdir, names)
        if index is None or ours is None:
            return None
        both = self._sharded.covered(known, subdir, names)
        is_older = age.is_older(index, ours, from_other=not is_same, names=both) or (
            bool(is_dated_before) and not age.lists_more(index, ours)
        )
        if not is_older:
            return None
        message = (
            f"{where} is older than the index that we have from {known.origin}: it lacks records"
            " that are there, or has an older date and nothing new"
        )
        if known.origin not in map(origin_of, self._bases):
            self._warn(f"{message}. It is taken, because {known.origin} is not configured any more")
            return None
        return f"{message}. The published index stays; it heals when this upstream catches up"

    def _remembered_index(self, known: Cached, subdir: str, names: Names | None) -> Index | None:
        """What is remembered, parsed; None if it was damaged: then there is nothing to compare."""
        try:
            if known.variant == shards.INDEX:
                return self._sharded.cached(known, subdir, names)
            content = decompress(
                self._cache.body(f"{subdir}.index", known), known.variant, "what is remembered"
            )
            return repodata.parse(content, subdir)
        except IndexRejectedError:
            return None

    def index(self, fetched: Fetched, subdir: str) -> Index:
        """The fetched index, parsed.

        Raises:
            UpstreamError: it is damaged, or a shard of it can't be had.
        """
        if fetched.index is not None:
            return fetched.index
        if fetched.name == shards.INDEX:
            return self._sharded.index(fetched, subdir)
        return repodata.parse(self.content(fetched, f"{subdir}.index"), subdir)

    def artifact_urls(
        self, fetched: Fetched, index: Index, filename: str, record: str | None = None
    ) -> tuple[str, ...]:
        """Every URL of an artifact of this index, best first.

        Args:
            record: its record (a JSON text); a wheel's says where it is.

        Raises:
            IndexRejectedError: upstream's word on it leads where we don't go.
        """
        if record is not None and is_wheel(filename):
            return location.wheel_urls(
                self._bases, fetched.base, index.subdir, filename, index.base_url, place(record)
            )
        return location.artifact_urls(
            self._bases, fetched.base, index.subdir, filename, index.base_url
        )

    def fetch_optional(self, path: str, name: str) -> Fetched | None:
        """A document that channels need not have, such as ``channeldata.json``.

        None if an upstream says that there is none, and no other one has it.

        Raises:
            UpstreamError: no upstream answers.
        """
        errors: list[MirrorError] = []
        is_absent = False
        for base in self._order():
            try:
                return self._monolithic.document(base, path, name)
            except UpstreamError as error:
                is_absent |= says_absent(error)
                errors.append(error)
        if is_absent or not errors:
            return None
        raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)

    def content(self, fetched: Fetched, name: str) -> bytes | bytearray:
        """The uncompressed content of a fetched document.

        Raises:
            IndexRejectedError: it is cut or damaged.
        """
        return self._monolithic.content(fetched, name)

    def remember(self, fetched: Fetched, name: str) -> None:
        """Keep a document's body and validators for the next run.

        Raises:
            VolumeError: the state volume refused.
        """
        if fetched.document is not None:
            self._cache.keep(name, fetched.cached, fetched.document.body)
        if name.endswith(".index"):
            self._sharded.remember(fetched, name.removesuffix(".index"))
        self.remember_comparisons()

    def remember_comparisons(self) -> None:
        """Note when variants of the indexes were compared; once a day is enough.

        Raises:
            VolumeError: the state volume refused.
        """
        self._monolithic.remember_comparisons()


def _is_before(found: Fetched, known: Cached) -> bool | None:
    """Whether a document is dated before the remembered one; None if that can't be said."""
    ours, theirs = seconds_of(known.validators.last_modified), seconds_of(found.last_modified)
    if ours is None or theirs is None:
        return None
    # Two variants of one publication are written one after the other.
    return ours - theirs > (0 if found.name == known.variant else PUBLICATION_SECONDS)
