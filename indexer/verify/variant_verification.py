"""Verification of the compressed variants: each decodes to the bytes of its plain file.

Those that are the published files themselves, of a plain file that is published, were verified
when they were new.
"""

from __future__ import annotations

import bz2
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import zstandard

from indexer.base.repodata import VARIANTS
from indexer.generations import generation
from indexer.verify.check import Check
from volume.program.stop import Stop

_BLOCK = 1 << 20


def verify_variants(check: Check, stop: Stop) -> None:
    """Decode every variant that is new, on all cores.

    Raises:
        VerificationError: one is wrong.
    """
    todo: list[tuple[str, Path, Path]] = []
    for subdir in check.listing.subdirs:
        for name, endings in VARIANTS.items():
            relative = f"{subdir}/{name}"
            plain = check.draft.folder / relative
            for ending in endings:
                if not all(
                    generation.is_published(check.draft, path)
                    for path in (relative, relative + ending)
                ):
                    todo.append((subdir, plain, plain.with_name(plain.name + ending)))
    # The slowest first, so that one thread does not end up with it alone.
    todo.sort(key=lambda item: (item[2].suffix != ".bz2", -item[1].stat().st_size))

    def one(item: tuple[str, Path, Path]) -> None:
        if not stop.requested:
            _verify_variant(check, *item)

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(one, todo):
            stop.check()


def _verify_variant(check: Check, subdir: str, plain: Path, packed: Path) -> None:
    try:
        with plain.open("rb") as expected, packed.open("rb") as raw:
            reader = (
                zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=False)
                if packed.suffix == ".zst"
                else bz2.BZ2File(raw)
            )
            with reader:
                while block := expected.read(_BLOCK):
                    if _read_fully(reader, len(block)) != block:
                        raise check.fail(subdir, f"{packed.name} differs from {plain.name}")
                if reader.read(1):
                    raise check.fail(subdir, f"{packed.name} is longer than {plain.name}")
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise check.fail(subdir, f"{packed.name} can't be read: {error}") from error


def _read_fully(reader: Any, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := reader.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
