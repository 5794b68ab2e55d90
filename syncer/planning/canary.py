"""The canary: what must be installable from this mirror alone, solved with what will be published.

Guaranteed: only records are looked at, so it can run before anything is published, and it costs
what its specs can reach, not what the channel holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.planning.environments.request import Locked, Request
from syncer.settings.policy import Environment, Policy, platforms

if TYPE_CHECKING:
    from syncer.conda.record import Candidate
    from syncer.planning.selection.catalog import Catalog, Key


@dataclass(frozen=True, slots=True)
class Canary:
    """Specs that must have a solution together, and artifacts that must be there.

    ``channels`` are in the order of their priority; ``subdir`` stands for itself and noarch.
    ``virtual`` adds to what a client of that subdir is expected to have: ``{"__cuda": "12.4"}``.
    """

    name: str
    channels: tuple[str, ...]
    subdir: str
    specs: tuple[str, ...] = ()
    locked: tuple[Locked, ...] = ()
    virtual: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A canary that can't be installed any more, and why, in the solver's words."""

    name: str
    subdir: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} can't be installed on {self.subdir} from this mirror:\n{self.why}"


def of_policy(channel: str, policy: Policy) -> list[Canary]:
    """A policy's CANARY: each spec for itself, on each subdir."""
    return [
        Canary(spec, (channel,), subdir, (spec,))
        for subdir in platforms(policy.subdirs)
        for spec in policy.canary
    ]


def of_environment(environment: Environment, requests: Iterable[Request]) -> list[Canary]:
    """An environment, on each subdir: its specs together, and each of its files for itself."""
    canaries = []
    for subdir in platforms(environment.subdirs):
        if environment.specs:
            canaries.append(
                Canary(environment.name, environment.channels, subdir, environment.specs)
            )
        canaries += [
            Canary(
                name=f"{environment.name} ({request.file})",
                channels=environment.channels,
                subdir=subdir,
                specs=request.specs.get(subdir, ()),
                locked=tuple(one for one in request.locked if one.subdir in {subdir, "noarch"}),
            )
            for request in requests
        ]
    return canaries


def check(
    canaries: Iterable[Canary],
    candidates: Iterable[Candidate],
    *,
    retired: Mapping[Key, str] | None = None,
) -> list[Failure]:
    """Those canaries that don't sing.

    Args:
        candidates: all records that will be published, of all channels and subdirs.
        retired: sha256 of what is out of the index and still downloadable; enough for an artifact
            that a lock file names by its URL.
    """
    from syncer.planning.selection.catalog import Catalog, key

    records = list(candidates)
    present = {key(record): record.facts.sha256 for record in records} | dict(retired or {})
    catalogs: dict[tuple[tuple[str, ...], str], Catalog] = {}
    failures = []
    for canary in canaries:
        place = (tuple(sorted(canary.channels)), canary.subdir)
        if canary.specs and place not in catalogs:
            catalogs[place] = Catalog(
                record
                for record in records
                if record.channel in canary.channels and record.subdir in {canary.subdir, "noarch"}
            )
        if why := [*_absent(canary, present), *_unsolved(canary, catalogs.get(place))]:
            failures.append(Failure(canary.name, canary.subdir, "\n".join(why)))
    return failures


def _unsolved(canary: Canary, catalog: Catalog | None) -> list[str]:
    if catalog is None or not canary.specs:
        return []
    from syncer.planning.selection.solve import NoSolution, solve, virtual_packages

    virtual = virtual_packages(canary.subdir, **dict(canary.virtual))
    found = solve(catalog, canary.specs, channels=canary.channels, virtual=virtual)
    return [found.why] if isinstance(found, NoSolution) else []


def _absent(canary: Canary, present: Mapping[Key, str | None]) -> list[str]:
    lines = []
    for one in canary.locked:
        if not one.channel:
            continue  # whose it is only upstream's index tells, and that says so
        place = (one.channel, one.subdir, one.filename)
        if place not in present:
            lines.append(f"{one.subdir}/{one.filename} of {one.channel} is not on the mirror")
        elif one.sha256 and present[place] and present[place] != one.sha256:
            lines.append(f"{one.subdir}/{one.filename} of {one.channel} has other bytes now")
    return lines
