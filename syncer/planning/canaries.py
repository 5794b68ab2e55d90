"""Canaries: do the admin's own environments still install from this mirror, and from it alone?

They are looked at before a commit, with what the channel is about to list, and after the run with
what is committed. Only records are read; nothing is asked of upstream.
Guaranteed: ``lost`` names only what worked before, so a first sync is never refused for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from syncer.conda.record import Candidate, facts
from syncer.conda.repodata import SECTIONS, Entry
from syncer.errors import GuardError
from syncer.planning import canary
from syncer.planning.canary import Canary, Failure
from syncer.planning.choices import Demand
from syncer.planning.survey import Survey
from syncer.settings.settings import Settings
from volume.layout import State
from volume.ledger.ledger import Ledger
from volume.names import parse_artifact

if TYPE_CHECKING:
    from syncer.planning.selection.catalog import Key


class Canaries:
    """Every canary of the settings."""

    def __init__(self, settings: Settings, state: State, demands: Iterable[Demand]) -> None:
        self._settings = settings
        self._state = state
        self._canaries: list[Canary] = []
        for channel in settings.channels:
            self._canaries += canary.of_policy(channel, settings.policy(channel))
        for demand in demands:
            self._canaries += canary.of_environment(demand.environment, demand.requests)

    def check(self) -> list[Failure]:
        """Those that can't be installed from what is committed.

        Raises:
            StateError: a ledger can't be read.
        """
        if not self._canaries:
            return []
        channels = {channel for one in self._canaries for channel in one.channels}
        return canary.check(
            self._canaries, self._committed(channels), retired=self._retired(channels)
        )

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
        failures = canary.check(mine, [*peers, *after], retired=retired)
        if not failures:
            return
        already = canary.check(mine, [*peers, *before], retired=retired)
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
                for subdir in ledger.subdirs():
                    for row in ledger.artifacts(subdir):
                        yield _candidate(channel, subdir, row.filename, row.record)

    def _retired(self, channels: Iterable[str]) -> dict[Key, str]:
        found: dict[Key, str] = {}
        for channel in sorted(channels):
            ledger = Ledger.read(self._state.ledger(channel))
            if ledger is not None:
                with ledger:
                    for row in ledger.retired():
                        found[(channel, row.subdir, row.filename)] = row.sha256
        return found


def _candidate(channel: str, subdir: str, filename: str, record: str) -> Candidate:
    section = SECTIONS[parse_artifact(filename).extension]
    entry = Entry(filename, section, msgspec.Raw(record.encode()))
    return Candidate(channel, subdir, entry, facts(entry))


def _planned(channel: str, survey: Survey, committed: Sequence[Candidate]) -> Iterator[Candidate]:
    """What the channel lists once a survey's plan is carried out."""
    staying = {(plan.subdir, name) for plan in survey.plans for name in plan.kept_anyway}
    for subdir, index in survey.indexes.items():
        wanted = survey.choices[subdir].wanted
        for entry in index.entries:
            if entry.filename in wanted:
                yield Candidate(channel, subdir, entry, facts(entry))
    for one in committed:
        if (one.subdir, one.filename) in staying:
            yield one
