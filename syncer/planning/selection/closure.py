"""Dependency closure: everything that any solution of some specs may need. Pure.

Guaranteed by ``close``: what a solver finds in all candidates it finds in the closure as well. The
closure starts with the records that match a spec and goes on with those that match their
dependencies, until nothing new comes. Virtual packages (``__glibc``) come from the client,
``constrains`` installs nothing, a dependency under a condition (CEP 43) or an extra (CEP 44) is
taken in as if it applied.

What keeps it small is what the specs say themselves. They are to be installed together, so a
record of a name that a spec asks for is in a solution only if it matches every spec of that name;
what depends on another one of that name can't be in a solution either; nor what depends on nothing
but such records. Only that is left out. Specs of one name that no record matches all of (``python
3.11.*`` and ``python 3.12.*``) are alternatives.

A dependency that no candidate matches is reported and does not exclude what needs it.
Not guaranteed: that a solution exists. ``solve`` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, Key, key

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
    """Records by (channel, subdir, filename), each with why; and specs that nothing matches."""

    selected: Mapping[Key, str]
    unavailable: tuple[Unavailable, ...]


def close(candidates: Iterable[Candidate] | Catalog, specs: Iterable[str]) -> Closure:
    """Everything that any solution of ``specs`` may need.

    Args:
        candidates: the permitted records of one platform: a subdir and noarch, of all channels.
    """
    catalog = _catalog(candidates)
    asked = sorted(set(specs))
    reached = _reach(catalog, asked, frozenset())
    if impossible := _impossible(catalog, asked, reached):
        reached = _reach(catalog, asked, impossible)
    depends = {spec for position in reached for spec in _depends(catalog.records[position])}
    missing = {spec for spec in depends if _is_missing(catalog, spec)}
    unavailable = _unreached(catalog, asked, reached) + _needers(catalog, reached, missing)
    return _result(catalog, reached, unavailable)


def reachable(candidates: Iterable[Candidate] | Catalog, specs: Iterable[str]) -> list[Candidate]:
    """What the specs lead to, without looking at what goes together: for the solver to tell."""
    catalog = _catalog(candidates)
    reached = _reach(catalog, sorted(set(specs)), frozenset())
    return [catalog.records[position] for position in sorted(reached)]


def complete(
    candidates: Iterable[Candidate] | Catalog, roots: Iterable[Key], *, newest: int
) -> Closure:
    """What chosen records depend on and is not among them, until nothing is missing.

    Of what matches a dependency that no chosen record matches, the ``newest`` versions come in
    with all their builds; 0 means all versions. ``roots`` are not in ``selected``. Dependencies
    count as one by one: that they can all be met at once is not looked at.
    """
    catalog = _catalog(candidates)
    wanted = set(roots)
    chosen = {at for at, record in enumerate(catalog.records) if key(record) in wanted}
    added: dict[int, str] = {}
    missing: set[str] = set()
    seen: set[str] = set()
    level = sorted(chosen)
    while level:
        needs = _needs(catalog, level, seen)
        # All of a level against what was there before it, so that no order matters.
        unmet = [spec for spec in needs if chosen.isdisjoint(catalog.matching(spec))]
        level = []
        for spec in unmet:
            matching = catalog.matching(spec)
            if not matching:
                missing.add(spec)
            for position in catalog.newest(matching, newest):
                if position not in chosen:
                    chosen.add(position)
                    added[position] = _needed_by(catalog, needs[spec], spec)
                    level.append(position)
        level.sort()
    return _result(catalog, added, _needers(catalog, chosen, missing))


def _catalog(candidates: Iterable[Candidate] | Catalog) -> Catalog:
    return candidates if isinstance(candidates, Catalog) else Catalog(candidates)


def _reach(catalog: Catalog, asked: Sequence[str], impossible: frozenset[int]) -> dict[int, str]:
    """Every record that the specs lead to, with why."""
    reached: dict[int, str] = {}
    seen = set(asked)
    needs: dict[str, int | None] = dict.fromkeys(asked)
    while needs:
        level = []
        for spec, needer in needs.items():
            why = None
            for position in catalog.matching(spec):
                if position not in reached and position not in impossible:
                    why = why or _needed_by(catalog, needer, spec)
                    reached[position] = why
                    level.append(position)
        level.sort()
        needs = _needs(catalog, level, seen)
    return reached


def _needs(catalog: Catalog, level: Iterable[int], seen: set[str]) -> dict[str, int | None]:
    """Dependencies that are new, and the first record that has each."""
    needs: dict[str, int | None] = {}
    for position in level:
        for spec in _depends(catalog.records[position]):
            if spec not in seen:
                seen.add(spec)
                if not catalog.requirement(spec).is_virtual:
                    needs[spec] = position
    return needs


class _Extras(msgspec.Struct):
    extra_depends: dict[str, tuple[str, ...]] = {}


_decode_extras = msgspec.json.Decoder(_Extras).decode


def _depends(record: Candidate) -> tuple[str, ...]:
    """A record's dependencies, those of its extras (CEP 44) included."""
    depends = record.facts.depends
    if b'"extra_depends"' in bytes(record.entry.raw):
        try:
            extras = _decode_extras(record.entry.raw).extra_depends
        except ValueError:  # malformed: ``wanted`` refuses it with a message
            return depends
        return depends + tuple(spec for name in sorted(extras) for spec in extras[name])
    return depends


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
    if wanted.is_virtual or wanted.is_conditional:
        return True
    matching = catalog.matching(spec)
    return not matching or not impossible.issuperset(matching)


def _outside(catalog: Catalog, asked: Sequence[str]) -> set[int]:
    """Records of the asked-for names that don't match what was asked."""
    agreed: dict[str, set[int]] = {}
    either: dict[str, set[int]] = {}
    for spec in asked:
        wanted = catalog.requirement(spec)
        if wanted.is_pattern or wanted.is_conditional or wanted.is_virtual:
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
    catalog: Catalog, asked: Sequence[str], reached: Mapping[int, str]
) -> list[Unavailable]:
    """What was asked for and is not in the closure."""
    found = []
    for spec in asked:
        matching = catalog.matching(spec)
        if catalog.requirement(spec).is_virtual or not reached.keys().isdisjoint(matching):
            continue
        why = "what matches it does not go with the other specs" if matching else NOTHING
        found.append(Unavailable(spec, "asked for", why))
    return found


def _is_missing(catalog: Catalog, spec: str) -> bool:
    return not catalog.requirement(spec).is_virtual and not catalog.matching(spec)


def _needers(catalog: Catalog, positions: Iterable[int], missing: set[str]) -> list[Unavailable]:
    """Each missing dependency, and who has it."""
    needers: dict[str, list[int]] = {spec: [] for spec in sorted(missing)}
    for position in sorted(positions) if missing else ():
        for spec in missing.intersection(_depends(catalog.records[position])):
            needers[spec].append(position)
    found = []
    for spec, (first, *others) in needers.items():
        more = f" and {len(others):,} more" if others else ""
        found.append(Unavailable(spec, f"needed by {_stem(catalog, first)}{more}", NOTHING))
    return found


def _result(
    catalog: Catalog, found: Mapping[int, str], unavailable: Sequence[Unavailable]
) -> Closure:
    selected = {key(catalog.records[position]): found[position] for position in sorted(found)}
    return Closure(selected, tuple(unavailable))


def _needed_by(catalog: Catalog, needer: int | None, spec: str) -> str:
    return f"asked for: {spec}" if needer is None else f"needed by {_stem(catalog, needer)}: {spec}"


def _stem(catalog: Catalog, position: int) -> str:
    name = catalog.records[position].entry.name
    return f"{name.name}-{name.version}-{name.build}"
