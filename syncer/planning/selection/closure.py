"""Dependency closure: everything that any solution of some specs may need. Pure.

Guaranteed by ``close``: what a solver finds in all candidates it finds in the closure as well. The
closure starts with the records that match a spec and goes on with those that match their
dependencies, until nothing new comes. Virtual packages (``__glibc``) come from the client,
``constrains`` installs nothing. Of an artifact with two records (CEP 48) the dependencies of both
count: old clients and new ones are to find a solution.

A dependency under a condition (CEP 43) is taken in unless the condition can't hold: it asks for a
virtual package of another operating system, or for what no record matches that may be in a
solution. What can't be decided may hold. Extras (CEP 44) are taken in where something asks for
them: a spec, or a dependency that is taken in itself.

What keeps it small is what the specs say themselves. They are to be installed together, so a
record of a name that a spec asks for is in a solution only if it matches every spec of that name;
what depends on another one of that name can't be in a solution either; nor what depends on nothing
but such records. Only that is left out. Specs of one name that no record matches all of (``python
3.11.*`` and ``python 3.12.*``) are alternatives.

A dependency that no candidate matches is reported and does not exclude what needs it.
Not guaranteed: that a solution exists. ``solve`` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, Key, key
from volume.sections import V3_SECTIONS

NOTHING = "nothing matches"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A spec that brings nothing in. ``who`` asks for it; ``why`` that does not help."""

    spec: str
    who: str
    why: str

    def __str__(self) -> str:
        return f"{self.spec}: {self.who}, and {self.why}"


@dataclass(frozen=True, slots=True)
class Closure:
    """Records by (channel, subdir, filename), each with why; and specs that nothing matches.

    ``idle`` is what would be needed under conditions that can't hold, each with whose they are.
    """

    selected: Mapping[Key, str]
    unavailable: tuple[Unavailable, ...]
    idle: Mapping[Key, str] = field(default_factory=dict)


Part = tuple[int, str]
"""A record by its position, and one of its groups of extras; the empty one is the record itself."""


@dataclass(slots=True)
class _Reached:
    """Records by position, each with why; and what of them is taken in."""

    whys: dict[int, str]
    parts: set[Part]


def close(candidates: Iterable[Candidate] | Catalog, specs: Iterable[str]) -> Closure:
    """Everything that any solution of ``specs`` may need.

    Args:
        candidates: the permitted records of one platform: a subdir and noarch, of all channels.
            Which platform that is only a catalog tells.
    """
    catalog = _catalog(candidates)
    asked = sorted(set(specs))
    impossible: Set[int] = frozenset()
    reached = _reach(catalog, asked, impossible)
    if found := _impossible(catalog, asked, reached.whys):
        impossible = found
        reached = _reach(catalog, asked, impossible)
    needs = _needs(catalog, reached.parts, set(), impossible)
    missing = {spec for spec in needs if not catalog.matching(spec)}
    unavailable = _unreached(catalog, asked, reached.whys, impossible)
    unavailable += _needers(catalog, reached.parts, missing)
    closure = _result(catalog, reached.whys, unavailable)
    return replace(closure, idle=_idle(catalog, closure.selected, reached.parts, impossible))


def reachable(candidates: Iterable[Candidate] | Catalog, specs: Iterable[str]) -> list[Candidate]:
    """What the specs lead to, without looking at what goes together: for the solver to tell."""
    catalog = _catalog(candidates)
    reached = _reach(catalog, sorted(set(specs)), frozenset())
    return [catalog.records[position] for position in sorted(reached.whys)]


def complete(
    candidates: Iterable[Candidate] | Catalog, roots: Iterable[Key], *, newest: int
) -> Closure:
    """What chosen records depend on and is not among them, until nothing is missing.

    Of what matches a dependency that no chosen record matches, the ``newest`` versions come in
    with all their builds; 0 means all versions. ``roots`` are not in ``selected``. Dependencies
    count as one by one: that they can all be met at once is not looked at. All extras of a record
    count as asked for.
    """
    catalog = _catalog(candidates)
    wanted = set(roots)
    chosen = {at for at, record in enumerate(catalog.records) if key(record) in wanted}
    added: dict[int, str] = {}
    missing: set[str] = set()
    seen: set[str] = set()
    parts = set(_whole(catalog, chosen))
    level = sorted(parts)
    while level:
        needs = _needs(catalog, level, seen)
        # All of a level against what was there before it, so that no order matters.
        unmet = [spec for spec in needs if chosen.isdisjoint(catalog.matching(spec))]
        come: list[int] = []
        for spec in unmet:
            matching = catalog.matching(spec)
            if not matching:
                missing.add(spec)
            for position in catalog.newest(matching, newest):
                if position not in chosen:
                    chosen.add(position)
                    added[position] = _needed_by(catalog, needs[spec], spec)
                    come.append(position)
        level = sorted(_whole(catalog, come))
        parts.update(level)
    return _result(catalog, added, _needers(catalog, parts, missing))


def _whole(catalog: Catalog, positions: Iterable[int]) -> Iterator[Part]:
    """All parts of records."""
    for position in positions:
        yield position, ""
        for group in catalog.groups(position):
            yield position, group


def _catalog(candidates: Iterable[Candidate] | Catalog) -> Catalog:
    return candidates if isinstance(candidates, Catalog) else Catalog(candidates)


def _reach(catalog: Catalog, asked: Sequence[str], impossible: Set[int]) -> _Reached:
    """Every record that the specs lead to."""
    whys: dict[int, str] = {}
    parts: set[Part] = set()
    seen = set(asked)
    needs: dict[str, Part | None] = {
        spec: None for spec in asked if catalog.may_apply(spec, impossible)
    }
    while needs:
        level = []
        for spec, needer in needs.items():
            extras = catalog.requirement(spec).extras
            why = None
            for position in catalog.matching(spec):
                if position in impossible:
                    continue
                if position not in whys:
                    why = why or _needed_by(catalog, needer, spec)
                    whys[position] = why
                    level.append((position, ""))
                for group in extras:
                    if (position, group) not in parts:
                        parts.add((position, group))
                        level.append((position, group))
        level.sort()
        parts.update(level)
        needs = _needs(catalog, level, seen, impossible)
    return _Reached(whys, parts)


def _needs(
    catalog: Catalog, level: Iterable[Part], seen: set[str], impossible: Set[int] = frozenset()
) -> dict[str, Part | None]:
    """Dependencies that are new and may apply, and the first part that has each."""
    needs: dict[str, Part | None] = {}
    for part in level:
        for spec in _depends(catalog, part):
            if spec in seen:
                continue
            seen.add(spec)
            wanted = catalog.requirement(spec)
            if not wanted.is_virtual and (
                wanted.condition is None or catalog.may_apply(spec, impossible)
            ):
                needs[spec] = part
    return needs


def _depends(catalog: Catalog, part: Part) -> tuple[str, ...]:
    """What a record depends on, or one of its groups of extras: one that it lacks adds nothing."""
    position, group = part
    if group:
        return catalog.groups(position).get(group, ())
    return catalog.records[position].facts.depends


def _impossible(catalog: Catalog, asked: Sequence[str], reached: Iterable[int]) -> frozenset[int]:
    """Records that can't be in a solution of what was asked for; see the module's docstring."""
    impossible = _outside(catalog, asked)
    if not impossible:
        return frozenset()
    waiting = [position for position in sorted(reached) if position not in impossible]
    while True:
        viable: dict[str, bool] = {}
        staying = []
        for position in waiting:
            for spec in catalog.records[position].facts.depends:
                is_viable = viable.get(spec)
                if is_viable is None:
                    is_viable = viable[spec] = _is_viable(catalog, spec, impossible)
                if not is_viable:
                    break
            else:
                staying.append(position)
        if len(staying) == len(waiting):
            return frozenset(impossible)
        impossible.update(set(waiting).difference(staying))
        waiting = staying


def _is_viable(catalog: Catalog, spec: str, impossible: set[int]) -> bool:
    wanted = catalog.requirement(spec)
    if wanted.is_virtual or wanted.condition is not None:
        return True
    matching = catalog.matching(spec)
    return not matching or not impossible.issuperset(matching)


def _outside(catalog: Catalog, asked: Sequence[str]) -> set[int]:
    """Records of the asked-for names that don't match what was asked."""
    agreed: dict[str, set[int]] = {}
    either: dict[str, set[int]] = {}
    for spec in asked:
        wanted = catalog.requirement(spec)
        if wanted.is_pattern or wanted.is_virtual or wanted.condition is not None:
            continue
        matching = catalog.matching(spec)
        agreed.setdefault(wanted.name, set(matching)).intersection_update(matching)
        either.setdefault(wanted.name, set()).update(matching)
    outside: set[int] = set()
    for name, positions in agreed.items():
        if inside := positions or either[name]:
            outside.update(set(catalog.matching(name)).difference(inside))
    return outside


def _unreached(
    catalog: Catalog, asked: Sequence[str], reached: Mapping[int, str], impossible: Set[int]
) -> list[Unavailable]:
    """What was asked for and is not in the closure."""
    found = []
    for spec in asked:
        matching = catalog.matching(spec)
        if catalog.requirement(spec).is_virtual or not reached.keys().isdisjoint(matching):
            continue
        if not catalog.may_apply(spec, impossible):
            continue
        why = "what matches it does not go with the other specs" if matching else NOTHING
        found.append(Unavailable(spec, "asked for", why))
    return found


def _idle(
    catalog: Catalog, selected: Mapping[Key, str], parts: Iterable[Part], impossible: Set[int]
) -> dict[Key, str]:
    """What is left out for a condition that can't hold."""
    whose: dict[str, Part] = {}
    for part in sorted(parts) if catalog.conditional else ():
        for spec in catalog.conditional.intersection(_depends(catalog, part)):
            whose.setdefault(spec, part)
    where = f" on {catalog.platform}" if catalog.platform else ""
    found: dict[Key, str] = {}
    for spec, part in sorted(whose.items(), key=lambda one: (one[1], one[0])):
        if not catalog.may_apply(spec, impossible):
            why = f"{_needed_by(catalog, part, spec)}, and that can't hold{where}"
            for position in catalog.matching(spec):
                if (place := key(catalog.records[position])) not in selected:
                    found.setdefault(place, why)
    return found


def _needers(catalog: Catalog, parts: Iterable[Part], missing: set[str]) -> list[Unavailable]:
    """Each missing dependency, and who has it."""
    needers: dict[str, list[Part]] = {spec: [] for spec in sorted(missing)}
    for part in sorted(parts) if missing else ():
        for spec in missing.intersection(_depends(catalog, part)):
            needers[spec].append(part)
    found = []
    for spec, (first, *others) in needers.items():
        more = f" and {len(others):,} more" if others else ""
        found.append(Unavailable(spec, f"needed by {_shown(catalog, first)}{more}", NOTHING))
    return found


def _result(
    catalog: Catalog, found: Mapping[int, str], unavailable: Sequence[Unavailable]
) -> Closure:
    selected: dict[Key, str] = {}
    for position in sorted(found):
        selected.setdefault(key(catalog.records[position]), found[position])
    return Closure(selected, tuple(unavailable))


def _needed_by(catalog: Catalog, needer: Part | None, spec: str) -> str:
    if needer is None:
        return f"asked for: {spec}"
    return f"needed by {_shown(catalog, needer)}: {spec}"


def _shown(catalog: Catalog, part: Part) -> str:
    """Whose dependency it is: an artifact's, in which record if it is a new client's alone."""
    position, group = part
    entry = catalog.records[position].entry
    name = entry.name
    stem = f"{name.name}-{name.version}-{name.build}" + f"[{group}]" * bool(group)
    return f"{stem} ({entry.section})" if entry.section in V3_SECTIONS else stem
