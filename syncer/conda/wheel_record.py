"""Records of wheels that a channel lists, under ``v3.whl`` (draft CEP 145). Pure.

Guaranteed: of these only what a lock file names by its sha256 becomes an entry; how many are left
is kept, so that it is said. The address of one is http or https, without credentials, or stays
below the channel.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from syncer.conda.address import address_problem, is_below, shown
from syncer.conda.repodata import Entry, Index, listed, unread
from volume.channel_wheels import filename_in
from volume.sections import WHEELS

_FORMAT = "whl"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wheel is: ``absolute``, or ``relative`` to its index, or beside it, by its name."""

    filename: str
    absolute: str = ""
    relative: str = ""


class _Hash(msgspec.Struct):
    sha256: Any = None


class _Said(msgspec.Struct):
    fn: Any = None
    url: Any = None


_decode_hash = msgspec.json.Decoder(_Hash).decode
_decode_said = msgspec.json.Decoder(_Said).decode
_decode_map = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def with_wheels(index: Index, locked: Collection[str] | None = None) -> Index:
    """An index with the wheels among its entries that are locked.

    Args:
        locked: the sha256 of all that lock files name, in lower case; None is for an index that was
            made of these alone.
    """
    raw = index.formats.get(_FORMAT)
    if raw is None or (locked is not None and not locked):
        return index
    try:
        records = _decode_map(raw)
    except (ValueError, RecursionError):
        others = {key: index.formats[key] for key in index.formats if key != _FORMAT}
        return replace(
            index,
            formats=others,
            unread=index.unread | {WHEELS},
            refused=(*index.refused, unread(WHEELS)),
        )
    chosen = {
        key: record
        for key, record in records.items()
        if locked is None or _sha256(record) in locked
    }
    left = {key: record for key, record in records.items() if key not in chosen}
    refused = list(index.refused)
    entries = [Entry(name, WHEELS, record) for name, record in listed(WHEELS, chosen, refused)]
    return replace(
        index,
        entries=(*index.entries, *entries),
        refused=tuple(refused),
        formats={**index.formats, _FORMAT: msgspec.Raw(msgspec.json.encode(left))},
    )


def _sha256(record: msgspec.Raw) -> str:
    try:
        said = _decode_hash(record).sha256
    except (ValueError, RecursionError):
        return ""
    return said.lower() if isinstance(said, str) else ""


def place(record: bytes | str) -> Place:
    """Where a record (a JSON text) says that its wheel is.

    Raises:
        ValueError, NameRefusedError: nowhere that it may be asked for; or it has no filename.
    """
    said = _decode_said(record)
    filename = filename_in({"fn": said.fn, "url": said.url})
    url = said.url
    if url is None:
        return Place(filename)
    if not isinstance(url, str) or not url:
        raise ValueError("url is no text")
    bare = url.partition("#")[0]  # behind it package indexes say the hash
    problem = address_problem(bare)
    if problem is None:
        if bare.startswith(("http://", "https://")):
            return Place(filename, absolute=bare)
        if is_below(bare) and ":" not in bare:
            return Place(filename, relative=bare)
        problem = "it leads out of the channel"
    raise ValueError(f"url is {shown(url)}, and {problem}")
