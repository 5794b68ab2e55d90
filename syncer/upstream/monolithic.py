"""Whole documents of one upstream, fetched conditionally: repodata.json in its variants, others.

Guaranteed: a variant that is refused, damaged or no index costs a word, not the channel, as long as
another can be had. One that its server dates 15 minutes and more before another is not believed
without a look at that other one: when something is new, and once a day when nothing is; else an
unchanged index costs one request.
Not guaranteed: that a stale variant is noticed where the server gives no Last-Modified.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime

from syncer.conda import repodata
from syncer.conda.body import decompress
from syncer.conda.body import digest as digest_of
from syncer.conda.repodata import Index
from syncer.errors import (
    HttpStatusError,
    IndexRejectedError,
    ManyUpstreamsError,
    UpstreamError,
    is_answer,
    says_absent,
)
from syncer.transport.document import Validators
from syncer.transport.fetch import Fetch
from syncer.upstream import age
from syncer.upstream.cache import Cache, Cached
from syncer.upstream.fetched import Fetched, origin_of
from volume import limits

# The cheapest first, of those that are equally fresh.
VARIANTS = ("repodata.json.zst", "repodata.json", "repodata.json.bz2")

# Variants whose dates differ by less are of one publication: a large channel's take minutes.
PUBLICATION_SECONDS = 900.0
# An unchanged variant is compared with the dates of the others so often.
_COMPARED_SECONDS = 86_400.0


class Monolithic:
    """Fetches whole documents of a channel."""

    def __init__(
        self,
        fetch: Fetch,
        cache: Cache,
        warn: Callable[[str], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._cache = cache
        self._warn = warn
        self._now = now
        self._compared: set[tuple[str, str]] = set()
        self.said: dict[str, str] = {}
        """What each upstream said that has no index."""

    def fetch(self, base: str, subdir: str) -> Fetched | None:
        """A subdir's index in the best variant that can be had, parsed if it is new; or None.

        Raises:
            UpstreamError: there is one, and no variant can be had or understood.
        """
        known = self._known(base, subdir)
        variants = list(VARIANTS)
        if known is not None and known.variant in variants:
            variants.sort(key=lambda variant: variant != known.variant)
        refusals: dict[str, UpstreamError] = {}
        found = None
        for variant in variants:
            try:
                asked = self._variant(base, subdir, variant)
            except UpstreamError as error:
                if not is_answer(error):
                    raise
                if says_absent(error):
                    self.said[origin_of(base)] = _answer(error)
                else:
                    refusals[variant] = error
                continue
            if found is None or not asked.says_nothing:
                found = asked
            if not found.says_nothing:
                break
        if found is None:
            errors = list(refusals.values())
            if errors:
                raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)
            return None
        for variant, refusal in refusals.items():
            self._warn(f"{subdir}: {found.name} is read, because {variant} can't be: {refusal}")
        if not found.says_nothing and self._is_due(found, known, subdir):
            self._compared.add((subdir, found.origin))
            return self._freshest(found, known, subdir)
        return found

    def _known(self, base: str, subdir: str) -> Cached | None:
        """What is remembered of this upstream."""
        known = self._cache.find(f"{subdir}.index")
        return known if known is not None and known.origin == origin_of(base) else None

    def _variant(self, base: str, subdir: str, variant: str) -> Fetched:
        name = f"{subdir}.index"
        found, content = self._ask(base, f"{subdir}/{variant}", name)
        known = self._cache.find(name)
        if content is not None and (known is None or known.digest != found.digest):
            return replace(found, index=repodata.parse(content, subdir))
        return found

    # -- which variant is the freshest -----------------------------------------------------------

    def _is_due(self, found: Fetched, known: Cached | None, subdir: str) -> bool:
        """Whether the others are to be looked at: it is new, or unchanged for long."""
        if known is None or known.digest != found.digest:
            return True
        compared = self._cache.compared(subdir, found.origin)
        return abs(self._now() - compared) >= _COMPARED_SECONDS

    def _freshest(self, found: Fetched, known: Cached | None, subdir: str) -> Fetched:
        """The same, or another variant if that one is fresher, or as fresh and cheaper.

        A date only says which to look at. What is dated later is believed if it is not older by
        what it lists.
        """
        modified = found.last_modified or (known.validators.last_modified if known else None)
        ours = seconds_of(modified)
        if ours is None:
            return found  # it can't be told from its headers
        dates = {found.name: ours}
        for variant in VARIANTS:
            if variant not in dates:
                date = self._date(f"{found.base}/{subdir}/{variant}")
                dates |= {} if date is None else {variant: date}
        newest = max(dates.values())
        for variant in VARIANTS:
            if variant not in dates or newest - dates[variant] > PUBLICATION_SECONDS:
                continue
            if variant == found.name:
                return found
            try:
                other = self._variant(found.base, subdir, variant)
                if self._is_better(other, found, subdir):
                    if other.digest != found.digest:
                        self._warn(
                            f"{subdir}: {variant} is read, because {found.origin} has an older"
                            f" {found.name}, of {modified}"
                        )
                    return other
            except UpstreamError as error:
                self._warn(f"{subdir}: {found.name} is read, because {variant} can't be: {error}")
        return found

    def _date(self, url: str) -> float | None:
        """What a document's server says of its age; None if it does not."""
        try:
            return seconds_of(self._fetch.head(url).last_modified)
        except UpstreamError:
            return None

    def _is_better(self, other: Fetched, found: Fetched, subdir: str) -> bool:
        if other.digest == found.digest:
            return VARIANTS.index(other.name) < VARIANTS.index(found.name)
        theirs, ours = self._parsed(other, subdir), self._parsed(found, subdir)
        if ours.entries and not theirs.entries:
            return False  # that is a wipe, and an accident more often than not
        return not age.is_older(theirs, ours, from_other=False)

    def _parsed(self, fetched: Fetched, subdir: str) -> Index:
        if fetched.index is not None:
            return fetched.index
        return repodata.parse(self.content(fetched, f"{subdir}.index"), subdir)

    def remember_comparisons(self) -> None:
        """Note when variants were compared, for the next runs.

        Raises:
            VolumeError: the state volume refused.
        """
        for subdir, origin in sorted(self._compared):
            self._cache.keep_compared(subdir, origin, self._now())
        self._compared.clear()

    # -- any document ----------------------------------------------------------------------------

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
        known = self._cache.find(name)
        is_same = known is not None and (known.variant, known.origin) == (variant, origin_of(base))
        document = self._fetch.document(
            url, known.validators if known and is_same else Validators(), limit=limits.INDEX.sent
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
            known = self._cache.find(name)
            if known is None:
                raise IndexRejectedError(f"{name} of {fetched.origin} was remembered and is gone")
            body = self._cache.body(name, known)
        return _content(body, fetched.name, fetched.base, name)


def seconds_of(date: str | None) -> float | None:
    """A Last-Modified as seconds since the epoch; None if it is none."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _answer(error: UpstreamError) -> str:
    return f"answered {error.status}" if isinstance(error, HttpStatusError) else str(error)


def _content(body: bytes, variant: str, base: str, name: str) -> bytes | bytearray:
    return decompress(body, variant, f"{origin_of(base)}: {variant} ({name})")
