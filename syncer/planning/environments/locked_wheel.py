"""What lock files name of a Python package index: a wheel, or an sdist, with its address. Pure.

Guaranteed: a wheel's filename is one plain path segment, its address is a web server's, and its
sha256 is given. What else stands there is named, with the reason; it is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from syncer.planning.environments.given_hash import check_hash
from syncer.planning.environments.yaml_document import shown
from volume.errors import NameRefusedError
from volume.limits import WHEEL_SIZE, WHEEL_URL
from volume.names import check_wheel_name
from volume.program.log import redact

_DIRECT = "direct+"  # how pixi.lock marks an address that a manifest gives, and no index
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]+(?:\+[A-Za-z0-9.-]+)?):")  # C: is a drive
_VERSION_CONTROL = re.compile(r"(?:git|hg|svn|bzr)(?:\+.*)?")
_FRAGMENT = re.compile(r"(?:.*&)?sha256=([0-9a-fA-F]{64})(?:&.*)?")


@dataclass(frozen=True, slots=True)
class LockedWheel:
    """A wheel or sdist that a lock file names exactly.

    ``url`` may hold credentials, so it is not for people; ``size`` is in bytes, None is not given;
    ``requires_python`` is as the lock has it, empty if it says nothing.
    """

    filename: str
    sha256: str
    url: str = field(repr=False)
    size: int | None = None
    requires_python: str = ""


@dataclass(frozen=True, slots=True)
class NoWheel:
    """What a lock file names of Python packages and can't be mirrored, and why.

    ``is_refused`` says that it should have been a wheel's address: a folder beside the lock, or a
    repository, is nobody's fault.
    """

    name: str
    why: str
    is_refused: bool


def understand(name: object, url: str, said: Mapping[str, Any]) -> LockedWheel | NoWheel:
    """One entry of a lock file, taken apart.

    Args:
        name: what the entry calls it, for people.
        said: the entry's other values; its hashes are the values of ``sha256`` and ``md5``.
    """
    url = url.removeprefix(_DIRECT)
    called = redact(shown(name) if isinstance(name, str) and name else shown(url))
    scheme = found[1].lower() if (found := _SCHEME.match(url)) else ""
    if _VERSION_CONTROL.fullmatch(scheme):
        return NoWheel(called, "it comes from version control", is_refused=False)
    if not scheme or scheme == "file":
        return NoWheel(called, "it is a folder or file beside the lock file", is_refused=False)
    try:
        return _wheel(url, scheme, said)
    except (ValueError, NameRefusedError) as error:
        return NoWheel(called, str(error), is_refused=True)


def _wheel(url: str, scheme: str, said: Mapping[str, Any]) -> LockedWheel:
    if len(url) > WHEEL_URL:
        raise ValueError(f"its address has {len(url):,} characters, and {WHEEL_URL:,} are the most")
    if scheme not in {"http", "https"}:
        raise ValueError(f"{redact(url)} is not asked for: only http and https are")
    parts = _split(url)
    filename = check_wheel_name(unquote(parts.path.rpartition("/")[2]))
    given = _text(said.get("sha256"))
    if not given and (found := _FRAGMENT.fullmatch(parts.fragment)):
        given = found[1]
    if not given:
        raise ValueError(f"the lock file gives no sha256 for {filename}")
    size = _text(said.get("size"))
    return LockedWheel(
        filename=filename,
        sha256=check_hash("sha256", given),
        url=parts._replace(fragment="").geturl(),
        size=int(size) if size.isascii() and size.isdigit() and 0 < len(size) < 19
        and int(size) <= WHEEL_SIZE else None,
        requires_python=_text(said.get("requires_python")),
    )  # fmt: skip


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port  # reading them checks them
    except ValueError as error:
        raise ValueError(f"{redact(url)} is not a URL: {error}") from error
    return parts


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
