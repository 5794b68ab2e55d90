"""What an environment needs of its channels: a closure, one solution, or exactly what is locked.

Pure but for the solver. Each file, and the environment's own specs, stands for itself: what one
client installs together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncer.conda.record import Candidate
from syncer.errors import NoSolutionError
from syncer.planning.environments.request import Request
from syncer.planning.selection.catalog import Catalog, Key, key
from syncer.planning.selection.closure import NOTHING, Unavailable, close
from syncer.planning.selection.outcome import LeftOut
from syncer.planning.selection.platform import virtual_packages
from syncer.planning.selection.solve import NoSolution, solve
from syncer.settings.policy import Environment, platforms


@dataclass(frozen=True, slots=True)
class Needs:
    """Artifacts by (channel, subdir, filename), each with why; and what is to be had nowhere.

    ``idle`` would be needed under conditions that can't hold.
    """

    wanted: Mapping[Key, str]
    missing: tuple[str, ...] = ()
    idle: Mapping[Key, str] = field(default_factory=dict)


Refused = Callable[[Collection[str], Collection[str]], Mapping[str, Sequence[LeftOut]]]
"""What policies have against what specs match in subdirs: ``selection.refusal``."""

_MOST_REASONS = 3


def needs_of(
    environment: Environment,
    requests: Sequence[Request],
    permitted: Iterable[Candidate],
    lockable: Iterable[tuple[Candidate, LeftOut | None]] = (),
    refused: Refused = lambda specs, subdirs: {},
) -> Needs:
    """Work out what an environment needs of what its channels' policies permit.

    Args:
        lockable: what is listed of what lock files name, and what the policies have against it.
        refused: asked about specs that nothing permitted matches.

    Raises:
        NoSolutionError: it is to be solved and has no solution.
    """
    records = list(permitted)
    wanted: dict[Key, str] = {}
    missing: list[str] = []
    idle: dict[Key, str] = {}
    for subdir in platforms(environment.subdirs):
        catalog = Catalog((one for one in records if one.subdir in {subdir, "noarch"}), subdir)
        for name, specs in _asked(environment, requests, subdir):
            if environment.solve:
                found = _solved(environment, name, subdir, catalog, specs, refused)
            else:
                found = _closed(name, subdir, catalog, specs, refused)
            for place, why in found.wanted.items():
                wanted.setdefault(place, why)
            missing += found.missing
            idle |= found.idle
    locked = {(one.channel, one.subdir, one.filename): one for r in requests for one in r.locked}
    for record, out in lockable if locked else ():
        lock = locked.get(key(record))
        if lock is None or lock.difference(record.facts.sha256, record.facts.md5):
            continue
        if out is None:
            wanted.setdefault(key(record), f"locked by {environment.name}")
        else:
            missing.append(
                f"{record.subdir}/{record.filename} of {record.channel} is locked by"
                f" {environment.name}, and the policy leaves it out: {out.detail}"
            )
    return Needs(wanted, tuple(dict.fromkeys(missing)), idle)


def _asked(
    environment: Environment, requests: Sequence[Request], subdir: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if environment.specs:
        yield environment.name, environment.specs
    for request in requests:
        if request.specs.get(subdir):
            yield f"{environment.name} ({request.file})", request.specs[subdir]


def _closed(
    name: str, subdir: str, catalog: Catalog, specs: Sequence[str], refused: Refused
) -> Needs:
    closure = close(catalog, specs)
    unavailable = _explained(closure.unavailable, subdir, refused)
    return Needs(
        {place: f"{name}: {why}" for place, why in closure.selected.items()},
        tuple(f"{name} on {subdir}: {one}" for one in unavailable),
        {place: f"{name}: {why}" for place, why in closure.idle.items()},
    )


def _explained(
    unavailable: Sequence[Unavailable], subdir: str, refused: Refused
) -> Iterator[Unavailable]:
    """Where nothing matches because the policy left out what does, that is why."""
    outs = refused([one.spec for one in unavailable if one.why == NOTHING], {subdir, "noarch"})
    for one in unavailable:
        reasons = list(dict.fromkeys(out.detail for out in outs.get(one.spec, ())))
        if one.why == NOTHING and reasons:
            more = f" and {len(reasons) - _MOST_REASONS:,} more" * (len(reasons) > _MOST_REASONS)
            shown = "; ".join(reasons[:_MOST_REASONS]) + more
            yield replace(one, why=f"the policy leaves out what matches: {shown}")
        else:
            yield one


def _solved(
    environment: Environment,
    name: str,
    subdir: str,
    catalog: Catalog,
    specs: Sequence[str],
    refused: Refused,
) -> Needs:
    found = solve(catalog, specs, channels=environment.channels, virtual=virtual_packages(subdir))
    if isinstance(found, NoSolution):
        gone = close(catalog, specs).unavailable
        hints = [one for one in _explained(gone, subdir, refused) if one not in gone]
        raise NoSolutionError(
            f"{name} has no solution on {subdir}, so solve = true can't choose one; nothing was"
            f" changed. The solver says:\n{found.why}" + "".join(f"\n{one}" for one in hints)
        )
    return Needs({place: f"{name}: in its solution" for place in found.records})
