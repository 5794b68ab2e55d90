"""What a policy selects of a channel, and why. Pure: the same whatever the order of the records.

The filters apply in this order: deny, exclude, keep, include, then the other objections (pins,
licence, size, age), cooldown, format, newest versions and builds, what nobody asks for. Deny always
wins, then exclude. What environments need is not asked for by include and not limited by newest,
nor by what is asked for; all else holds for it too. With nothing included everything is, unless
specs, spec files or environments say what the channel is for.

A channel that is on demand promises what nothing asks for and nothing objects to; then an empty
include asks for nothing, but with newest for those. What is here already stays.

``keep`` and cooldown look at what is here already: what matches ``keep`` stays, whatever the policy
says besides deny and exclude and whether upstream lists it or not; a cooldown throws nothing out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import partial

import msgspec

from syncer.conda.filename import of_filename, unlisted
from syncer.conda.record import Candidate
from syncer.conda.record import candidate as read_candidate
from syncer.conda.repodata import Entry, Index
from syncer.conda.spec import SpecSet
from syncer.planning.selection.outcome import (
    ONLY_HERE,
    LeftOut,
    Reason,
    Selected,
    SubdirSelection,
)
from syncer.planning.selection.permit import Objections, Permit, has_these_bytes
from syncer.planning.selection.unmatched import ListedNames, emptied, met, warnings_of
from syncer.settings.policy import Policy
from volume.ledger.artifact import Known
from volume.sections import is_wheel

Needed = Mapping[str, Mapping[str, str]]
Present = Mapping[str, Mapping[str, Known]]
FirstSeen = Mapping[tuple[str, str], float]

_EVERYTHING = "everything is included"
_PROMISED = "on_demand = yes: downloaded when somebody asks for it"
_NOTHING = LeftOut(Reason.NOT_INCLUDED, "no environment needs it")
_OTHER_FORMAT = LeftOut(Reason.OTHER_FORMAT, "prefer_conda = yes")


@dataclass(slots=True)
class _Draft:
    wanted: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)
    unused: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    included: dict[str, Candidate] = field(default_factory=dict)  # what newest counts


class Selector:
    """A policy and what upstream lists of a channel.

    Args:
        indexes: by subdir.
        present: what is committed, by subdir and filename.
        first_seen: by subdir and filename, when an artifact appeared at upstream after our first
            look at it; seconds since the epoch.
        unused: by subdir, what nobody asked for in PRUNE_UNUSED_DAYS.
        approved: MatchSpecs and filenames that need no cooldown any more.
        now: seconds since the epoch.
        only_needed: the channel is there for environments: without ``include`` nothing but what
            they need is selected.
    """

    def __init__(
        self,
        policy: Policy,
        channel: str,
        indexes: Mapping[str, Index],
        *,
        now: float,
        present: Present | None = None,
        first_seen: FirstSeen | None = None,
        unused: Mapping[str, Set[str]] | None = None,
        approved: Collection[str] = (),
        only_needed: bool = False,
    ) -> None:
        self._policy = policy
        self._channel = channel
        self._indexes = indexes
        self._present = present or {}
        self._permit = Permit(
            policy,
            listed=_listed(indexes, {name.lower() for name, _ in policy.pins}),
            first_seen=first_seen or {},
            approved=approved,
            now=now,
        )
        self._approved = approved
        self._unused = unused or {}
        self._include = SpecSet.of(policy.include)
        self._keep = SpecSet.of(policy.keep)
        only_needed = only_needed or bool(policy.specs or policy.spec_files)
        asks_for_all = not policy.on_demand or bool(policy.newest_versions or policy.newest_builds)
        self._takes_all = not self._include and not only_needed and asks_for_all
        self._read = partial(read_candidate, channel)
        self.due = 0.0
        """When the first cooldown ends that kept something from environments; 0 if none did."""
        self._whys = {spec: f"include = {spec.text}" for spec in self._include.specs}
        self._not_included = LeftOut(Reason.NOT_INCLUDED, "no spec of include matches it")

    @property
    def objections(self) -> Objections:
        """What the policy has against what is asked for by name."""
        # Made when it is needed: kept, it would be a cycle that holds a large channel's records.
        return Objections(self._channel, self._indexes, self.objection)

    def permitted(self) -> list[Candidate]:
        """What environments may draw from: all but what deny to format leave out."""
        found: list[Candidate] = []
        for subdir, index in self._indexes.items():
            permitted = {}
            for entry in index.entries:
                candidate = self._read(subdir, entry)
                if self.objection(candidate) is None:
                    permitted[entry.filename] = candidate
            for filename in self._of_the_old_format(permitted):
                del permitted[filename]
            found.extend(permitted.values())
        return found

    def objection(self, candidate: Candidate) -> LeftOut | None:
        """Why the policy does not permit an artifact, to include and environments alike."""
        out = self._permit.bar(self._hashed(candidate)) or self._permit.object(candidate)
        if out is None and (until := self._held_until(candidate)) is not None:
            self.due = min(self.due or until, until)
            known = self._present.get(candidate.subdir, {})
            return None if candidate.filename in known else self._permit.hold(candidate, until)
        return out

    def select(self, needed: Needed | None = None, idle: Needed | None = None) -> Selected:
        """Select.

        Args:
            needed: what environments need, by subdir: filenames, and why.
            idle: what they would need under conditions that can't hold, likewise: to be said.
        """
        needed = needed or {}
        drafts = {
            subdir: self._draft(index, needed.get(subdir, {}))
            for subdir, index in self._indexes.items()
        }
        if self._policy.newest_versions or self._policy.newest_builds:
            self._limit(drafts, needed)
        for subdir, filenames in self._unused.items():
            if subdir in drafts:
                self._prune(drafts[subdir], subdir, filenames - needed.get(subdir, {}).keys())
        for subdir, draft in drafts.items():
            self._keep_unlisted(subdir, draft)
            for filename, why in (idle or {}).get(subdir, {}).items():
                if draft.left_out.get(filename) in {_NOTHING, self._not_included}:
                    out = draft.left_out[filename]
                    draft.left_out[filename] = LeftOut(out.reason, f"{out.detail}; {why}")
        selections = {
            subdir: SubdirSelection(
                draft.wanted,
                draft.left_out,
                draft.held,
                draft.promised if self._policy.on_demand else None,
                draft.unused,
            )
            for subdir, draft in drafts.items()
        }
        return Selected(
            selections,
            tuple(self._warnings(drafts, needed)),
            emptied=emptied(selections, self._indexes, self._takes),
            approved=met(self._approved, self._channel, self._indexes),
        )

    def _takes(self, subdir: str, entry: Entry) -> bool:
        """Whether include asks for an artifact."""
        return self._included(self._read(subdir, entry)) is not None

    def _draft(self, index: Index, needed: Mapping[str, str]) -> _Draft:
        draft = _Draft()
        present = self._present.get(index.subdir, {})
        takes_all, promises = self._takes_all, self._policy.on_demand
        if takes_all and not self._looks_at_records():
            draft.wanted.update((entry.filename, _EVERYTHING) for entry in index.entries)
            return draft
        if promises and not (self._include or needed or self._looks_at_records()):
            here = {name for name, known in present.items() if not known.is_promised}
            listed = {entry.filename for entry in index.entries}
            draft.promised |= listed - here
            draft.wanted.update(dict.fromkeys(listed & here, ONLY_HERE))
            return draft
        read = self._read if self._reads_records() else self._named
        left_out = self._not_included if self._include else _NOTHING
        for entry in index.entries:
            filename, name = entry.filename, entry.name.name
            is_certain = filename in needed or filename in present or takes_all or promises
            if not (is_certain or self._include.may_match(name) or self._permit.may_bar(name)):
                draft.left_out[filename] = left_out
                continue
            candidate = read(index.subdir, entry)
            why, out = self._decide(candidate, needed.get(filename), draft)
            if out is not None:
                draft.left_out[filename] = out
            elif why == _PROMISED:
                draft.promised.add(filename)
            elif why is not None:
                draft.wanted[filename] = why
        for filename in self._of_the_old_format({*draft.included, *draft.promised}):
            if filename not in needed:
                draft.wanted.pop(filename, None)
                draft.included.pop(filename, None)
                draft.promised.discard(filename)
                draft.left_out[filename] = _OTHER_FORMAT
        return draft

    def _decide(
        self, candidate: Candidate, needed: str | None, draft: _Draft
    ) -> tuple[str | None, LeftOut | None]:
        """Why one artifact is wanted, or is not."""
        permit, filename = self._permit, candidate.filename
        known = self._present.get(candidate.subdir, {}).get(filename)
        if (out := permit.bar(self._hashed(candidate))) is not None:
            return None, out
        if known is not None and known.is_promised:
            known = None  # nothing of it is here
        if known is not None and (spec := self._keep.find(candidate)) is not None:
            draft.kept.add(filename)
            return f"kept: keep = {spec.text}", None
        included = self._included(candidate)
        why = needed or included
        if why is None and self._policy.on_demand:
            why = _PROMISED if known is None else ONLY_HERE
        if why is None:
            return None, self._not_included if self._include else _NOTHING
        if (out := permit.object(candidate)) is not None:
            return None, out
        if (until := self._held_until(candidate)) is not None:
            draft.held[filename] = until
            if known is None:
                return None, permit.hold(candidate, until)
            why = f"{why}; it is here, what upstream has instead is held"
        if included is not None and not is_wheel(filename):
            draft.included[filename] = candidate  # a wheel is no package that all clients take
        return why, None

    def _included(self, candidate: Candidate) -> str | None:
        """Why include asks for it, None if it does not."""
        if not self._include:
            return _EVERYTHING if self._takes_all else None
        spec = self._include.find(candidate)
        return None if spec is None else self._whys[spec]

    def _held_until(self, candidate: Candidate) -> float | None:
        """As the permit says; the bytes that are here already are never held."""
        until = self._permit.held_until(candidate)
        if until is None:  # as of nearly all: their bytes need not be compared
            return None
        known = self._present.get(candidate.subdir, {}).get(candidate.filename)
        return None if known is not None and has_these_bytes(candidate.facts, known) else until

    def _hashed(self, candidate: Candidate) -> Candidate:
        """With the sha256 of the bytes that are here, where upstream's record has none."""
        if candidate.facts.sha256:
            return candidate
        known = self._present.get(candidate.subdir, {}).get(candidate.filename)
        if known is None or not has_these_bytes(candidate.facts, known):
            return candidate
        told = msgspec.structs.replace(candidate.facts, sha256=known.sha256)
        return msgspec.structs.replace(candidate, facts=told)

    def _of_the_old_format(self, permitted: Collection[str]) -> list[str]:
        """Artifacts in the old format that are there in the new one too."""
        if not self._policy.prefer_conda:
            return []
        return [
            filename
            for filename in permitted
            if filename.endswith(".tar.bz2")
            and f"{filename.removesuffix('.tar.bz2')}.conda" in permitted
        ]

    def _limit(self, drafts: Mapping[str, _Draft], needed: Needed) -> None:
        """Leave out what is not among the newest, except what environments need."""
        from syncer.planning.selection.newest import limit

        found = limit(
            {subdir: draft.included.values() for subdir, draft in drafts.items()},
            versions=self._policy.newest_versions,
            builds=self._policy.newest_builds,
        )
        for (_, subdir, filename), out in found.dropped.items():
            if filename not in needed.get(subdir, {}):
                self._leave_out(drafts[subdir], subdir, filename, out)
        for (_, subdir, filename), why in found.added.items():
            if filename not in needed.get(subdir, {}):
                drafts[subdir].wanted[filename] += f"; {why}"

    def _prune(self, draft: _Draft, subdir: str, unused: Set[str]) -> None:
        """Leave out what nobody asks for; on demand it is only promised."""
        days = self._policy.prune_unused_days
        out = LeftOut(
            Reason.UNUSED,
            f"prune_unused_days = {days}: nobody asked for it in {days} days; a request, also one"
            " that finds nothing, brings it back with the next sync",
        )
        for filename in unused:
            if filename in draft.kept:
                continue
            if filename in draft.wanted:
                draft.unused.add(filename)
                self._leave_out(draft, subdir, filename, out)
            elif filename in draft.promised:
                draft.unused.add(filename)

    def _leave_out(self, draft: _Draft, subdir: str, filename: str, out: LeftOut) -> None:
        """What is left out of what is asked for; on demand it is only not asked for."""
        del draft.wanted[filename]
        known = self._present.get(subdir, {}).get(filename)
        if not self._policy.on_demand:
            draft.left_out[filename] = out
        elif known is None or known.is_promised:
            draft.promised.add(filename)
        else:
            draft.wanted[filename] = ONLY_HERE

    def _keep_unlisted(self, subdir: str, draft: _Draft) -> None:
        """Keep what upstream dropped and ``keep`` names; only filename and hash are known of it."""
        if not self._keep:
            return
        listed = draft.wanted.keys() | draft.left_out.keys() | draft.promised
        for filename in sorted(self._present.get(subdir, {}).keys() - listed):
            known = self._present[subdir][filename]
            if known.is_promised:
                continue  # nobody has its bytes any more
            candidate = unlisted(self._channel, subdir, filename, known)
            if candidate is None or self._permit.bar(candidate) is not None:
                continue
            if (spec := self._keep.find(candidate)) is not None:
                draft.wanted[filename] = f"kept: keep = {spec.text}; upstream does not list it"

    def _looks_at_records(self) -> bool:
        """Whether anything depends on what a record is."""
        policy = self._policy
        return bool(
            self._permit.bars or self._permit.reads_records or policy.keep or policy.prefer_conda
            or policy.newest_versions or policy.newest_builds
        )  # fmt: skip

    def _reads_records(self) -> bool:
        """Whether names and versions, which filenames tell, don't decide all."""
        policy = self._policy
        return bool(
            self._permit.reads_records or self._include.reads_records or self._keep.reads_records
            or policy.newest_versions or policy.newest_builds
        )  # fmt: skip

    def _warnings(self, drafts: Mapping[str, _Draft], needed: Needed) -> Iterator[str]:
        for subdir, reasons in needed.items():
            for filename in reasons:
                draft = drafts.get(subdir)
                if draft is not None and (out := draft.left_out.get(filename)):
                    yield f"{subdir}/{filename} is left out although" \
                        f" {reasons[filename]}: {out}"  # fmt: skip
        if self._include or self._policy.exclude:
            listing = ListedNames.of(self._channel, self._indexes)
            include, exclude = self._include.specs, self._permit.exclude.specs
            yield from warnings_of(listing, include, exclude, self._permit.bar)

    def _named(self, subdir: str, entry: Entry) -> Candidate:
        """All its records say the same where a name, a version and a build decide."""
        return Candidate(self._channel, subdir, entry, of_filename(entry))


def _listed(indexes: Mapping[str, Index], names: Collection[str]) -> dict[str, set[str]]:
    """The versions that upstream lists of some names."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for index in indexes.values() if names else ():
        for entry in index.entries:
            if (name := entry.name.name.lower()) in found:
                found[name].add(entry.name.version)
    return found
