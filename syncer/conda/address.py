"""An address that an index says, relative to it or not: whether it is one at all. Pure."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from volume.program.log import redact


def address_problem(said: str) -> str | None:
    """What is wrong with an address, if anything; where it leads is another question."""
    # RFC 3986 has no other letters; what libcurl would make of them is not what is read here.
    if not (said.isascii() and said.isprintable()) or " " in said or "\\" in said:
        return "that is no URL"
    try:
        parts = urlsplit(said)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return "that is no URL"
    if parts.scheme not in {"", "http", "https"}:
        return "it is not http or https"
    if "@" in parts.netloc:
        return "it has credentials in it"
    if parts.query or parts.fragment:
        return "it has '?' or '#' in it"
    return None


def is_below(said: str) -> bool:
    """Whether a relative address stays below what it is relative to."""
    return not said.startswith("/") and ".." not in unquote(said).split("/")


def shown(said: str) -> str:
    """An address for people: quoted, short, without credentials."""
    short = redact(said)[:200]
    return repr(short) if short.isprintable() else ascii(short)
