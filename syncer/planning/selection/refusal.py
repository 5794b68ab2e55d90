"""What a policy has against records that somebody asks for by name. Pure.

Only what is asked about is read, so that a large channel costs no more than its list of names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from syncer.conda.record import Candidate, facts
from syncer.conda.repodata import Index
from syncer.planning.selection.catalog import Catalog, read
from syncer.planning.selection.reason import LeftOut


class Refusals:
    """The objections of one channel's policy.

    Args:
        indexes: by subdir.
        objection: what the policy has against a record; None for nothing.
    """

    def __init__(
        self,
        channel: str,
        indexes: Mapping[str, Index],
        objection: Callable[[Candidate], LeftOut | None],
    ) -> None:
        self._channel = channel
        self._indexes = indexes
        self._objection = objection

    def judged(
        self, names: Collection[tuple[str, str]]
    ) -> Iterator[tuple[Candidate, LeftOut | None]]:
        """What upstream lists of these (subdir, filename), and what the policy has against it."""
        for subdir, index in self._indexes.items() if names else ():
            for entry in index.entries:
                if (subdir, entry.filename) in names:
                    candidate = Candidate(self._channel, subdir, entry, facts(entry))
                    yield candidate, self._objection(candidate)

    def of(self, specs: Collection[str], subdirs: Collection[str]) -> dict[str, list[LeftOut]]:
        """The objections to what specs match, of those where there is one.

        Args:
            specs: as environments and dependencies have them; name patterns are passed over.
        """
        wanted = {spec: read(spec) for spec in specs}
        names = {one.name for one in wanted.values() if not one.is_pattern}
        named = Catalog(
            Candidate(self._channel, subdir, entry, facts(entry))
            for subdir, index in self._indexes.items()
            if names and subdir in subdirs
            for entry in index.entries
            if entry.name.name.lower() in names
        )
        found: dict[str, list[LeftOut]] = {}
        for spec, one in wanted.items():
            for position in () if one.is_pattern else named.matching(spec):
                if (out := self._objection(named.records[position])) is not None:
                    found.setdefault(spec, []).append(out)
        return found
