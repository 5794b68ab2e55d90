"""A document of an upstream, and on which conditions it is asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


UNKNOWN = Validators()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole body and its validators; ``url`` is where it came from, without secrets."""

    url: str
    body: bytes
    validators: Validators


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


UNCONDITIONAL = Conditions()
HEAD = Conditions(takes_pages=True, is_head=True)
