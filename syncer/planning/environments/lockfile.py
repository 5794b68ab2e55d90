"""Lock files: pixi.lock (version 4 to 7) and conda-lock.yml (version 1), read by rattler.

Guaranteed: the conda artifacts of all environments and categories for the mirrored platforms, or
every problem found. What is not from a conda channel (PyPI packages, sources) is noted and left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncer.planning.environments.environment_file import other_platforms
from syncer.planning.environments.request import Channels, Locked, Request, check_hash, locate
from volume.program.log import redact

if TYPE_CHECKING:
    from rattler import LockFile

_HASH_LINE = re.compile(r"\s*(?:-\s+)?(?P<kind>sha256|md5):\s*['\"]?(?P<value>[^'\"#]*)")


def read(name: str, path: Path, subdirs: Sequence[str], channels: Channels) -> Request:
    """Read a pixi.lock or conda-lock.yml.

    Args:
        name: the file's name, for messages.
        subdirs: the mirrored ones, without noarch.

    Raises:
        ValueError: with one problem in each of its arguments.
        OSError: it can't be read.
    """
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    try:
        lock = LockFile.from_path(path)
    except ParseCondaLockError as error:
        problems = _malformed_hashes(name, path.read_text(encoding="utf-8"))
        unreadable = f"{name} can't be read as a lock file: {error}"
        raise ValueError(*problems or [unreadable]) from error
    platforms = {subdir for subdir, _ in _packages(lock)}
    problems = []
    notes = []
    if not platforms.intersection(subdirs):
        problems.append(other_platforms(name, sorted(platforms), subdirs))
    elif left_out := sorted(platforms.difference(subdirs)):
        notes.append(f"{name}: not mirrored, so left out: {', '.join(left_out)}")
    locked: dict[str, Locked] = {}
    others = set()
    for subdir, package in _packages(lock):
        if subdir not in subdirs:
            continue
        record = getattr(package, "package_record", None)
        if record is None or "://" not in package.location:
            others.add(package.location)
            continue
        try:
            locked.setdefault(package.location, _locked(package.location, record, channels))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if others:
        notes.append(f"{name}: {len(others)} packages are from no conda channel and left out")
    if problems:
        raise ValueError(*dict.fromkeys(problems))
    return Request(name, locked=tuple(locked[url] for url in sorted(locked)), notes=tuple(notes))


def _packages(lock: LockFile) -> Iterator[tuple[str, Any]]:
    """Every package of every environment, with the subdir that it is locked for."""
    for _, environment in sorted(lock.environments(), key=lambda found: found[0]):
        for platform in environment.platforms():
            for package in environment.packages(platform) or ():
                yield str(platform.subdir), package


def _locked(url: str, record: Any, channels: Channels) -> Locked:
    channel, subdir, filename = locate(url, channels)
    return Locked(
        url=redact(url),
        channel=channel,
        subdir=subdir,
        filename=filename,
        sha256=record.sha256.hex() if record.sha256 else None,
        md5=record.md5.hex() if record.md5 else None,
        size=record.size,
    )


def _malformed_hashes(name: str, text: str) -> list[str]:
    """Where the hashes are that rattler only says of that it can't parse them."""
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        if (found := _HASH_LINE.match(line)) is not None:
            value = found["value"].strip()
            try:
                if value not in {"", "null", "~"}:
                    check_hash(found["kind"], value)
            except ValueError as error:
                problems.append(f"{name}:{number}: {error}")
    return problems
