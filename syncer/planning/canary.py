"""Canaries: do the admin's own environments still install from this mirror, and from it alone?

They are looked at before a commit, with what the channel is about to list, and after the run with
what is committed. Guaranteed: only records are looked at and nothing is asked of upstream; it costs
what the specs can reach, not what the channel holds; what did not work before is no reason to
refuse a sync.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.conda.record import Candidate, candidate
from syncer.errors import GuardError
from syncer.planning.environments.request import Locked, Request
from syncer.planning.listed import everything
from syncer.settings.policy import Environment, Policy, platforms
from syncer.settings.settings import Settings
from volume.layout import State
from volume.ledger.ledger import Ledger

if TYPE_CHECKING:
    from syncer.planning.selection.catalog import Catalog, Key
    from syncer.planning.selections import RequestedEnvironment
    from syncer.planning.survey import Survey


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
            theirs = (
                record
                for record in records
                if record.channel in canary.channels and record.subdir in {canary.subdir, "noarch"}
            )
            catalogs[place] = Catalog(theirs, canary.subdir)
        if why := [*_absent(canary, present), *_unsolved(canary, catalogs.get(place))]:
            failures.append(Failure(canary.name, canary.subdir, "\n".join(why)))
    return failures


def _unsolved(canary: Canary, catalog: Catalog | None) -> list[str]:
    if catalog is None or not canary.specs:
        return []
    from syncer.planning.selection.platform import virtual_packages
    from syncer.planning.selection.solve import NoSolution, solve

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


class Canaries:
    """Every canary of the settings."""

    def __init__(
        self, settings: Settings, state: State, requested: Iterable[RequestedEnvironment]
    ) -> None:
        self._settings = settings
        self._state = state
        self._canaries: list[Canary] = []
        for channel in settings.channels:
            self._canaries += of_policy(channel, settings.policy(channel))
        for asked in requested:
            self._canaries += of_environment(asked.environment, asked.requests)

    def check(self) -> list[Failure]:
        """Those that can't be installed from what is committed.

        Raises:
            StateError: a ledger can't be read.
        """
        if not self._canaries:
            return []
        channels = {channel for one in self._canaries for channel in one.channels}
        return check(self._canaries, self._committed(channels), retired=self._retired(channels))

    def refuse(self, channel: str, survey: Survey) -> None:
        """Refuse what would silence a canary, if the channel's policy says so.

        Raises:
            GuardError: it would.
        """
        if not self._settings.policy(channel).canary_blocks:
            return
        mine = [one for one in self._canaries if channel in one.channels]
        if not mine:
            return
        channels = {name for one in mine for name in one.channels}
        peers = list(self._committed(channels - {channel}))
        before = list(self._committed({channel}))
        after = list(_planned(channel, survey, before))
        retired = self._retired(channels)
        failures = check(mine, [*peers, *after], retired=retired)
        if not failures:
            return
        already = check(mine, [*peers, *before], retired=retired)
        silent = {(one.name, one.subdir) for one in already}
        lost = [one for one in failures if (one.name, one.subdir) not in silent]
        if lost:
            raise GuardError(
                f"{channel}: after this sync {len(lost)} canaries could not be installed any more,"
                " and CANARY_BLOCKS says to refuse that. Nothing was changed. Fix upstream or the"
                " policy, or take the canary out:\n" + "\n".join(map(str, lost))
            )

    def _committed(self, channels: Iterable[str]) -> Iterator[Candidate]:
        for channel in sorted(channels):
            ledger = Ledger.read(self._state.ledger(channel))
            if ledger is None:
                continue
            with ledger:
                yield from everything(channel, ledger)

    def _retired(self, channels: Iterable[str]) -> dict[Key, str]:
        found: dict[Key, str] = {}
        for channel in sorted(channels):
            ledger = Ledger.read(self._state.ledger(channel))
            if ledger is not None:
                with ledger:
                    for row in ledger.retired():
                        found[(channel, row.subdir, row.filename)] = row.sha256
        return found


def _planned(channel: str, survey: Survey, committed: Sequence[Candidate]) -> Iterator[Candidate]:
    """What the channel lists once a survey's plan is carried out."""
    staying = {
        (plan.subdir, name)
        for plan in survey.plans
        for name in (*plan.kept_anyway, *plan.undecided)
    }
    for subdir, index in survey.indexes.items():
        selection = survey.selections[subdir]
        for entry in index.entries:
            if entry.filename in selection.wanted or selection.promises(entry.filename):
                yield candidate(channel, subdir, entry)
    for one in committed:
        if (one.subdir, one.filename) in staying:
            yield one
