"""Range requests (RFC 9110 section 14): one range of bytes, or the whole. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to ``stop``, which is not in it; the whole if it is no part."""

    start: int
    stop: int | None
    is_part: bool = False


class UnsatisfiableError(ValueError):
    """The range has none of the bytes that there are."""


def span_of(header: str | None, size: int | None) -> Span:
    """What a Range header asks for; what is no single range of bytes asks for the whole.

    Args:
        size: bytes of the whole; None if nobody knows yet: then all of it is sent.

    Raises:
        UnsatisfiableError: there are no such bytes.
    """
    whole = Span(0, size)
    found = _RANGE.fullmatch(header or "")
    if found is None or size is None or not (found[1] or found[2]):
        return whole
    if not found[1]:
        length = int(found[2])
        if not length or not size:
            raise UnsatisfiableError
        return Span(max(0, size - length), size, is_part=True)
    start = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if last < start and found[2]:
        return whole  # no range at all
    if start >= size:
        raise UnsatisfiableError
    return Span(start, min(last + 1, size), is_part=True)
