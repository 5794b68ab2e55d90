"""A survey: what upstream offers of one channel at this moment, against what is committed.

Guaranteed: looking changes nothing. ``check`` refuses plans that the guards refuse, before anything
is done about them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncer.conda.repodata import Index, empty
from syncer.conda.wanted import Wanted
from syncer.errors import IndexRejectedError, UpstreamError
from syncer.planning import relations
from syncer.planning.guard import check_selected, check_space, check_wipe
from syncer.planning.locked_artifacts import missing
from syncer.planning.offer import Fetches, Offer
from syncer.planning.on_demand.promising import Names
from syncer.planning.plan import Amount, SubdirPlan, download_size, plan_subdir, totals
from syncer.planning.selection.outcome import SubdirSelection
from syncer.planning.selections import Selections
from syncer.settings.settings import Settings
from volume.disk.files import names_in, size_of, sizes_in, volume_error
from volume.layout import Mirror, staged_name
from volume.ledger.artifact import Known
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises
from volume.ledger.ungiven import UngivenTable
from volume.run_document import Totals


@dataclass(slots=True)
class Survey:
    """What upstream offers, by subdir, and what that means for us."""

    channel: str
    fetched: Fetches
    indexes: dict[str, Index] = field(default_factory=dict)
    plans: list[SubdirPlan] = field(default_factory=list)
    selections: Mapping[str, SubdirSelection] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    locked: list[Wanted] = field(default_factory=list)  # named by lock files, not by the index
    staged: dict[str, Amount] = field(default_factory=dict)  # by a run that was stopped
    environments_due: float = 0.0
    emptied: str = ""

    @property
    def due(self) -> float:
        """When the first cooldown ends, in seconds since the epoch; 0 if nothing is held."""
        moments = [
            moment for selection in self.selections.values() for moment in selection.held.values()
        ]
        moments += [self.environments_due] if self.environments_due else []
        return min(moments, default=0.0)

    @property
    def totals(self) -> list[Totals]:
        """The plans in numbers."""
        return [
            totals(
                self.channel,
                plan,
                [one for one in self.locked if one.subdir == plan.subdir],
                self.staged.get(plan.subdir, Amount()),
            )
            for plan in self.plans
        ]

    def release(self) -> None:
        """Free the records that upstream lists; what it says beside them stays."""
        self.indexes = {
            subdir: replace(one, entries=(), formats={}) for subdir, one in self.indexes.items()
        }
        self.fetched = {
            subdir: replace(found, index=None) if found is not None else None
            for subdir, found in self.fetched.items()
        }


class Surveyor:
    """Surveys one channel."""

    def __init__(
        self,
        offer: Offer,
        selections: Selections,
        settings: Settings,
        mirror: Mirror,
        warn: Callable[[str], None],
        *,
        now: Callable[[], float],
    ) -> None:
        self._channel = offer.channel
        self._now = now
        self._offer = offer
        self._selections = selections
        self._settings = settings
        self._policy = settings.policy(offer.channel)
        self._mirror = mirror
        self._warn = warn

    def inputs(self) -> str:
        """Changes when the outcome of a clean run may, but for the passing of time.

        Raises:
            UpstreamError: an index can't be had, or there is none at all.
        """
        noted = " needed" if self.evicts else ""  # to be looked at once when that begins
        return f"{self._offer.digest} {self._selections.fingerprint(self._channel)}{noted}"

    @property
    def evicts(self) -> bool:
        """Whether artifacts of this channel may give up their bytes."""
        bounds = self._settings.demand_size or self._policy.prune_unused_days
        return self._policy.on_demand and bool(bounds)

    def look_again(self) -> bool:
        """Ask upstream once more; return whether it published since.

        Then a missing artifact is no fault of its own.
        """
        before = self._offer.digest
        self._offer.renew()
        try:
            return self._offer.digest != before
        except UpstreamError:
            return False

    def survey(self, ledger: Ledger | None) -> Survey:
        """Compare the indexes with what is committed.

        Raises:
            UpstreamError: one can't be had or trusted.
            NoSolutionError: an environment that is to be solved has no solution.
        """
        survey = Survey(self._channel, self._offer.fetched)
        present: dict[str, dict[str, Known]] = {}
        for subdir, found in survey.fetched.items():
            present[subdir] = ledger.known(subdir) if ledger else {}
            if found is None and present[subdir]:
                raise IndexRejectedError(
                    f"{self._offer.upstream.shown}/{subdir} is gone, and"
                    f" {len(present[subdir]):,} artifacts of it are mirrored: they stay as they"
                    f" are. If it is gone for good, take {subdir} out of SUBDIRS"
                )
            if found is None:
                self._warn(f"upstream has no {subdir}: nothing to mirror there")
        survey.indexes.update(self._offer.indexes)
        said = {subdir: index.other_keys for subdir, index in survey.indexes.items()}
        related = relations.of_indexes(self._channel, said)
        for note in relations.notes(self._settings, self._channel, related):
            self._warn(note)
        selected = self._selections.choose(self._channel, present)
        survey.notes = selected.warnings
        survey.selections = selected.by_subdir
        survey.environments_due = selected.due
        survey.emptied = selected.emptied
        for subdir, index in survey.indexes.items():
            selection = selected.by_subdir[subdir]
            names = self._names(subdir, ledger) if self._policy.on_demand else Names()
            plan = plan_subdir(index, present[subdir], selection=selection, names=names)
            survey.plans.append(plan)
        for subdir in ledger.subdirs() if ledger else []:
            if subdir not in survey.fetched and ledger:
                # SUBDIRS was narrowed: everything in it leaves, as the wipe guard allows.
                survey.plans.append(plan_subdir(empty(subdir), ledger.known(subdir)))
        standing = self._selections.standing(self._channel)
        survey.locked, problems = missing(self._mirror, self._channel, ledger, standing.unlisted)
        for problem in problems:
            self._warn(problem)
        for plan in survey.plans:
            locked = [one for one in survey.locked if one.subdir == plan.subdir]
            survey.staged[plan.subdir] = self._staged(plan.subdir, [*plan.downloads, *locked])
        return survey

    def _names(self, subdir: str, ledger: Ledger | None) -> Names:
        """What can't be promised: a file may have the name, or a snapshot another promise."""
        mirror, channel = self._mirror, self._channel
        homed = ledger.homed(subdir) if ledger else set()
        with_bytes = names_in(mirror.artifacts(channel, subdir)) - homed
        with_bytes |= names_in(mirror.retired(channel, subdir))
        if ledger is None:
            return Names(with_bytes)
        with_bytes.update(row.filename for row in ledger.retired(subdir))
        unkept, ungiven = Promises(ledger).unkept(subdir), UngivenTable(ledger).of_subdir(subdir)
        return Names(with_bytes, unkept, ungiven, self._now())

    def _staged(self, subdir: str, artifacts: Sequence[Wanted]) -> Amount:
        """Which of them are staged as a whole."""
        sizes = sizes_in(self._mirror.staging(self._channel, subdir))
        if not sizes:
            return Amount()
        found = [
            one.size
            for one in artifacts
            if one.size and sizes.get(staged_name(one.filename, one.digest)) == one.size
        ]
        return Amount(len(found), sum(found))

    def remember(self, survey: Survey) -> None:
        """Keep the indexes for the next run; call this once ``check`` has accepted them.

        Raises:
            VolumeError: the state volume refused.
        """
        for subdir, found in survey.fetched.items():
            if found is not None:
                self._offer.upstream.remember(found, f"{subdir}.index")

    def check(self, survey: Survey, *, allow_wipe: bool) -> None:
        """Ask the guards.

        Raises:
            GuardError, NoSpaceError: the plan is refused.
            VolumeError: the mirror volume can't be looked at.
        """
        if not allow_wipe:
            check_selected(self._channel, survey.plans, "" if survey.locked else survey.emptied)
            percent = self._policy.wipe_guard_percent
            check_wipe(self._channel, survey.plans, percent, survey.selections)
        free = free_space(self._mirror)
        needed = sum(plan.download_size for plan in survey.plans) + download_size(survey.locked)
        if needed + self._settings.min_free > free:
            needed -= sum(
                self._present_size(artifact) for plan in survey.plans for artifact in plan.downloads
            )
        check_space(needed, free, self._settings.min_free)

    def _present_size(self, artifact: Wanted) -> int:
        """Bytes of a download that are here already, in part or (state lost) as a whole."""
        mirror, subdir, filename = self._mirror, artifact.subdir, artifact.filename
        for folder in (
            mirror.artifacts(self._channel, subdir),
            mirror.retired(self._channel, subdir),
        ):
            if (found := size_of(folder / filename)) == artifact.size:
                return found
        staged = mirror.staged(self._channel, subdir, filename, artifact.digest)
        return min(size_of(staged), artifact.size or 0)


def free_space(mirror: Mirror) -> int:
    """Bytes free on the mirror volume.

    Raises:
        VolumeError: there is no such volume.
    """
    try:
        return shutil.disk_usage(mirror.root).free
    except OSError as error:
        raise volume_error(error, "look at", mirror.root) from error
