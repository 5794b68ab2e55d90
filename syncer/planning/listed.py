"""What this mirror lists, here or promised, as candidates: read from the ledgers.

Reads only. Of a channel with a million records only those are decoded that names lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from syncer.conda.record import Candidate, Reader, candidate
from syncer.conda.repodata import Entry
from volume.ledger.artifact import Artifact
from volume.ledger.ledger import Ledger

_NAME = re.compile(r"(?:[^\s\[]*::)?([A-Za-z0-9_.-]+)")


class _Dependencies(msgspec.Struct):
    depends: tuple[str, ...] = ()
    extra_depends: dict[str, tuple[str, ...]] = {}


_read = Reader(_Dependencies).read


def candidate_of(channel: str, row: Artifact) -> Candidate:
    """A row as a candidate."""
    twin = None if row.twin is None else msgspec.Raw(row.twin.encode())
    entry = Entry(row.filename, row.section, msgspec.Raw(row.record.encode()), twin)
    return candidate(channel, row.subdir, entry)


def everything(channel: str, ledger: Ledger) -> Iterator[Candidate]:
    """All that a channel lists."""
    for subdir in ledger.subdirs():
        for row in ledger.artifacts(subdir):
            yield candidate_of(channel, row)


def name_in(spec: str) -> str | None:
    """The name that a MatchSpec is of; None for one that may be of many."""
    match = _NAME.match(spec.strip())
    if match is None or (match.end() < len(spec.strip()) and spec.strip()[match.end()] in "*^$"):
        return None
    return match[1].lower()


def reachable(ledgers: Iterable[tuple[str, Ledger]], specs: Iterable[str]) -> list[Candidate]:
    """What the names in specs lead to, by whatever record: at least all that these may need."""
    opened = list(ledgers)
    names = {name_in(spec) for spec in specs}
    if None in names:
        return [one for channel, ledger in opened for one in everything(channel, ledger)]
    found: list[Candidate] = []
    seen: set[str] = set()
    waiting = {name for name in names if name is not None}
    while waiting:
        seen |= waiting
        new = [
            candidate_of(channel, row)
            for channel, ledger in opened
            for name in sorted(waiting)
            for row in ledger.artifacts_of(name)
        ]
        found += new
        # A pattern among dependencies is of nobody: CEP 29 has them name a package.
        waiting = {name for one in new for name in _led_to(one)} - seen
    return found


def _led_to(one: Candidate) -> Iterator[str]:
    for raw in one.entry.records:
        said = _read(raw)
        for spec in (
            *said.depends,
            *(one for group in said.extra_depends.values() for one in group),
        ):
            if (name := name_in(spec)) is not None:
                yield name
