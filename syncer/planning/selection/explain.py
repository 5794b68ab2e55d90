"""Why each artifact that a person asks about is wanted or not. Pure; for ``--explain``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from syncer.conda.filename import named
from syncer.conda.matchspec import version_of
from syncer.conda.record import Candidate
from syncer.conda.repodata import Index, Refused
from syncer.conda.spec import Spec
from syncer.conda.wanted import sound, wanted
from syncer.planning.selection.outcome import LeftOut, Selected, SubdirSelection, day
from syncer.planning.selection.unmatched import ListedNames, hint
from volume.errors import NameRefusedError
from volume.names import parse_artifact


@dataclass(frozen=True, slots=True)
class Explained:
    """One artifact's fate. ``reason`` is the kind, empty if it is wanted; ``why`` is for people.

    ``promised`` is what is listed and downloaded when somebody asks; it is not ``wanted`` before.
    ``held_until`` is in seconds since the epoch.
    """

    channel: str
    subdir: str
    filename: str
    wanted: bool
    reason: str
    why: str
    held_until: float | None
    promised: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What matched, by name and newest version first; and what to say if nothing did."""

    asked: str
    artifacts: tuple[Explained, ...]
    nothing: str


def explain(
    asked: str, channel: str, indexes: Mapping[str, Index], selected: Selected
) -> Explanation:
    """Explain what was selected of a channel.

    Args:
        asked: a name, a MatchSpec that ``check_spec`` accepts, or an artifact's filename.
    """
    spec = Spec(_spec(asked))
    listing = ListedNames.of(channel, indexes)
    found = list(listing.matching(spec))
    seen = {(candidate.subdir, candidate.filename) for candidate in found}
    for subdir, selection in selected.by_subdir.items():
        for filename in selection.wanted:
            # What upstream does not list and keep keeps; of that only the filename is known.
            if (subdir, filename) not in seen and (one := named(channel, subdir, filename)):
                found += [one] if spec.matches(one) else []
    refused = list(_refused(spec, channel, indexes))
    found.sort(key=lambda one: (one.subdir, one.filename))
    found.sort(key=_newness, reverse=True)
    found.sort(key=lambda one: one.facts.name)
    explained = (
        _explained(candidate, selected.by_subdir[candidate.subdir])
        for candidate in found
        if candidate.subdir in selected.by_subdir
    )
    artifacts = (*explained, *refused)
    nothing = "" if artifacts else f"{channel}: nothing matches {asked}{hint(spec, listing)}"
    return Explanation(asked, artifacts, nothing)


def _spec(asked: str) -> str:
    try:
        name = parse_artifact(asked)
    except NameRefusedError:
        return asked
    return f"{name.name}[fn='{asked}']"


def _newness(candidate: Candidate) -> tuple[object, ...]:
    version = version_of(candidate.facts.version)
    known = version is not None
    return known, version if known else 0, candidate.facts.build_number


def _explained(candidate: Candidate, selection: SubdirSelection) -> Explained:
    filename = candidate.filename
    out = selection.left_out.get(filename)
    if out is None and candidate.entry.section and filename in selection.wanted:
        found = wanted(sound(candidate.entry)[0], candidate.subdir)
        if isinstance(found, Refused):
            return _refusal(candidate.channel, candidate.subdir, found)
    return Explained(
        channel=candidate.channel,
        subdir=candidate.subdir,
        filename=filename,
        wanted=filename in selection.wanted,
        reason=out.reason if out else "",
        why=_why(out, selection, filename),
        held_until=selection.held.get(filename),
        promised=selection.promises(filename),
    )


def _why(out: LeftOut | None, selection: SubdirSelection, filename: str) -> str:
    if out is not None:
        return out.detail
    asked = ", and nobody has asked for it (prune_unused_days)"
    unused = asked if filename in selection.unused else ""
    if selection.promises(filename):
        return f"nothing asks for it to be here before{unused}"
    selected = selection.wanted.get(filename)
    return f"{selected}{unused}" if selected else "upstream does not list it"


def _refused(spec: Spec, channel: str, indexes: Mapping[str, Index]) -> Iterator[Explained]:
    """Records that can't be taken at all, as far as their filename tells what they are."""
    for subdir, index in indexes.items():
        for refused in index.refused:
            candidate = named(channel, subdir, refused.filename)
            if candidate is not None and spec.matches(candidate):
                yield _refusal(channel, subdir, refused)


def _refusal(channel: str, subdir: str, refused: Refused) -> Explained:
    """A record that is left out whatever the policy says; what is here of it stays."""
    return Explained(channel, subdir, refused.filename, False, "refused", refused.reason, None)


def lines(explanation: Explanation) -> Iterable[str]:
    """An explanation for people."""
    if explanation.nothing:
        yield explanation.nothing
    for one in explanation.artifacts:
        where = f"{one.channel}/{one.subdir}/{one.filename}"
        if one.wanted:
            yield f"{where}: wanted: {one.why}"
        elif one.promised:
            yield f"{where}: promised, downloaded when somebody asks: {one.why}"
        else:
            yield f"{where}: left out, {one.reason}: {one.why}"
        if one.wanted and one.held_until is not None:
            yield f"    upstream's new content is held until {day(one.held_until)}"
