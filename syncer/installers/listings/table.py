"""The HTML page of a folder of installers: one table, a row for each file. Pure, by pyquery.

Anaconda's pages of all years have the columns Filename, Size, Last Modified and MD5 or (later)
SHA256. Columns are found by the words of the header row where there is one, else by what is in
them; a folder's row is skipped. Sizes are rounded there ("1.1G"), so they are never compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from lxml.etree import LxmlError
from pyquery import PyQuery

from syncer.errors import ListingRejectedError
from syncer.installers.listings.listed import (
    InstallerListing,
    ListedInstaller,
    RefusedRow,
    collect,
    hash_kind,
    is_installer,
    listed,
)

_WORDS = {
    "name": re.compile(r"\b(?:file ?)?name\b|^file$", re.IGNORECASE),
    "size": re.compile(r"\bsize\b", re.IGNORECASE),
    "time": re.compile(r"modified|\bdate\b", re.IGNORECASE),
    "hash": re.compile(r"sha-?\d+|md5|\bhash\b|checksum", re.IGNORECASE),
}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_STAYS = "the installers that are here stay as they are"


def parse(data: bytes, where: str) -> InstallerListing:
    """Take a page apart.

    Args:
        where: its address, for messages.

    Raises:
        ListingRejectedError: it has no table of installers, is cut, or its hashes are unknown.
    """
    rows = _rows(data, where)
    columns: dict[str, int] = {}
    found: list[ListedInstaller | RefusedRow] = []
    for headings, cells in rows:
        if headings:
            columns = _columns([_text(cell) for cell in headings])
        elif len(cells) > 1 and (row := _row(cells, columns)) is not None:
            found.append(row)
    lowered = data.lower()
    if b"<table" in lowered and b"</table" not in lowered:
        raise ListingRejectedError(
            f"{where} is cut: its table has no end; {_STAYS}, and the next run asks again"
        )
    listing = collect(found)
    if not listing.rows:
        raise ListingRejectedError(
            f"{where} has no table of installers ({len(data):,} bytes of something else, perhaps a"
            f" login page); {_STAYS}. Open the address in a browser, and check CONDA_REPO_URL"
        )
    if not listing.installers:
        first = listing.refused[0]
        raise ListingRejectedError(
            f"{where}: none of its {listing.rows:,} rows has a hash that is known here, which are"
            f" sha256 and md5 (first: {first.filename}: {first.reason}); {_STAYS}. This version"
            " can't mirror this page"
        )
    return listing


def _rows(data: bytes, where: str) -> list[tuple[Sequence[Any], Sequence[Any]]]:
    """Every table row as (th cells, td cells); td are those of the row itself, not nested ones."""
    try:
        page = PyQuery(data, parser="html")
        return [(row.findall("th"), row.findall("td")) for row in page("tr")]
    except (LxmlError, ValueError, RecursionError) as error:
        raise ListingRejectedError(
            f"{where} is not an HTML page ({error}); {_STAYS}, and the next run asks again"
        ) from error


def _columns(headings: Sequence[str]) -> dict[str, int]:
    """Which column is what; nothing if the row does not name the file and its hash."""
    columns: dict[str, int] = {}
    for number, heading in enumerate(headings):
        for word, pattern in _WORDS.items():
            if pattern.search(heading):
                columns.setdefault(word, number)
    return columns if {"name", "hash"} <= columns.keys() else {}


def _row(cells: Sequence[Any], columns: dict[str, int]) -> ListedInstaller | RefusedRow | None:
    """One file, or None for a row that does not speak of an installer."""
    texts = [_text(cell) for cell in cells]
    if columns and max(columns.values()) >= len(texts):
        columns = {}  # a row of another shape: by what is in it
    if not columns:
        columns = _by_content(texts)
    filename = _filename(cells[columns["name"]], texts[columns["name"]])
    if not is_installer(filename):
        return None  # a folder, or a document
    if columns["hash"] >= len(texts):
        return RefusedRow(filename, "its row has no hash")
    return listed(
        filename,
        [texts[columns["hash"]]],
        about=_size(texts[columns["size"]]) if "size" in columns else 0,
        mtime=_time(texts[columns["time"]]) if "time" in columns else None,
    )


def _by_content(texts: Sequence[str]) -> dict[str, int]:
    """The pages' own order, but the hash where one is."""
    hashes = [number for number, text in enumerate(texts) if hash_kind(text)]
    columns = {"name": 0, "hash": hashes[-1] if hashes else max(3, len(texts) - 1)}
    if len(texts) == 4 and columns["hash"] == 3:
        columns |= {"size": 1, "time": 2}
    return columns


def _text(cell: Any) -> str:
    return "".join(cell.itertext()).strip()


def _filename(cell: Any, text: str) -> str:
    """The link's target, as the text may be shortened; or the text where there is no link."""
    for link in cell.iter("a"):
        target = link.get("href")
        if target:
            return unquote(target).removeprefix("./")
    return text


def _size(text: str) -> int:
    """``36.9M`` -> bytes, upwards; 0 if it says nothing."""
    match = _SIZE.fullmatch(text)
    if not match:
        return 0
    return int((float(match[1]) + 0.1) * 1024 ** " KMGT".index(match[2].upper() or " "))


def _time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
