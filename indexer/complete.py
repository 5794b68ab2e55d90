"""Completion: what the engine leaves out of a generation, or puts in that we don't serve.

Upstream's envelope, compressed variants, upstream's channeldata; no pre-patch variants, no patch
instructions, no pages too large for a browser. What equals the published file becomes a link to it,
and only what differs is compressed: conda-index would recompress at level 16 on every run, which is
four fifths of its cost.
"""

from __future__ import annotations

import bz2
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import zstandard

from indexer import envelope, generation, shards
from indexer.generation import Draft
from indexer.listing import Listing, Record, section_of
from volume.stop import Stop

# Level 12 and up cost several times as much for a few per cent (docs/performance.md).
_ZSTD_LEVEL = 10
_BZ2_LEVEL = 9
_LARGEST_PAGE = 5_000_000

REPODATA = "repodata.json"
CURRENT = "current_repodata.json"
RUN_EXPORTS = "run_exports.json"
CHANNELDATA = "channeldata.json"
# By which variants clients ask: rattler and mamba .zst, old conda .bz2.
VARIANTS = {REPODATA: (".zst", ".bz2"), CURRENT: (".zst", ".bz2"), RUN_EXPORTS: (".zst",)}

_UNWANTED = re.compile(
    r"repodata_from_packages\.json.*|repodata_shards_from_packages\..*|patch_instructions\.json"
    r"|.*\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


def complete(draft: Draft, listing: Listing, stop: Stop) -> None:
    """Turn the engine's output into what is served.

    Raises:
        EngineError: the engine's output is not as expected.
    """
    for subdir in listing.subdirs:
        stop.check()
        folder = draft.folder / subdir
        _remove_unwanted(folder)
        carried = listing.ledger.carried(subdir) if listing.ledger is not None else {}
        listed = {filename for filename, _ in listing.records(subdir)} if carried else set()
        around = envelope.envelope(carried, subdir, listed)
        _rewrite(folder / REPODATA, lambda data: envelope.put_around(data, subdir, around))  # noqa: B023
        if (folder / CURRENT).exists():
            _complete_current(folder / CURRENT, listing, subdir, around)
    _merge_channeldata(draft.folder / CHANNELDATA, listing)
    _settle(draft, listing)
    _compress(draft, listing, stop)


def _remove_unwanted(folder: Path) -> None:
    for path in folder.iterdir():
        if _UNWANTED.fullmatch(path.name):
            path.unlink()
    page = folder / "index.html"
    if page.exists() and page.stat().st_size > _LARGEST_PAGE:
        page.unlink()


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    changed = change(data)
    if changed != data:
        _write(path, changed)


def _write(path: Path, data: bytes) -> None:
    # A new file under a new name: the old one may be a link to what is published.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def _complete_current(path: Path, listing: Listing, subdir: str, around: dict[str, Any]) -> None:
    """Keep the engine's choice of artifacts, with the records that repodata.json has.

    The engine adds ``legacy_bz2_md5`` to every record, null where there is no twin.
    """
    chosen = json.loads(path.read_bytes())
    wanted = {
        filename for section in ("packages", "packages.conda") for filename in chosen[section]
    }
    sections: dict[str, dict[str, Record]] = {"packages": {}, "packages.conda": {}}
    for filename, text in listing.records(subdir):
        if filename in wanted:
            sections[section_of(filename)][filename] = json.loads(text)
    document = {key: around[key] for key in ("info", "repodata_version", "removed")}
    if "signatures" in around:
        signatures = around["signatures"]
        document["signatures"] = {key: signatures[key] for key in signatures if key in wanted}
    _write(path, envelope.compact({**document, **sections}).encode())


def _merge_channeldata(path: Path, listing: Listing) -> None:
    """Take upstream's word for what it knows; what is here decides version and subdirs."""
    upstream = listing.ledger.channeldata() if listing.ledger is not None else {}
    if not path.exists():  # the engine stumbled over a record; upstream's word is what we have
        packages = {name: json.loads(text) for name, text in upstream.items()}
        document = {"channeldata_version": 1, "packages": packages, "subdirs": [*listing.subdirs]}
        _write(path, (envelope.compact(document) + "\n").encode())
        return
    document = json.loads(path.read_bytes())
    for name, ours in document["packages"].items():
        if name in upstream:
            theirs = json.loads(upstream[name])
            here = {key: ours[key] for key in ("subdirs", "version", "timestamp") if key in ours}
            document["packages"][name] = {**ours, **theirs, **here}
    _write(path, (envelope.compact(document) + "\n").encode())


def _settle(draft: Draft, listing: Listing) -> None:
    """Link to the published file whatever is equal to it, dates of writing aside."""
    for subdir in listing.subdirs:
        is_equal = generation.link_if_equal(draft, f"{subdir}/{REPODATA}")
        for name in (CURRENT, RUN_EXPORTS):
            generation.link_if_equal(draft, f"{subdir}/{name}")
        if is_equal and (draft.folder / subdir / "index.html").exists():
            generation.link_published(draft, f"{subdir}/index.html")
        if draft.base is not None and _is_same_shard_index(draft, draft.base, subdir):
            generation.link_published(draft, f"{subdir}/{shards.INDEX}")
    if generation.link_if_equal(draft, CHANNELDATA):
        generation.link_published(draft, "index.html")
    page = draft.folder / "index.html"
    if page.exists() and page.stat().st_size > _LARGEST_PAGE:
        page.unlink()


def _is_same_shard_index(draft: Draft, base: Path, subdir: str) -> bool:
    try:
        old = shards.read_index(base / subdir)
        return old.undated == shards.read_index(draft.folder / subdir).undated
    except shards.MalformedShardError:
        return False  # verification says what is wrong with the new one


def _compress(draft: Draft, listing: Listing, stop: Stop) -> None:
    """Make the compressed variants; both compressors let other threads run."""
    work: list[tuple[Path, str]] = []
    for subdir in listing.subdirs:
        for name, endings in VARIANTS.items():
            relative = f"{subdir}/{name}"
            if not (draft.folder / relative).exists():
                continue  # current_repodata.json, where the engine stumbled over a record
            is_published = generation.is_published(draft, relative)
            for ending in endings:
                if not (is_published and generation.link_published(draft, relative + ending)):
                    work.append((draft.folder / relative, ending))
    # The largest first, so that one thread does not end up with it alone.
    work.sort(key=lambda item: (item[1] != ".bz2", -item[0].stat().st_size))

    def compress(item: tuple[Path, str]) -> None:
        if not stop.requested:
            _compress_one(*item)

    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(compress, work):
            stop.check()


def _compress_one(path: Path, ending: str) -> None:
    data = path.read_bytes()
    if ending == ".zst":
        packed = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(data)
    else:
        packed = bz2.compress(data, _BZ2_LEVEL)
    _write(path.with_name(path.name + ending), packed)
