"""Which records can be installed from a set of records, as far as one by one can be seen. Pure.

A record counts as installable if each of its dependencies is matched by an installable record: the
largest such set. Virtual packages and conditional dependencies count as met, and so does a package
of which there is no record at all: another channel has it. Not looked at: whether all dependencies
of a record can be met at once, which takes a solver.
"""

from __future__ import annotations

from syncer.planning.selection.catalog import Catalog


def installable(catalog: Catalog) -> set[int]:
    """Positions of the installable records in ``catalog.records``."""
    records = catalog.records
    names = {record.facts.name.lower() for record in records}
    alive = [True] * len(records)
    supported: dict[int, list[str]] = {}  # by a record: the dependencies that count on it
    needers: dict[str, list[int]] = {}
    fallen: list[int] = []

    def find_support(spec: str) -> bool:
        for position in catalog.matching(spec):
            if alive[position]:
                supported.setdefault(position, []).append(spec)
                return True
        return False

    def fall(position: int) -> None:
        if alive[position]:
            alive[position] = False
            fallen.append(position)

    unmet: list[str] = []
    for position, record in enumerate(records):
        for spec in record.facts.depends:
            waiting = needers.get(spec)
            if waiting is None:
                waiting = needers[spec] = []
                if not _is_given(catalog, spec, names) and not find_support(spec):
                    unmet.append(spec)
            waiting.append(position)
    for spec in unmet:
        for position in needers[spec]:
            fall(position)
    while fallen:
        for spec in supported.pop(fallen.pop(), ()):
            if not find_support(spec):
                for position in needers[spec]:
                    fall(position)
    return {position for position, is_alive in enumerate(alive) if is_alive}


def _is_given(catalog: Catalog, spec: str, names: set[str]) -> bool:
    wanted = catalog.requirement(spec)
    return (
        wanted.is_virtual
        or wanted.condition is not None
        or (not wanted.is_pattern and wanted.name not in names)
    )
