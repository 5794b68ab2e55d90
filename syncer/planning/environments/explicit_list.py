"""@EXPLICIT lists: one artifact's URL a line, as ``conda list --explicit`` writes them. Pure.

A URL may end with its hash: ``#<md5>``, ``#sha256:<sha256>`` or ``#<sha256>``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from syncer.planning.environments.environment_file import other_platforms
from syncer.planning.environments.given_hash import check_hash
from syncer.planning.environments.request import (
    MOST_PROBLEMS,
    Channels,
    Locked,
    Request,
    locate,
)
from volume.program.log import redact

_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
_SHA256_DIGITS = 64


def is_explicit(text: str) -> bool:
    """Whether a file is such a list: ``@EXPLICIT`` is a line of it."""
    return any(line.strip() == "@EXPLICIT" for line in text.splitlines())


def parse(name: str, text: str, subdirs: Sequence[str], channels: Channels) -> Request:
    """Understand an @EXPLICIT list.

    Args:
        name: the file's name, for messages.
        subdirs: the mirrored ones, without noarch.

    Raises:
        ValueError: with one problem in each of its arguments.
    """
    problems: list[str] = []
    locked: dict[str, Locked] = {}
    platforms: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if found := _PLATFORM.match(entry):
            platforms.add(found[1])
        if not entry or entry.startswith("#") or entry == "@EXPLICIT":
            continue
        try:
            one = _locked(entry, channels)
        except ValueError as error:
            problems.append(f"{name}:{number}: {error}")
            if len(problems) >= MOST_PROBLEMS:
                break
        else:
            locked[one.url] = one
    platforms.update(one.subdir for one in locked.values() if one.subdir != "noarch")
    if platforms and not platforms.intersection(subdirs):
        problems.append(other_platforms(name, sorted(platforms), subdirs))
    if problems:
        raise ValueError(*problems)
    if not locked:
        raise ValueError(f"{name} lists no artifact below @EXPLICIT")
    return Request(name, locked=tuple(locked[url] for url in sorted(locked)))


def _locked(entry: str, channels: Channels) -> Locked:
    url, _, given = entry.partition("#")
    channel, subdir, filename = locate(url, channels, is_hashed=bool(given))
    kind, colon, value = given.rpartition(":")
    if not colon:
        kind = "sha256" if len(value) == _SHA256_DIGITS else "md5"
    if kind not in {"md5", "sha256"}:
        raise ValueError(f"{filename}: {kind!r} is not a kind of hash: write sha256: or md5:")
    try:
        digest = check_hash(kind, value) if given else None
    except ValueError as error:
        raise ValueError(f"{filename}: {error}") from error
    return Locked(
        url=redact(url),
        channel=channel,
        subdir=subdir,
        filename=filename,
        sha256=digest if kind == "sha256" else None,
        md5=digest if kind == "md5" else None,
    )
