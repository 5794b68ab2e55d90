"""One channel's part of a run: look, plan, stage, commit, retire, expire.

Guaranteed: what can't be had is left out and reported, the rest is committed; nothing retires
unless every index was read, the guards agree and no transfer failed; a run that finds nothing new
does no more than ask.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncer.adopt import Adoption, let_go
from syncer.commit import Committer
from syncer.download import Absent, Downloads, Failed, Staged, Task, staged_path
from syncer.errors import (
    HttpStatusError,
    IndexRejectedError,
    IntegrityError,
    InterruptedRunError,
    UpstreamError,
)
from syncer.fetch import Fetcher
from syncer.guard import check_space, check_wipe
from syncer.plan import SubdirPlan, Totals, download_size, plan_subdir, totals
from syncer.progress import Progress
from syncer.repodata import Index, Wanted, empty, parse
from syncer.retire import Retirement
from syncer.retry import Stop
from syncer.run import ChannelResult
from syncer.settings import Settings
from syncer.supplement import Supplement
from syncer.transfer import Transfers
from syncer.upstream import ChannelUpstream, Fetched
from volume import generations, locks
from volume.files import volume_error
from volume.layout import Mirror, State
from volume.ledger import Ledger

_LOG = logging.getLogger(__name__)
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every channel of a run shares."""

    settings: Settings
    mirror: Mirror
    state: State
    fetcher: Fetcher
    transfers: Transfers
    stop: Stop
    show_plan: Callable[[Sequence[Totals]], None]
    checkpoint: Callable[[], None] = lambda: None
    bars: bool = False
    adoption: Adoption | None = None
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class _Look:
    """What upstream offers at this moment."""

    fetched: dict[str, Fetched | None] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    plans: list[SubdirPlan] = field(default_factory=list)


class ChannelSync:
    """Syncs one channel."""

    def __init__(self, tools: Tools, channel: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._channel = channel
        self._allow_wipe = allow_wipe
        self._upstream = ChannelUpstream(
            tools.fetcher, tools.settings.channel_url(channel), tools.state.upstream(channel)
        )
        self.result = ChannelResult(channel)

    # -- looking ---------------------------------------------------------------------------------

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            UpstreamError: an index can't be had or trusted.
            GuardError, NoSpaceError: the run would be refused.
        """
        ledger = Ledger.read(self._tools.state.ledger(self._channel))
        with ledger or contextlib.nullcontext():
            look = self._look(ledger)
        self.result.plan = [totals(self._channel, plan) for plan in look.plans]
        self._check(look.plans)
        return self.result.plan

    def _fetch(self) -> dict[str, Fetched | None]:
        fetched = {
            subdir: self._upstream.fetch_index(subdir) for subdir in self._tools.settings.subdirs
        }
        if not any(fetched.values()):
            raise IndexRejectedError(
                f"{self._upstream.shown} has none of {', '.join(fetched)}: no repodata.json there."
                f" Is {self._channel!r} spelt right, and is it a channel of this upstream?"
            )
        return fetched

    def _inputs(self, fetched: dict[str, Fetched | None]) -> str:
        """Changes when the outcome of a clean run may."""
        parts = [f"{subdir}={found and found.digest}" for subdir, found in sorted(fetched.items())]
        parts.append(self._tools.settings.selection.fingerprint)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _look(
        self, ledger: Ledger | None, fetched: dict[str, Fetched | None] | None = None
    ) -> _Look:
        look = _Look(fetched=fetched or self._fetch())
        selection = self._tools.settings.selection
        for subdir, found in look.fetched.items():
            known = ledger.known(subdir) if ledger else {}
            if found is None:
                if known:
                    raise IndexRejectedError(
                        f"{self._upstream.shown}/{subdir} is gone, and {len(known):,} artifacts of"
                        " it are mirrored: they stay as they are. If it is gone for good, take"
                        f" {subdir} out of SUBDIRS"
                    )
                self._warn(f"upstream has no {subdir}: nothing to mirror there")
                look.indexes[subdir] = empty(subdir)
            else:
                content = self._upstream.content(found, f"{subdir}.index")
                look.indexes[subdir] = parse(content, subdir)
                del content
            look.plans.append(plan_subdir(look.indexes[subdir], selection, known))
        for subdir in ledger.subdirs() if ledger else []:
            if subdir not in look.fetched and ledger:
                # SUBDIRS was narrowed: everything in it leaves, as the wipe guard allows.
                look.plans.append(plan_subdir(empty(subdir), selection, ledger.known(subdir)))
        return look

    def _warn(self, warning: str) -> None:
        if warning not in self.result.warnings:
            self.result.warnings.append(warning)
            _LOG.warning("%s: %s", self._channel, warning)

    def _check(self, plans: Sequence[SubdirPlan]) -> None:
        settings = self._tools.settings
        if self._tools.adoption is not None:
            return  # nothing retires, and a link takes no space
        if not self._allow_wipe:
            check_wipe(self._channel, plans, settings.wipe_guard_percent)
        free = free_space(self._tools.mirror)
        needed = sum(plan.download_size for plan in plans)
        if needed + settings.min_free > free:
            needed -= sum(self._present_size(artifact) for p in plans for artifact in p.downloads)
        check_space(needed, free, settings.min_free)

    def _present_size(self, artifact: Wanted) -> int:
        """Bytes of a download that are here already, in part or (state lost) as a whole."""
        mirror, subdir, filename = self._tools.mirror, artifact.subdir, artifact.filename
        for folder in (
            mirror.artifacts(self._channel, subdir), mirror.retired(self._channel, subdir)
        ):  # fmt: skip
            if (found := _size(folder / filename)) == artifact.size:
                return found
        staged = staged_path(mirror, self._channel, subdir, filename, artifact.digest)
        return min(_size(staged), artifact.size or 0)

    # -- doing -----------------------------------------------------------------------------------

    def run(self) -> ChannelResult:
        """Sync the channel.

        Raises:
            UpstreamError: an index can't be had or trusted; nothing was changed.
            GuardError, NoSpaceError: the plan was refused; nothing was changed.
            VolumeError: a volume refused; what was committed stays.
            InterruptedRunError: the run was stopped; what was committed stays.
        """
        tools = self._tools
        with Ledger.create(tools.state.ledger(self._channel)) as ledger:
            committer = Committer(tools.mirror, self._channel, ledger, now=tools.now)
            retirement = Retirement(tools.mirror, self._channel, ledger)
            with self._locked():
                if recovered := committer.finish():
                    _LOG.info(
                        "%s: finished a commit of %d artifacts that was interrupted",
                        self._channel, recovered,
                    )  # fmt: skip
                retirement.quarantine()
            fetched = self._fetch()
            inputs = self._inputs(fetched)
            if ledger.note("settled") == inputs:
                self.result.unchanged = True
            else:
                self._change(ledger, committer, retirement, fetched)
            with self._locked():
                self._tidy(ledger, retirement)
            self.result.committed_serial = ledger.serial
        return self.result

    def _locked(self) -> locks.Held:
        return locks.Held(
            self._tools.state.channel_lock(self._channel),
            role="syncer",
            wait_seconds=6 * 3600.0,
            on_wait=lambda holder: _LOG.info("%s: waiting for %s", self._channel, holder),
            sleep=self._tools.stop.sleep,
        )

    def _change(
        self,
        ledger: Ledger,
        committer: Committer,
        retirement: Retirement,
        fetched: dict[str, Fetched | None],
    ) -> None:
        look = self._look(ledger, fetched)
        self.result.plan = [totals(self._channel, plan) for plan in look.plans]
        self._tools.show_plan(self.result.plan)
        self._check(look.plans)
        self._remember(look)
        failures = self._stage_and_commit(look, committer)
        if failures and self._upstream_moved(look):
            _LOG.info("%s: upstream changed meanwhile; looking again", self._channel)
            look = self._look(ledger)
            self._check(look.plans)
            self._remember(look)
            failures = self._stage_and_commit(look, committer)
        if self._tools.adoption is not None:
            return  # a part of a sync: the next whole one does the rest
        for failed in failures:
            artifact = failed.task.artifact
            self.result.fail(artifact.filename, artifact.subdir, str(failed.error))
        for plan in look.plans:
            for refused in plan.refused:
                self.result.fail(refused.filename, plan.subdir, refused.reason)
        supplement = Supplement(self._upstream, ledger, self._warn)
        supplement.fetch(look.indexes.values())
        with self._locked():
            supplement.commit()
            if all(_is_upstreams_own(failed) for failed in failures):
                self.result.retired = retirement.retire(
                    [(plan.subdir, name) for plan in look.plans for name in plan.retired],
                    now=self._tools.now(),
                    reason="removed",
                )
            if not failures:
                committer.clear_staging(look.fetched)
                with ledger.transaction("settle run"):
                    ledger.set_note("settled", self._inputs(look.fetched))

    def _remember(self, look: _Look) -> None:
        """Keep the indexes once the guards have accepted them, not before."""
        for subdir, found in look.fetched.items():
            if found is not None:
                self._upstream.remember(found, f"{subdir}.index")

    def _upstream_moved(self, look: _Look) -> bool:
        """Whether upstream published while we downloaded (then a 404 is no failure of its)."""
        try:
            return self._inputs(self._fetch()) != self._inputs(look.fetched)
        except UpstreamError:
            return False

    def _stage_and_commit(self, look: _Look, committer: Committer) -> list[Failed]:
        hotfixed = [artifact for plan in look.plans for artifact in plan.hotfixed]
        with self._locked():
            committer.take_over_records(hotfixed)
        tasks = [
            Task(
                self._channel,
                artifact,
                (
                    self._upstream.artifact_url(
                        plan.subdir, artifact.filename, look.indexes[plan.subdir].base_url
                    ),
                ),
            )
            for plan in look.plans
            for artifact in plan.downloads
        ]
        if not tasks:
            return []
        progress = Progress(
            self._channel,
            artifacts=len(tasks),
            size=download_size(task.artifact for task in tasks),
            bars=self._tools.bars,
        )
        failures: list[Failed] = []
        absent = 0
        batch = _Batch(self._tools)
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
            self._commit(committer, batch)
        if absent:
            self._warn(
                f"{absent:,} artifacts are not there, or not intact: the next sync gets them"
            )
        return failures

    def _commit(self, committer: Committer, batch: _Batch) -> None:
        staged = batch.take()
        if not staged:
            return
        # While the run is being stopped this does not wait: what is staged is found by the next.
        with self._locked():
            committer.commit(staged)
        if self._tools.adoption is not None:
            let_go(self._tools.adoption, self._channel, [item.task.artifact for item in staged])
        size = sum(item.size for item in staged)
        self.result.downloaded += len(staged)
        self.result.downloaded_size += size
        _LOG.info("%s: committed %d artifacts, %d bytes", self._channel, len(staged), size)
        self._tools.checkpoint()

    def _tidy(self, ledger: Ledger, retirement: Retirement) -> None:
        tools = self._tools
        published = generations.published(tools.mirror, tools.state, self._channel)
        retirement.move(published)
        expired = retirement.expire(
            generations.kept(tools.state, self._channel),
            now=tools.now(),
            grace_seconds=tools.settings.retire_days * _DAY,
        )
        self.result.expired = expired.artifacts


def free_space(mirror: Mirror) -> int:
    """Bytes free on the mirror volume.

    Raises:
        VolumeError: there is no such volume.
    """
    try:
        return shutil.disk_usage(mirror.root).free
    except OSError as error:
        raise volume_error(error, "look at", mirror.root) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class _Batch:
    """Staged artifacts until the next checkpoint."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._staged: list[Staged] = []
        self._size = 0
        self._since = time.monotonic()

    def add(self, staged: Staged) -> None:
        self._staged.append(staged)
        self._size += staged.size

    @property
    def is_due(self) -> bool:
        settings = self._tools.settings
        age = time.monotonic() - self._since
        return bool(self._staged) and (
            self._size >= settings.checkpoint_size or age >= 60 * settings.checkpoint_minutes
        )

    def take(self) -> list[Staged]:
        staged, self._staged = self._staged, []
        self._size = 0
        self._since = time.monotonic()
        return staged


def _is_upstreams_own(failed: Failed) -> bool:
    """Whether upstream itself is inconsistent: that must not keep removed artifacts alive."""
    error = failed.error
    gone = isinstance(error, HttpStatusError) and error.status in {403, 404, 410}
    return gone or isinstance(error, IntegrityError)
