"""A document of an upstream: its body, and what makes the next request for it conditional. Pure."""

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
