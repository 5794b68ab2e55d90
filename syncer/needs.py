"""What an environment needs of its channels: a closure, one solution, or exactly what is locked.

Pure but for the solver. Each file, and the environment's own specs, stands for itself: what one
client installs together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncer.errors import NoSolutionError
from syncer.policy import Environment
from syncer.selection.catalog import Catalog, Key, key
from syncer.selection.closure import close
from syncer.selection.record import Candidate
from syncer.selection.request import Request
from syncer.selection.solve import NoSolution, solve, virtual_packages


@dataclass(frozen=True, slots=True)
class Needs:
    """Artifacts by (channel, subdir, filename), each with why; and what is to be had nowhere."""

    wanted: Mapping[Key, str]
    missing: tuple[str, ...] = ()


def needs_of(
    environment: Environment,
    requests: Sequence[Request],
    permitted: Iterable[Candidate],
    lockable: Iterable[Candidate],
) -> Needs:
    """Work out what an environment needs of what its channels' policies permit.

    Args:
        lockable: what lock files may name of it, if that is more.

    Raises:
        NoSolutionError: it is to be solved and has no solution.
    """
    records = list(permitted)
    wanted: dict[Key, str] = {}
    missing: list[str] = []
    for subdir in platforms(environment.subdirs):
        catalog = Catalog(one for one in records if one.subdir in {subdir, "noarch"})
        for name, specs in _asked(environment, requests, subdir):
            found = (_solved if environment.solve else _closed)(
                environment, name, subdir, catalog, specs
            )
            for place, why in found.wanted.items():
                wanted.setdefault(place, why)
            missing += found.missing
    locked = {(one.channel, one.subdir, one.filename): one for r in requests for one in r.locked}
    for record in lockable if locked else ():
        lock = locked.get(key(record))
        if lock is not None and not _has_other_bytes(lock.sha256, record.facts.sha256):
            wanted.setdefault(key(record), f"locked by {environment.name}")
    return Needs(wanted, tuple(dict.fromkeys(missing)))


def platforms(subdirs: Sequence[str]) -> list[str]:
    """The platforms that clients have: noarch alone is one only if there is no other."""
    return [subdir for subdir in subdirs if subdir != "noarch"] or ["noarch"]


def _asked(
    environment: Environment, requests: Sequence[Request], subdir: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if environment.specs:
        yield environment.name, environment.specs
    for request in requests:
        if request.specs.get(subdir):
            yield f"{environment.name} ({request.file})", request.specs[subdir]


def _closed(
    environment: Environment, name: str, subdir: str, catalog: Catalog, specs: Sequence[str]
) -> Needs:
    closure = close(catalog, specs)
    return Needs(
        {place: f"{name}: {why}" for place, why in closure.selected.items()},
        tuple(f"{name} on {subdir}: {line}" for line in closure.unavailable),
    )


def _solved(
    environment: Environment, name: str, subdir: str, catalog: Catalog, specs: Sequence[str]
) -> Needs:
    found = solve(catalog, specs, channels=environment.channels, virtual=virtual_packages(subdir))
    if isinstance(found, NoSolution):
        raise NoSolutionError(
            f"{name} has no solution on {subdir}, so solve = true can't choose one; nothing was"
            f" changed. The solver says:\n{found.why}"
        )
    return Needs({place: f"{name}: in its solution" for place in found.records})


def _has_other_bytes(locked: str | None, listed: str | None) -> bool:
    return locked is not None and listed is not None and locked != listed.lower()
