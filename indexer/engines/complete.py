"""Completion: what a draft needs beside the records, whoever wrote them.

Upstream's documents and its channeldata, compressed variants. What equals the published file
becomes a link to it, and only what differs is compressed: conda-index would recompress at level 16
on every run, which is four fifths of its cost.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zstandard

from indexer.base import bzip2
from indexer.base.addresses import followed_entry
from indexer.base.repodata import (
    CHANNELDATA,
    CURRENT,
    DOCUMENTS,
    NOTICES,
    PATCHES,
    REPODATA,
    RUN_EXPORTS,
    VARIANTS,
    decode,
)
from indexer.engines import envelope
from indexer.engines.revisions import Tally
from indexer.engines.sections import Sections, compacted
from indexer.generations import generation, shards
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from indexer.records.rows import Rows
from volume.disk.files import volume_error
from volume.ledger.schema import DOCUMENT, ROOT
from volume.program.stop import Stop

log = logging.getLogger("indexer.engines.complete")

# Level 12 and up cost several times as much for a few per cent (docs/performance.md).
_ZSTD_LEVEL = 10
_MOST_THREADS = 8


def complete(draft: Draft, listing: Listing, stop: Stop) -> None:
    """Add to a draft whose records are written what makes it whole.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    for subdir in listing.subdirs:
        _write_documents(draft.folder / subdir, listing.other_keys(subdir))
    _write_documents(draft.folder, listing.other_keys(ROOT))
    _merge_channeldata(draft.folder / CHANNELDATA, listing)
    _settle(draft, listing)
    _compress(draft, listing, stop)


def envelope_of(listing: Listing, rows: Rows, subdir: str) -> dict[str, Any]:
    """What a subdir's repodata holds beside the records; see ``envelope``."""
    other_keys = listing.other_keys(subdir)
    sections = {key: other_keys[key] for key in other_keys if not key.startswith(DOCUMENT)}
    listed = rows.filenames(subdir) if sections else set()
    return envelope.envelope(sections, listing.channel, subdir, listed)


def write_current(
    folder: Path,
    rows: Rows,
    subdir: str,
    around: dict[str, Any],
    chosen: Mapping[bool, set[str]],
) -> None:
    """Write ``current_repodata.json``.

    Args:
        around: the envelope of the subdir's repodata.
        chosen: the filenames that are listed, of records of the old sections (False) and of
            revision 3 (True).

    Raises:
        ValueError: no index can hold a record.
        VolumeError: the mirror volume refuses.
    """
    filenames = chosen[False] | chosen[True]
    part = envelope.cut(around, filenames)
    document, tally = Sections(folder / CURRENT), Tally()
    with document.opened(lambda: envelope.frame(part, tally)):
        for row in rows.get(subdir, sorted(filenames)):
            if row.filename in chosen[row.is_v3]:
                document.add(row.section, row.key, compacted(row.record))
                if row.is_v3:
                    tally.add(row.indexed)


def _write_documents(folder: Path, other_keys: dict[str, str]) -> set[str]:
    """Write upstream's documents as they are; return their keys in the ledger."""
    known = {DOCUMENT + filename for filename in DOCUMENTS}
    found = known & other_keys.keys()
    for key in found:
        write(folder / key.removeprefix(DOCUMENT), other_keys[key].encode())
    return found


def write(path: Path, data: bytes) -> None:
    """Write a file of a draft, anew: the one of that name may be a link to what is published.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise volume_error(error, "write", path) from error


def _merge_channeldata(path: Path, listing: Listing) -> None:
    """Take upstream's word for what it knows; what is here decides version and subdirs."""
    document = json.loads(path.read_bytes())
    packages = document["packages"]
    for name, text in listing.channeldata().items():
        if name not in packages:
            continue
        with contextlib.suppress(ValueError):  # it says nothing that could be repeated
            theirs = decode(text)
            if isinstance(theirs, dict):
                ours = packages[name]
                here = {
                    key: ours[key] for key in ("subdirs", "version", "timestamp") if key in ours
                }
                for key in followed_entry(theirs):
                    log.warning(
                        "%s: %s of %s is left out: it would lead clients off this mirror",
                        CHANNELDATA, key, name,
                    )  # fmt: skip
                    del theirs[key]
                packages[name] = {**ours, **theirs, **here}
    write(path, (envelope.compact(document) + "\n").encode())


def _settle(draft: Draft, listing: Listing) -> None:
    """Link to the published file whatever is equal to it, dates of writing aside."""
    for subdir in listing.subdirs:
        for name in (REPODATA, CURRENT, RUN_EXPORTS, PATCHES):
            generation.link_if_equal(draft, f"{subdir}/{name}")
        if draft.base is not None and _is_same_shard_index(draft, draft.base, subdir):
            generation.link_published(draft, f"{subdir}/{shards.INDEX}")
    generation.link_if_equal(draft, NOTICES)
    generation.link_if_equal(draft, CHANNELDATA)


def _is_same_shard_index(draft: Draft, base: Path, subdir: str) -> bool:
    try:
        old = shards.read_index(base / subdir)
        return old.undated == shards.read_index(draft.folder / subdir).undated
    except shards.MalformedShardError:
        return False  # verification says what is wrong with the new one


def _compress(draft: Draft, listing: Listing, stop: Stop) -> None:
    """Make the compressed variants of what differs from what is published."""
    threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    for subdir in listing.subdirs:
        for name, endings in VARIANTS.items():
            relative = f"{subdir}/{name}"
            is_published = generation.is_published(draft, relative)
            for ending in endings:
                if not (is_published and generation.link_published(draft, relative + ending)):
                    stop.check()
                    _compress_one(draft.folder / relative, ending, threads)


def _compress_one(path: Path, ending: str, threads: int) -> None:
    packed = path.with_name(path.name + ending)
    temporary = path.with_name(f".{packed.name}.tmp")
    try:
        with path.open("rb") as source, temporary.open("wb") as target:
            if ending == ".zst":
                # One frame, with its size: some readers want both.
                compressor = zstandard.ZstdCompressor(
                    level=_ZSTD_LEVEL, write_checksum=True, threads=threads
                )
                compressor.copy_stream(source, target, size=path.stat().st_size)
            else:
                bzip2.compress(source, target, threads=threads)
        temporary.replace(packed)
    except OSError as error:
        raise volume_error(error, "write", packed) from error
