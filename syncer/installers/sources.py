"""Where installers come from: Anaconda's folders with their listing, and a release of miniforge.

Guaranteed: an unchanged listing costs one conditional request (a release: one for each installer);
a listing that is cut, something else, or older than the one seen last is rejected.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Protocol

from syncer.errors import HttpStatusError, ListingRejectedError, UpstreamError
from syncer.installers.installer_filter import InstallerFilter
from syncer.installers.last_seen import Seen
from syncer.installers.listings import checksums, files_json, table
from syncer.installers.listings.listed import InstallerListing, collect
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Fetch
from volume.installers import FILES_JSON
from volume.program.log import redact

_LOG = logging.getLogger(__name__)

_LARGEST_PAGE = 32 << 20  # bytes; Anaconda's largest is 0.5 MB
_LARGEST_CHECKSUM = 1 << 16
_GONE = frozenset({403, 404, 410})
_MINIFORGE = "Miniforge3"


@dataclass(frozen=True, slots=True)
class Found:
    """A listing as it is now, and the documents that it was read from, by address.

    ``rows`` is to be compared with the next listing's; 0 where only wanted names were asked for.
    """

    listing: InstallerListing
    rows: int
    seen: dict[str, Seen] = field(default_factory=dict)


class Upstream(Protocol):
    """One kind of installers at its upstream, which may have several addresses, best first."""

    def unchanged(self, seen: dict[str, Seen]) -> bool:
        """Whether every document that was seen is still the same."""

    def listing(self, seen: dict[str, Seen]) -> Found:
        """What is there now."""


class FolderUpstream:
    """A folder with ``.files.json``, or else a page with a table."""

    def __init__(self, fetch: Fetch, bases: Sequence[str]) -> None:
        self._fetch = fetch
        self._bases = bases

    def unchanged(self, seen: dict[str, Seen]) -> bool:
        """Whether the first address still has the listing that was seen there.

        Raises:
            UpstreamError: it can't be had.
        """
        urls = [url for url in _documents(self._bases[0]) if url in seen]
        return bool(urls) and _are_unchanged(self._fetch, urls, seen, len(self._bases))

    def listing(self, seen: dict[str, Seen]) -> Found:
        """The listing.

        Raises:
            UpstreamError: it can't be had.
            ListingRejectedError: it can't be trusted, or is older than the one that was seen.
        """
        return _first(self._bases, lambda base: self._listing(base, seen))

    def _listing(self, base: str, seen: dict[str, Seen]) -> Found:
        read: Callable[[bytes, str], InstallerListing]
        for number, read in enumerate((files_json.parse, table.parse)):
            url = _documents(base)[number]
            document = _whole(self._fetch, url, _LARGEST_PAGE)
            if document is not None:
                # The same document, here or at another address; a page has a date of its own.
                known = [_documents(known)[number] for known in self._bases]
                _refuse_older(document, [seen[one] for one in known if one in seen])
                listing = read(document.body, redact(url))
                return Found(listing, listing.rows, {url: _seen(document)})
        raise ListingRejectedError(
            f"{redact(base)}/ has no listing of installers: neither {FILES_JSON} nor a page is"
            " there. The installers that are here stay as they are; check CONDA_REPO_URL, and that"
            " this upstream has them"
        )


class ReleaseUpstream:
    """A release of miniforge: known names, and ``<name>.sha256`` beside each."""

    def __init__(self, fetch: Fetch, bases: Sequence[str], wanted: InstallerFilter) -> None:
        self._fetch = fetch
        self._bases = bases
        self._names = wanted.derived(_MINIFORGE)

    def unchanged(self, seen: dict[str, Seen]) -> bool:
        """Whether the first address still has every checksum that was seen there.

        Raises:
            UpstreamError: one can't be had.
        """
        urls = [f"{self._bases[0]}/{name}.sha256" for name in self._names]
        known = [url for url in urls if url in seen]
        return bool(known) and _are_unchanged(self._fetch, known, seen, len(self._bases))

    def listing(self, seen: dict[str, Seen]) -> Found:
        """What the release has of the wanted names.

        Raises:
            UpstreamError: a checksum can't be had.
            ListingRejectedError: one can't be understood, or none is there.
        """
        return _first(self._bases, self._listing)

    def _listing(self, base: str) -> Found:
        rows = []
        now: dict[str, Seen] = {}
        for name in self._names:
            url = f"{base}/{name}.sha256"
            document = _whole(self._fetch, url, _LARGEST_CHECKSUM)
            if document is not None:  # not every release has every platform
                rows.append(checksums.parse(document.body, name, redact(url)))
                now[url] = _seen(document)
        if not rows:
            asked = ", ".join(f"{name}.sha256" for name in self._names)
            raise ListingRejectedError(
                f"{redact(base)} has no installer of miniforge: {asked} was asked for. The"
                " installers that are here stay as they are; check MINIFORGE_URL"
                if asked
                else "miniforge: SUBDIRS and INSTALLER_INCLUDE leave no platform to ask for. The"
                " installers that are here stay as they are; name one, such as linux-64"
            )
        return Found(collect(rows), 0, now)


def _documents(base: str) -> tuple[str, str]:
    """The listings that a folder may have, best first."""
    return f"{base}/{FILES_JSON}", f"{base}/"


def _first(bases: Sequence[str], look: Callable[[str], Found]) -> Found:
    """What the first address says that says anything.

    Raises:
        UpstreamError: none does; this is the first one's.
    """
    problem: UpstreamError | None = None
    for base in bases:
        try:
            return look(base)
        except UpstreamError as error:
            if problem is None:
                problem = error
            elif base != bases[-1]:
                _LOG.warning("%s", error)
    raise problem or ListingRejectedError("no address of installers is set")


def _are_unchanged(
    fetch: Fetch, urls: Sequence[str], seen: dict[str, Seen], addresses: int
) -> bool:
    try:
        return all(_is_unchanged(fetch, url, seen[url]) for url in urls)
    except HttpStatusError as error:
        if error.status in _GONE or addresses > 1:
            return False  # perhaps another listing is there now, or at the next address
        raise
    except UpstreamError:
        if addresses > 1:
            return False
        raise


def _is_unchanged(fetch: Fetch, url: str, seen: Seen) -> bool:
    document = fetch.document(url, seen.validators, limit=_LARGEST_PAGE)
    return document is None or _seen(document).digest == seen.digest


def _whole(fetch: Fetch, url: str, limit: int) -> Document | None:
    """A whole document, or None if there is none."""
    try:
        document = fetch.document(url, Validators(), limit=limit)
    except HttpStatusError as error:
        if error.status in _GONE:
            return None
        raise
    if document is None:
        raise ListingRejectedError(
            f"{redact(url)} answered 304 to a request without conditions; the installers that are"
            " here stay as they are"
        )
    return document


def _seen(document: Document) -> Seen:
    digest = hashlib.blake2b(document.body, digest_size=16).hexdigest()
    return Seen(document.validators.etag, document.validators.last_modified, digest)


def _refuse_older(document: Document, seen: Sequence[Seen]) -> None:
    if _seen(document).digest in {one.digest for one in seen}:
        return  # the same content, whatever the server says of its age
    theirs = _moment(document.validators.last_modified)
    ours = max((_moment(one.last_modified) for one in seen), default=0.0)
    if 0 < theirs < ours:
        raise ListingRejectedError(
            f"{redact(document.url)} is of {document.validators.last_modified}, older than the one"
            " that we know: a stale proxy or mirror. The installers that are here stay as they are"
        )


def _moment(last_modified: str | None) -> float:
    """Seconds since the epoch, 0 if it does not say."""
    try:
        return parsedate_to_datetime(last_modified or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
