"""Anaconda's ``.files.json``: hashes, exact size and time by file name. Pure.

{"Miniconda3-latest-Linux-x86_64.sh": {"md5": ..., "mtime": 1700000000.0, "sha256": ...,
 "size": 123}, "index.json": {...}}
"""

from __future__ import annotations

import msgspec

from syncer.errors import ListingRejectedError
from syncer.installers.listings.listed import (
    InstallerListing,
    ListedInstaller,
    RefusedRow,
    collect,
    is_installer,
    listed,
)


class _ListedFile(msgspec.Struct):
    size: int
    sha256: str | None = None
    md5: str | None = None
    mtime: float | None = None


_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_entry = msgspec.json.Decoder(_ListedFile).decode


def parse(data: bytes, where: str) -> InstallerListing:
    """Take a ``.files.json`` apart.

    Args:
        where: its address, for messages.

    Raises:
        ListingRejectedError: it is no such document, or lists no installer.
    """
    try:
        entries = _decode_names(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ListingRejectedError(
            f"{where} is cut or is not a listing of files ({error}); the installers that are here"
            " stay as they are, and the next run asks again"
        ) from error
    rows = (_row(name, raw) for name, raw in entries.items() if is_installer(name))
    listing = collect(rows)
    if not listing.installers:
        raise ListingRejectedError(
            f"{where} lists {len(entries):,} files and no installer that can be used; the"
            " installers that are here stay as they are. Is the address right?"
        )
    return listing


def _row(filename: str, raw: msgspec.Raw) -> ListedInstaller | RefusedRow:
    try:
        entry = _decode_entry(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return RefusedRow(filename, f"its entry can't be understood ({error})")
    hashes = [text for text in (entry.sha256, entry.md5) if text]
    return listed(filename, hashes, size=entry.size, mtime=entry.mtime)
