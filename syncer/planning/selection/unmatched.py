"""What in a policy has no effect in a channel: most likely a mistake. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from syncer.conda.record import Candidate, candidate
from syncer.conda.repodata import Entry, Index
from syncer.conda.spec import Spec
from syncer.planning.selection.outcome import LeftOut, SubdirSelection
from syncer.planning.selection.permit import is_filename

_NAME = re.compile(r"(?:[^\[]*::)?([A-Za-z0-9_.-]+)")
_MOST_REASONS = 3
_MOST_HINTS = 10  # looking for a similar name takes a while


@dataclass(frozen=True, slots=True)
class ListedNames:
    """What a channel lists, by name of the packages; records are read when they are looked at."""

    channel: str
    entries: Mapping[str, Sequence[tuple[str, Entry]]]  # subdir and entry

    @classmethod
    def of(cls, channel: str, indexes: Mapping[str, Index]) -> ListedNames:
        """The listing of these indexes."""
        found: dict[str, list[tuple[str, Entry]]] = {}
        for subdir, index in indexes.items():
            for entry in index.entries:
                found.setdefault(entry.name.name, []).append((subdir, entry))
        return cls(channel, found)

    def matching(self, spec: Spec) -> Iterator[Candidate]:
        """Records that a spec matches."""
        for name, entries in self.entries.items():
            if spec.matches_name(name):
                for subdir, entry in entries:
                    found = candidate(self.channel, subdir, entry)
                    if spec.matches(found):
                        yield found


def warnings_of(
    listing: ListedNames,
    include: Iterable[Spec],
    exclude: Iterable[Spec],
    bar: Callable[[Candidate], LeftOut | None],
) -> Iterator[str]:
    """Specs that match nothing, and includes that an exclude takes back wholly.

    Args:
        bar: what deny and exclude say of a record.
    """
    hints = _MOST_HINTS
    for key, specs in (("include", include), ("exclude", exclude)):
        for spec in specs:
            if not spec.is_of(listing.channel):
                continue  # what holds for all channels may name one of them
            matching = listing.matching(spec)
            first = next(matching, None)
            if first is None:
                meant = hint(spec, listing) if hints > 0 else ""
                hints -= 1
                yield f"{key} = {spec.text} matches nothing that upstream lists{meant}"
            elif key == "include" and (out := _taken_back(chain([first], matching), bar)):
                yield (
                    f"include = {spec.text} and {out.detail} contradict each other: all that it"
                    f" matches is {out.reason}, nothing of it is mirrored"
                )


def _taken_back(
    candidates: Iterator[Candidate], bar: Callable[[Candidate], LeftOut | None]
) -> LeftOut | None:
    """What leaves the last of them out if something leaves out all."""
    out = None
    for one in candidates:
        out = bar(one)
        if out is None:
            return None
    return out


def emptied(
    selections: Mapping[str, SubdirSelection],
    indexes: Mapping[str, Index],
    takes: Callable[[str, Entry], bool],
) -> str:
    """Why nothing is selected of what is asked for; empty if something is.

    Args:
        takes: whether include asks for an artifact of a subdir.
    """
    if any(one.wanted or one.held or one.promised for one in selections.values()):
        return ""
    taken_back: dict[str, int] = {}
    for subdir, selection in selections.items():
        for entry in indexes[subdir].entries:
            out = selection.left_out.get(entry.filename)
            if out is not None and takes(subdir, entry):
                said = f"{out.reason} ({out.detail.partition(':')[0]})"
                taken_back[said] = taken_back.get(said, 0) + 1
    if not taken_back:
        return ""
    most = sorted(taken_back.items(), key=lambda found: (-found[1], found[0]))[:_MOST_REASONS]
    reasons = ", ".join(f"{count:,} {said}" for said, count in most)
    return f"all that the policy includes it leaves out again: {reasons}"


def met(approved: Collection[str], channel: str, indexes: Mapping[str, Index]) -> frozenset[str]:
    """Those of the approved that upstream lists something for."""
    if not approved:
        return frozenset()
    listing = ListedNames.of(channel, indexes)
    listed = {entry.filename for index in indexes.values() for entry in index.entries}
    return frozenset(
        one
        for one in approved
        if one in listed or (not is_filename(one) and any(listing.matching(Spec(one))))
    )


def hint(spec: Spec, listing: ListedNames) -> str:
    """What may have been meant by a spec that matches nothing, to be put behind a message."""
    found = _NAME.match(spec.text)
    written = found[1].lower() if found else ""
    known = {name.lower() for name in listing.entries}
    if written in known:
        return "; there are other versions or builds of it"
    nearest = difflib.get_close_matches(written, sorted(known), n=1, cutoff=0.75)
    return f"; did you mean {nearest[0]}?" if nearest else ""
