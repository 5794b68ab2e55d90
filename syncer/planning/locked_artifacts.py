"""Artifacts that lock files name, against what upstream lists and what this mirror has of them.

Guaranteed: looking changes nothing; an artifact that upstream no longer lists is asked for only if
its lock file gives a hash to verify it by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from syncer.conda.record import Facts
from syncer.conda.wanted import Wanted
from syncer.planning.environments.request import Locked
from volume.disk.files import hash_file
from volume.layout import Mirror
from volume.ledger.artifact import Retired
from volume.ledger.ledger import Ledger
from volume.sections import old_section_of

REASON = "locked"

Name = tuple[str, str]
"""(subdir, filename)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How locked artifacts stand to upstream's index.

    ``listed`` are wanted like any other; ``unlisted`` are to be downloadable all the same;
    ``problems`` are those that can't be had.
    """

    listed: frozenset[Name]
    unlisted: tuple[Locked, ...]
    problems: tuple[str, ...]


def compare(locked: Iterable[Locked], index: Mapping[Name, Facts]) -> Standing:
    """Compare one channel's locked artifacts with all that upstream lists of it. Pure."""
    listed: set[Name] = set()
    unlisted: dict[Name, Locked] = {}
    problems: list[str] = []
    for one in locked:
        name = (one.subdir, one.filename)
        facts = index.get(name)
        if facts is not None:
            if difference := one.difference(facts.sha256, facts.md5):
                problems.append(f"{_shown(one)} has other bytes upstream than locked: {difference}")
            else:
                listed.add(name)
        elif not (one.sha256 or one.md5):
            problems.append(
                f"{_shown(one)} is not in upstream's index any more and its lock file gives no"
                " hash to verify it by; lock the environment again"
            )
        elif name in unlisted and (
            difference := one.difference(unlisted[name].sha256, unlisted[name].md5)
        ):
            problems.append(f"{_shown(one)} is locked twice, with different hashes: {difference}")
        else:
            unlisted.setdefault(name, one)
    return Standing(frozenset(listed), tuple(unlisted.values()), tuple(dict.fromkeys(problems)))


def _shown(one: Locked) -> str:
    return f"{one.subdir}/{one.filename} of {one.channel}"


def placed(one: Locked, listed: Mapping[Name, Iterable[tuple[str, Facts]]]) -> Locked:
    """An artifact with the channel that lists these bytes, as it was if none does.

    Args:
        listed: by name, channels and what they say of it.
    """
    for channel, facts in listed.get((one.subdir, one.filename), ()):
        known = (one.sha256 and facts.sha256) or (one.md5 and facts.md5)
        if known and not one.difference(facts.sha256, facts.md5):
            return replace(one, channel=channel)
    return one


def stays(locked: Iterable[Locked]) -> Callable[[Retired], bool]:
    """Which retired bytes must not expire, as a lock file names them: for ``Retirement.expire``."""
    named: dict[Name, set[str | None]] = {}
    for one in locked:
        named.setdefault((one.subdir, one.filename), set()).add(one.sha256)

    def is_named(retired: Retired) -> bool:
        hashes = named.get((retired.subdir, retired.filename), set())
        return retired.sha256 in hashes or (None in hashes and retired.reason == REASON)

    return is_named


def missing(
    mirror: Mirror, channel: str, ledger: Ledger | None, unlisted: Iterable[Locked]
) -> tuple[list[Wanted], list[str]]:
    """What is to be downloaded of unlisted artifacts, and why the others can't be placed.

    An artifact that this mirror still has, retired, is not downloaded again.
    """
    wanted: list[Wanted] = []
    problems: list[str] = []
    for one in unlisted:
        rows = ledger.retired(one.subdir, one.filename) if ledger else []
        if any(row.sha256 == one.sha256 for row in rows) or any(
            row.reason == REASON and one.sha256 is None for row in rows
        ):
            continue
        served = mirror.artifacts(channel, one.subdir) / one.filename
        if rows or _has_other_bytes(served, one):
            problems.append(
                f"{_shown(one)} is locked, but this mirror serves other bytes under that name;"
                " it can be had when they have expired"
            )
        else:
            wanted.append(_wanted(one))
    return wanted, problems


def _has_other_bytes(path: Path, one: Locked) -> bool:
    return path.exists() and hash_file(path) != one.sha256


def _wanted(one: Locked) -> Wanted:
    identity = f"{REASON} {one.sha256 or one.md5}"
    return Wanted(
        subdir=one.subdir,
        filename=one.filename,
        section=old_section_of(one.filename),
        size=one.size,
        sha256=one.sha256,
        md5=one.md5,
        digest=hashlib.blake2b(identity.encode(), digest_size=16).digest(),
        record="",
    )
