"""One channel's part of a run: look, plan, stage, commit, retire, expire.

Guaranteed: what can't be had is left out and reported, the rest is committed; nothing retires
unless every index was read, the guards agree and no transfer failed; a run that finds nothing new
does no more than ask.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from syncer.artifacts import kept, refused, unasked
from syncer.artifacts.adopt import let_go
from syncer.artifacts.commit import Committer
from syncer.artifacts.downloads.download import Downloads
from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.downloads.staging import Batch, Staging
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.locked import LockedArtifacts
from syncer.artifacts.retire import Retirement
from syncer.artifacts.sidecars.fetching import SidecarFetch
from syncer.artifacts.sidecars.sidecars import Sidecars
from syncer.artifacts.task import Failed, Staged, Task
from syncer.artifacts.ungiven import UngivenWriter
from syncer.errors import GuardError, is_upstreams_own
from syncer.planning.locked_artifacts import stays
from syncer.planning.on_demand.eviction import needed
from syncer.planning.selection.outcome import Selected
from syncer.planning.selection.permit import denied_hashes
from syncer.planning.survey import Survey, Surveyor
from syncer.sync.channel.beside_artifacts import BesideArtifacts
from syncer.sync.channel.beside_index import BesideIndex
from syncer.sync.channel.upkeep import Upkeep
from syncer.sync.failure import kind_of
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from volume.ledger.artifact import Settled
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Origin
from volume.locks import Held
from volume.program.sizes import counted
from volume.run_document import Totals

if TYPE_CHECKING:
    from syncer.planning.selection.explain import Explanation

_LOG = logging.getLogger(__name__)


class ChannelSync:
    """Syncs one channel."""

    def __init__(self, tools: Tools, channel: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._channel = channel
        self._store = tools.store(channel)
        self._allow_wipe = allow_wipe
        self.result = ChannelResult(channel)
        self._offer = tools.offers.of(channel)
        self._upstream = self._offer.upstream
        self._sidecar_fetch = SidecarFetch(
            tools.fetch, tools.sidecar_store(channel), channel, tools.adoption
        )
        self._seen: Survey | None = None
        self._staging = Staging(
            channel,
            self._downloads,
            denied=denied_hashes(tools.settings.policy(channel)),
            warn=self._warn,
            report=tools.report,
            bars=tools.bars,
        )
        self._surveyor = Surveyor(
            self._offer,
            tools.selections,
            tools.settings,
            tools.mirror,
            self._warn,
            now=tools.now,
        )

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            UpstreamError: an index can't be had or trusted.
            GuardError, NoSpaceError: the run would be refused.
        """
        ledger = Ledger.read(self._tools.state.ledger(self._channel))
        with ledger or contextlib.nullcontext():
            self._offer.listen(self._warn)
            survey = self._seen = self._survey(ledger)
        self.result.plan = survey.totals
        self._report(survey, ())
        self._check(survey)
        return self.result.plan

    def explain(self, asked: str) -> list[Explanation]:
        """Why what a name or MatchSpec matches is wanted or not, after a ``preview``."""
        if self._seen is None:
            return []
        from syncer.planning.selection.explain import explain

        selected = Selected(self._seen.selections, ())
        return [explain(asked, self._channel, self._seen.indexes, selected)]

    def run(self) -> ChannelResult:
        """Sync the channel.

        Raises:
            UpstreamError: an index can't be had or trusted; nothing was changed.
            GuardError, NoSpaceError: the plan was refused; nothing was changed.
            VolumeError: a volume refused; what was committed stays.
            InterruptedRunError: the run was stopped; what was committed stays.
        """
        tools = self._tools
        with tools.open_ledger(self._channel) as ledger:
            sidecars = tools.sidecars(self._channel, ledger)
            committer = Committer(self._store, ledger, now=tools.now, sidecars=sidecars)
            retirement = Retirement(self._store, ledger)
            upkeep = self._upkeep(ledger)
            with self._locked():
                upkeep.recover(committer, retirement)
            upkeep.restore()
            self._offer.listen(self._warn)
            upkeep.heal(lambda: self._is_settled(ledger))
            upkeep.compare()
            if self._is_settled(ledger):
                self.result.unchanged = True
                self._name_refused(refused.read(ledger))
                self._upstream.remember_comparisons()
            else:
                self._change(ledger, committer, retirement, sidecars)
            with self._locked():
                if self.result.unchanged:  # upstream took back what a stopped run was fetching
                    self._store.staging.clear(self._offer.fetched)
                self._tidy(ledger, upkeep, retirement)
                upkeep.sweep()
            self.result.committed_serial = ledger.serial
        tools.selections.release(self._channel)
        return self.result

    def _is_settled(self, ledger: LedgerWriter) -> bool:
        """Whether a clean run has dealt with just this, and no cooldown has ended since."""
        settled = ledger.settled
        if ledger.is_behind or settled.inputs != self._surveyor.inputs():
            return False
        return not settled.due or self._tools.now() < settled.due

    def _survey(self, ledger: Ledger | None) -> Survey:
        survey = self._surveyor.survey(ledger)
        selections = self._tools.selections
        problems = selections.standing(self._channel).problems
        for note in (*selections.notes(self._channel), *problems, *survey.notes):
            self._warn(note)
        if survey.notes and self._tools.is_strict:
            raise GuardError(
                f"--strict: {counted(len(survey.notes), 'warning')}, see above; nothing was changed"
            )
        return survey

    def tidy(self) -> None:
        """Finish what an interrupted run left, and delete what is due; upstream is not asked.

        Raises:
            VolumeError: a volume refused.
        """
        tools = self._tools
        with tools.open_ledger(self._channel) as ledger, self._locked():
            retirement = Retirement(self._store, ledger)
            committer = Committer(self._store, ledger, now=tools.now)
            upkeep = self._upkeep(ledger)
            upkeep.recover(committer, retirement)
            self._tidy(ledger, upkeep, retirement)

    def _upkeep(self, ledger: LedgerWriter) -> Upkeep:
        return Upkeep(self._tools, self._channel, self._store, ledger, self._warn)

    def _tidy(self, ledger: LedgerWriter, upkeep: Upkeep, retirement: Retirement) -> None:
        self.result.expired = upkeep.expire(retirement)
        upkeep.expire_sidecars(is_thorough=not self.result.unchanged)
        is_locked = stays(self._tools.selections.locked(self._channel))
        seen = self._seen
        self.result.kept = kept.keeping(
            kept.read(ledger),
            seen.plans if seen else None,
            seen.selections if seen else {},
            [row for row in ledger.retired() if is_locked(row)],
        )
        kept.write(ledger, self.result.kept)

    def _downloads(self, meter: Progress) -> Downloads:
        tools = self._tools
        return Downloads(
            tools.fetch,
            self._store,
            tools.stop,
            workers=tools.settings.connections,
            meter=meter,
            sidecars=self._sidecar_fetch,
            adoption=tools.adoption,
        )

    def _locked(self) -> Held:
        return self._tools.channel_lock(self._channel)

    def _warn(self, warning: str) -> None:
        if warning not in self.result.warnings:
            self.result.warnings.append(warning)
            if self._tools.writes:  # a dry run shows them itself
                _LOG.debug("%s: %s", self._channel, warning)  # the outcome says it

    def _check(self, survey: Survey) -> None:
        if self._tools.adoption is None:  # else nothing retires, and a link takes no space
            self._surveyor.check(survey, allow_wipe=self._allow_wipe)
            self._tools.canaries.refuse(self._channel, survey)

    def _change(
        self,
        ledger: LedgerWriter,
        committer: Committer,
        retirement: Retirement,
        sidecars: Sidecars,
    ) -> None:
        survey = self._seen = self._survey(ledger)
        self.result.plan = survey.totals
        self._tools.show_plan(self.result.plan)
        batch = Batch(self._tools.settings)
        beside_artifacts = BesideArtifacts(
            self._tools, self._channel, sidecars, self._sidecar_fetch, self._urls
        )
        failures = self._carry_out(survey, committer, batch, beside_artifacts)
        if failures and self._surveyor.look_again():
            _LOG.info("%s: upstream changed meanwhile; looking again", self._channel)
            self._commit(committer, batch)
            survey = self._seen = self._survey(ledger)
            failures = self._carry_out(survey, committer, batch, beside_artifacts)
        if self._tools.adoption is not None:
            self._commit(committer, batch)
            return  # a part of a sync: the next whole one does the rest
        locked, missed = self._stage_locked(survey)
        failures += missed
        self._report(survey, failures)
        # A large channel's records and what is beside them need not be in memory together.
        self._tools.selections.release(self._channel)
        survey.release()
        beside = BesideIndex(self._upstream, ledger, self._warn)
        beside.fetch(survey)
        # One hold of the lock for all of it: the indexer makes one generation of one sync.
        with self._locked():
            self._commit_locked(committer, batch)
            LockedArtifacts(self._store, ledger, now=self._tools.now).place(locked)
            unasked.note_pruned(
                ledger, self._tools.selections.unused.of(self._channel).found, survey.selections
            )
            lacking = self._note_ungiven(failures, ledger)
            if all(is_upstreams_own(failed.error) for failed in failures):
                self.result.retired = retirement.retire(
                    [(plan.subdir, name) for plan in survey.plans for name in plan.retired],
                    now=self._tools.now(),
                    reason="removed",
                )
                taken_back = [(one.subdir, name) for one in survey.plans for name in one.taken_back]
                taken_back += [
                    (one.subdir, one.filename)
                    for one in (failed.task.artifact for failed in lacking)
                    if not ledger.is_homed(one.subdir, one.filename)
                    and ledger.artifact(one.subdir, one.filename) is not None
                ]
                retirement.retire(taken_back, now=self._tools.now(), reason="removed")
            beside.commit()  # of what is committed now
            # What upstream lacks of what is promised is asked for again when it is due.
            is_whole = len(lacking) == len(failures)
            if is_whole:
                self._store.staging.clear(survey.fetched)
            is_without = beside_artifacts.conclude(self.result, self._warn)
            with ledger.transaction("settle run"):
                refused.write(ledger, refused.of_plans(survey.plans) + refused.of_failures(lacking))
                if self._surveyor.evicts:
                    unasked.note_needed(ledger, survey.plans, survey.selections)
                ungiven = UngivenWriter(ledger)
                ungiven.forget((plan.subdir, name) for plan in survey.plans for name in plan.had)
                ungiven.forget_given()
                if is_whole and ledger.is_behind:  # nothing was missing: the indexer may go on
                    ledger.raise_serial()
                if is_whole and not is_without:
                    moments = (survey.due, sidecars.due, ungiven.due())
                    due = min(filter(None, moments), default=0.0)
                    ledger.settle(Settled(self._surveyor.inputs(), due))
                ledger.set_restored()

    def _note_ungiven(self, failures: Sequence[Failed], ledger: LedgerWriter) -> list[Failed]:
        """Note what is on demand and upstream did not give; return what it lacks."""
        if not failures or not self._tools.settings.policy(self._channel).on_demand:
            return []
        with ledger.transaction("note what was not given"):
            return UngivenWriter(ledger).note_failed(failures, moment=self._tools.now())

    def needed(self, ledger: Ledger, subdir: str) -> Set[str]:
        """What of a subdir keeps its bytes, after a ``preview``."""
        del ledger
        seen = self._seen
        return needed(seen.plans, seen.selections).get(subdir, set()) if seen else set()

    def _report(self, survey: Survey, failures: Sequence[Failed]) -> None:
        for failed in failures:
            artifact = failed.task.artifact
            self.result.fail(
                artifact.filename, artifact.subdir, str(failed.error), kind_of(failed.error)
            )
        self._name_refused(refused.of_plans(survey.plans))

    def _name_refused(self, found: Sequence[refused.Noted]) -> None:
        for subdir, one in found:
            self.result.fail(one.filename, subdir, one.reason)

    def _carry_out(
        self, survey: Survey, committer: Committer, batch: Batch, beside: BesideArtifacts
    ) -> list[Failed]:
        """Stage what a survey found missing, and commit it but for the last batch.

        What new records of unchanged bytes promise is committed before them.

        Returns what could not be had.
        """
        self._check(survey)
        self._surveyor.remember(survey)
        beside.fetch_late(survey, self._locked)
        self._promise(survey, committer)
        batch.hotfixes.extend(artifact for plan in survey.plans for artifact in plan.hotfixed)
        tasks = [
            Task(
                self._channel,
                artifact,
                self._urls(survey, artifact.subdir, artifact.filename, artifact.record),
                beside.of_artifact(artifact),
            )
            for plan in survey.plans
            for artifact in (
                plan.downloads if self._tools.adoption is None else plan.downloads + plan.promised
            )
        ]
        return self._stage(tasks, committer, batch) if tasks else []

    def _promise(self, survey: Survey, committer: Committer) -> None:
        """List what nothing asks for yet, before what is asked for is downloaded for hours."""
        new = [one for plan in survey.plans for one in plan.promised]
        anew = [one for plan in survey.plans for one in plan.promised_anew]
        origins = _origins(survey) if self._tools.settings.policy(self._channel).on_demand else {}
        if self._tools.adoption is None and (new or anew or origins):
            with self._locked():
                committer.promise(new, anew, origins)

    def _urls(
        self, survey: Survey, subdir: str, filename: str, record: str | None = None
    ) -> tuple[str, ...]:
        fetched = survey.fetched.get(subdir)
        if fetched is None:
            return ()
        return self._upstream.artifact_urls(fetched, survey.indexes[subdir], filename, record)

    def _stage(self, tasks: Sequence[Task], committer: Committer, batch: Batch) -> list[Failed]:
        def checkpoint(stopping: bool) -> None:
            if stopping or batch.is_due:
                self._commit(committer, batch)

        return self._staging.stage(tasks, batch.add, checkpoint)

    def _stage_locked(self, survey: Survey) -> tuple[list[Staged], list[Failed]]:
        """What lock files name and the index does not list."""
        tasks = [
            Task(self._channel, one, self._urls(survey, one.subdir, one.filename))
            for one in survey.locked
        ]
        staged: list[Staged] = []
        failures = self._staging.stage(tasks, staged.append) if tasks else []
        return staged, failures

    def _commit(self, committer: Committer, batch: Batch) -> None:
        # While the run is being stopped this does not wait: what is staged is found by the next.
        with self._locked():
            self._commit_locked(committer, batch)

    def _commit_locked(self, committer: Committer, batch: Batch) -> None:
        committer.take_over_records(batch.take_hotfixes())
        staged = batch.take()
        if not staged:
            return
        committer.commit(staged)
        if self._tools.adoption is not None:
            let_go(self._tools.mirror, self._store, self._tools.adoption, self._channel, staged)
        size = sum(item.size for item in staged)
        self.result.downloaded += len(staged)
        self.result.downloaded_size += size
        _LOG.info(
            "%s: committed %s, %s",
            self._channel, counted(len(staged), "artifact"), counted(size, "byte"),
        )  # fmt: skip
        self._tools.checkpoint()


def _origins(survey: Survey) -> dict[str, Origin]:
    """Where whoever fetches on demand finds what the indexes list."""
    return {
        subdir: Origin(found.origin, survey.indexes[subdir].base_url or "")
        for subdir, found in survey.fetched.items()
        if found is not None
    }
