"""A document of an upstream, and on which conditions it is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from syncer.errors import TransferError


@dataclass(frozen=True, slots=True)
class Conditions:
    """On which conditions a body is asked for.

    ``headers`` are the lines of a conditional request (RFC 9110 section 13.1);
    ``may_be_unchanged`` says that 304 is an answer, ``takes_pages`` that a web page is one;
    ``is_head`` asks for the headers alone.
    """

    headers: tuple[str, ...] = ()
    may_be_unchanged: bool = False
    takes_pages: bool = False
    is_head: bool = False


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Those of an answer, by headers in lower case; what can't be sent back is none."""
        given = (headers.get("etag"), headers.get("last-modified"))
        return cls(*(one if one and _can_be_sent(one) else None for one in given))

    def conditions(self, *, takes_pages: bool) -> Conditions:
        """To be sent a document only if it is another one now."""
        pairs = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        headers = tuple(f"{name}: {value}" for name, value in pairs if value)
        return Conditions(headers, may_be_unchanged=True, takes_pages=takes_pages)


_LONGEST_VALIDATOR = 1_000  # characters; servers take a few thousand in a request


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR


UNKNOWN = Validators()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole body and its validators; ``url`` is where it came from, without secrets."""

    url: str
    body: bytes
    validators: Validators


UNCONDITIONAL = Conditions()
OPTIONAL = Conditions(takes_pages=True)
HEAD = Conditions(takes_pages=True, is_head=True)


class Arriving:
    """A document's body while it comes, in memory and of one try; ``limit`` is in bytes."""

    is_large = True  # so that its headers are listened to

    def __init__(self, url: str, limit: int) -> None:
        self._url = url
        self._limit = limit
        self._pieces: list[bytes] = []
        self.position = 0

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def write(self, chunk: bytes) -> None:
        self._pieces.append(chunk)
        self.position += len(chunk)
        if self.position > self._limit:
            raise TransferError(f"{self._url} sends more than {self._limit:,} bytes; refused")

    def restart(self) -> None:
        self._pieces.clear()
        self.position = 0
