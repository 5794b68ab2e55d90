"""``<file>.sha256``, which miniforge has beside each installer: ``<hex>  ./<name>``. Pure."""

from __future__ import annotations

import re

from syncer.errors import ListingRejectedError
from syncer.installers.listings.listed import ListedInstaller, listed
from syncer.installers.product import parse as parse_product

_LINE = re.compile(r"([0-9a-fA-F]{64})(?:\s+\*?(\S+))?")
# Such a file does not say how large its installer is. Only disk space is checked with this.
_ABOUT = 150_000_000


def parse(data: bytes, filename: str, where: str) -> ListedInstaller:
    """Read the hash of ``filename``.

    Args:
        where: the document's address, for messages.

    Raises:
        ListingRejectedError: it is no such document, or speaks of another platform's installer.
    """
    text = data[:1000].decode("ascii", "replace").strip()
    match = _LINE.fullmatch(text)
    if match is None or len(data) > 1000:
        raise ListingRejectedError(
            f"{where} is not a sha256 and a name but {text[:60]!r}; the installers that are here"
            " stay as they are. Check MINIFORGE_URL"
        )
    # It may name the release's versioned copy, which has the same bytes; never another platform's.
    named = (match[2] or filename).rpartition("/")[2]
    ours, theirs = parse_product(filename), parse_product(named)
    if named != filename and (ours is None or theirs is None or ours.line != theirs.line):
        raise ListingRejectedError(
            f"{where} speaks of {named[:100]!r}, which is another file; the installers that are"
            " here stay as they are"
        )
    row = listed(filename, [match[1]], about=_ABOUT)
    if not isinstance(row, ListedInstaller):
        raise ListingRejectedError(f"{where}: {row.reason}")
    return row
