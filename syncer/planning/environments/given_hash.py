"""A hash that stands in a file of somebody else's. Pure."""

from __future__ import annotations

import re

_HASHES = {"md5": re.compile(r"[0-9a-f]{32}"), "sha256": re.compile(r"[0-9a-f]{64}")}


def check_hash(kind: str, value: str) -> str:
    """Return a hash in lower case.

    Raises:
        ValueError: it is none.
    """
    found = value.strip().lower()
    if not _HASHES[kind].fullmatch(found):
        digits = 32 if kind == "md5" else 64
        raise ValueError(f"{value.strip()[:80]!r} is not a {kind}: that has {digits} hex digits")
    return found
