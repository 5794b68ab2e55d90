"""One channel's part of a run: look, plan, stage, commit, retire, expire.

Guaranteed: what can't be had is left out and reported, the rest is committed; nothing retires
unless every index was read, the guards agree and no transfer failed; a run that finds nothing new
does no more than ask.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from syncer.adopt import let_go
from syncer.batch import Batch
from syncer.commit import Committer
from syncer.download import Absent, Downloads, Failed, Staged, Task
from syncer.errors import (
    HttpStatusError,
    IntegrityError,
)
from syncer.ledger_writer import LedgerWriter
from syncer.plan import Totals, download_size
from syncer.progress import Progress
from syncer.repodata import Wanted
from syncer.retire import Retirement
from syncer.run import ChannelResult
from syncer.supplement import Supplement
from syncer.survey import Fetches, Survey, Surveyor
from syncer.tools import Tools
from syncer.upstream import ChannelUpstream
from volume import generations, locks
from volume.errors import InterruptedRunError
from volume.ledger import Ledger

_LOG = logging.getLogger(__name__)
_DAY = 86400.0
_LONGEST_WAIT = 6 * 3600.0


class ChannelSync:
    """Syncs one channel."""

    def __init__(self, tools: Tools, channel: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._channel = channel
        self._allow_wipe = allow_wipe
        self._upstream = ChannelUpstream(
            tools.fetcher, tools.settings.channel_url(channel), tools.state.upstream(channel)
        )
        self._surveyor = Surveyor(channel, self._upstream, tools.settings, tools.mirror, self._warn)
        self.result = ChannelResult(channel)

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            UpstreamError: an index can't be had or trusted.
            GuardError, NoSpaceError: the run would be refused.
        """
        ledger = Ledger.read(self._tools.state.ledger(self._channel))
        with ledger or contextlib.nullcontext():
            survey = self._surveyor.survey(ledger, self._surveyor.fetch())
        self.result.plan = survey.totals
        self._check(survey)
        return self.result.plan

    def run(self) -> ChannelResult:
        """Sync the channel.

        Raises:
            UpstreamError: an index can't be had or trusted; nothing was changed.
            GuardError, NoSpaceError: the plan was refused; nothing was changed.
            VolumeError: a volume refused; what was committed stays.
            InterruptedRunError: the run was stopped; what was committed stays.
        """
        tools = self._tools
        with self._open() as ledger:
            committer = Committer(tools.mirror, self._channel, ledger, now=tools.now)
            retirement = Retirement(tools.mirror, self._channel, ledger)
            with self._locked():
                self._recover(committer, retirement)
            fetched = self._surveyor.fetch()
            if ledger.note("settled") == self._surveyor.inputs(fetched):
                self.result.unchanged = True
            else:
                self._change(ledger, committer, retirement, fetched)
            with self._locked():
                if self.result.unchanged:  # upstream took back what a stopped run was fetching
                    committer.clear_staging(fetched)
                self._tidy(ledger, retirement)
            self.result.committed_serial = ledger.serial
        return self.result

    def tidy(self) -> None:
        """Finish what an interrupted run left, and delete what is due; upstream is not asked.

        Raises:
            VolumeError: a volume refused.
        """
        tools = self._tools
        with self._open() as ledger, self._locked():
            retirement = Retirement(tools.mirror, self._channel, ledger)
            self._recover(Committer(tools.mirror, self._channel, ledger, now=tools.now), retirement)
            self._tidy(ledger, retirement)

    def _open(self) -> LedgerWriter:
        return open_ledger(self._tools, self._channel)

    def _recover(self, committer: Committer, retirement: Retirement) -> None:
        if recovered := committer.finish():
            _LOG.info(
                "%s: finished a commit of %d artifacts that was interrupted",
                self._channel, recovered,
            )  # fmt: skip
        retirement.quarantine()
        # A file that was half moved must be where its row says before its name is wanted again.
        retirement.move(self._published())

    def _published(self) -> generations.Generation | None:
        return generations.published(self._tools.mirror, self._tools.state, self._channel)

    def _locked(self) -> locks.Held:
        return hold_channel(self._tools, self._channel)

    def _warn(self, warning: str) -> None:
        if warning not in self.result.warnings:
            self.result.warnings.append(warning)
            _LOG.warning("%s: %s", self._channel, warning)

    def _check(self, survey: Survey) -> None:
        if self._tools.adoption is None:  # else nothing retires, and a link takes no space
            self._surveyor.check(survey, allow_wipe=self._allow_wipe)

    def _change(
        self, ledger: LedgerWriter, committer: Committer, retirement: Retirement, fetched: Fetches
    ) -> None:
        survey = self._surveyor.survey(ledger, fetched)
        self.result.plan = survey.totals
        self._tools.show_plan(self.result.plan)
        batch = Batch(self._tools.settings)
        failures = self._carry_out(survey, committer, batch)
        if failures and self._surveyor.has_moved(survey):
            _LOG.info("%s: upstream changed meanwhile; looking again", self._channel)
            self._commit(committer, batch)
            survey = self._surveyor.survey(ledger, self._surveyor.fetch())
            failures = self._carry_out(survey, committer, batch)
        if self._tools.adoption is not None:
            self._commit(committer, batch)
            return  # a part of a sync: the next whole one does the rest
        self._report(survey, failures)
        supplement = Supplement(self._upstream, ledger, self._warn)
        supplement.fetch(survey)
        # One hold of the lock for all of it: the indexer makes one generation of one sync.
        with self._locked():
            self._commit_locked(committer, batch)
            supplement.commit()
            if all(_is_upstreams_own(failed) for failed in failures):
                self.result.retired = retirement.retire(
                    [(plan.subdir, name) for plan in survey.plans for name in plan.retired],
                    now=self._tools.now(),
                    reason="removed",
                )
            if not failures:
                committer.clear_staging(survey.fetched)
                with ledger.transaction("settle run"):
                    ledger.set_note("settled", self._surveyor.inputs(survey.fetched))

    def _report(self, survey: Survey, failures: Sequence[Failed]) -> None:
        for failed in failures:
            artifact = failed.task.artifact
            self.result.fail(artifact.filename, artifact.subdir, str(failed.error))
        for plan in survey.plans:
            for refused in plan.refused:
                self.result.fail(refused.filename, plan.subdir, refused.reason)

    def _carry_out(self, survey: Survey, committer: Committer, batch: Batch) -> list[Failed]:
        """Stage what a survey found missing, and commit it but for the last batch.

        Returns what could not be had.
        """
        self._check(survey)
        self._surveyor.remember(survey)
        batch.hotfixes.extend(artifact for plan in survey.plans for artifact in plan.hotfixed)
        tasks = [
            Task(self._channel, artifact, (self._url(survey, artifact),))
            for plan in survey.plans
            for artifact in plan.downloads
        ]
        return self._stage(tasks, committer, batch) if tasks else []

    def _url(self, survey: Survey, artifact: Wanted) -> str:
        base_url = survey.indexes[artifact.subdir].base_url
        return self._upstream.artifact_url(artifact.subdir, artifact.filename, base_url)

    def _stage(self, tasks: Sequence[Task], committer: Committer, batch: Batch) -> list[Failed]:
        progress = Progress(
            self._channel,
            artifacts=len(tasks),
            size=download_size(task.artifact for task in tasks),
            bars=self._tools.bars,
        )
        failures: list[Failed] = []
        absent = 0
        with progress:
            downloads = Downloads(
                self._tools.transfers,
                self._tools.mirror,
                self._tools.stop,
                workers=self._tools.settings.connections,
                meter=progress,
                adoption=self._tools.adoption,
            )
            try:
                for outcome in downloads.run(tasks):
                    if isinstance(outcome, Staged):
                        batch.add(outcome)
                    elif isinstance(outcome, Absent):
                        absent += 1
                    elif isinstance(outcome, Failed):
                        failures.append(outcome)
                        _LOG.warning("%s: %s", self._channel, outcome.error)
                    if outcome is not None:
                        progress.finished()
                    progress.show()
                    if batch.is_due:
                        self._commit(committer, batch)
            except InterruptedRunError:
                self._commit(committer, batch)
                raise
        if absent:
            self._warn(
                f"{absent:,} artifacts are not there, or not intact: the next sync gets them"
            )
        return failures

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
            committed = [(item.task.artifact, item.sha256) for item in staged]
            let_go(self._tools.mirror, self._tools.adoption, self._channel, committed)
        size = sum(item.size for item in staged)
        self.result.downloaded += len(staged)
        self.result.downloaded_size += size
        _LOG.info("%s: committed %d artifacts, %d bytes", self._channel, len(staged), size)
        self._tools.checkpoint()

    def _tidy(self, ledger: LedgerWriter, retirement: Retirement) -> None:
        tools = self._tools
        retirement.move(self._published())
        expired = retirement.expire(
            generations.kept(tools.state, self._channel),
            now=tools.now(),
            grace_seconds=tools.settings.retire_days * _DAY,
        )
        self.result.expired = expired.artifacts


def hold_channel(tools: Tools, channel: str) -> locks.Held:
    """The channel's lock, for a ``with`` block; an index run of hours is waited for."""
    return locks.Held(
        tools.state.channel_lock(channel),
        role="syncer",
        wait_seconds=_LONGEST_WAIT,
        on_wait=lambda holder: _LOG.info("%s: waiting for %s", channel, holder),
        sleep=tools.stop.sleep,
    )


def open_ledger(tools: Tools, channel: str) -> LedgerWriter:
    """The channel's ledger, with this run in its history.

    Raises:
        VolumeError, StateError: it can't be used.
    """
    return LedgerWriter.create(
        tools.state.ledger(channel), run=tools.run, policy=tools.settings.selection.fingerprint
    )


def _is_upstreams_own(failed: Failed) -> bool:
    """Whether upstream itself is inconsistent: that must not keep removed artifacts alive."""
    error = failed.error
    gone = isinstance(error, HttpStatusError) and error.status in {403, 404, 410}
    return gone or isinstance(error, IntegrityError)
