"""Where the artifacts of an index are: beside it, or where its ``base_url`` says (CEP 15). Pure.

Guaranteed: an upstream can send us to http and https addresses only, without credentials; a
channel in a folder leads to that folder only.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, urljoin, urlsplit

from syncer.errors import IndexRejectedError
from syncer.transport.file_url import is_folder
from volume.program.log import redact


def folder_url(base: str, subdir: str, relative: str | None, *, key: str = "base_url") -> str:
    """The URL, with a slash at its end, that filenames of a subdir are relative to.

    Args:
        relative: upstream's own word on it: ``base_url``, ``shards_base_url``.

    Raises:
        IndexRejectedError: it leads where an upstream must not send us.
    """
    beside = f"{base}/{subdir}/"
    if not relative:
        return beside
    problem = _problem(relative)
    if problem is None:
        if is_folder(base) and "://" in relative:
            return beside  # a copied index: its artifacts were copied with it
        found = urljoin(beside, relative.rstrip("/") + "/")
        if _is_allowed(base, found):
            return found
        problem = "it leads out of the folder" if is_folder(base) else "it is not http or https"
    raise IndexRejectedError(
        f"{redact(base)}/{subdir}: its index says {key} {_shown(relative)}, and {problem}. Nobody"
        " is sent there; the published index stays as it is"
    )


def _problem(relative: str) -> str | None:
    # RFC 3986 has no other letters; what libcurl would make of them is not what is read here.
    if not (relative.isascii() and relative.isprintable()) or " " in relative or "\\" in relative:
        return "that is no URL"
    try:
        parts = urlsplit(relative)
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


def _is_allowed(base: str, found: str) -> bool:
    if not is_folder(base):
        return found.startswith(("http://", "https://"))
    return found.startswith(f"{base}/") and ".." not in unquote(found).split("/")


def _shown(value: str) -> str:
    short = redact(value)[:200]
    return repr(short) if short.isprintable() else ascii(short)


def artifact_urls(
    bases: Sequence[str], own: str, subdir: str, filename: str, base_url: str | None
) -> tuple[str, ...]:
    """Every URL of an artifact, best first: what its own index says, then the other upstreams.

    Args:
        own: the base URL that the index came from; ``base_url`` is that index's.

    Raises:
        IndexRejectedError: see ``folder_url``.
    """
    folders = [folder_url(own, subdir, base_url)]
    folders += [folder_url(base, subdir, None) for base in bases if base != own]
    name = quote(filename, safe="!+~*._-")
    return tuple(dict.fromkeys(folder + name for folder in folders))
