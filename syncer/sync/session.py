"""One sync run, start to end.

Claim the volumes, take the sync lock, sync each channel, write the run document. One channel's
trouble does not hold back the others; a volume's trouble ends the run.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncer.artifacts.adopt import Adoption
from syncer.planning.canaries import Canaries
from syncer.planning.choices import Choices
from syncer.planning.offer import Offers
from syncer.settings.settings import Settings
from syncer.sync.channel import ChannelSync
from syncer.sync.failure import kind_of
from syncer.sync.recorder import Recorder
from syncer.sync.run import Run
from syncer.sync.tools import Tools
from syncer.transport import network
from syncer.transport.fetch import Fetch
from syncer.transport.retry import Limits
from syncer.transport.throttle import throttle
from syncer.upstream.reader import Reader
from volume import identity, locks, run_document
from volume.errors import InterruptedRunError, MirrorError, StateError, VolumeError
from volume.layout import Mirror, State
from volume.program.stop import Stop
from volume.run_document import CanaryFailure, Facts, RunDocument, Totals

if TYPE_CHECKING:
    from syncer.installers.work import InstallersSync

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may say about one run. ``wait_seconds`` is for another run's end."""

    wait_seconds: float = 0.0
    allow_wipe: Collection[str] = ()
    word: identity.Word = identity.NOTHING_SAID
    bars: bool = False
    adoption: Adoption | None = None
    approved: Collection[str] = ()
    is_strict: bool = False
    explain: str = ""


def tools(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
    writes: bool = True,
) -> Tools:
    """What every channel of a run shares.

    Args:
        writes: whether what is learned of upstream is kept; a dry run changes nothing.

    Raises:
        ConfigError: secrets, a proxy, the CA bundle or a spec file can't be used.
    """
    limits = Limits(
        read_timeout=settings.read_timeout, tries=settings.tries, user_agent=settings.user_agent
    )
    state = State(settings.state_dir)
    fetch = Fetch(
        limits,
        stop,
        network.read(settings.secrets_dir),
        throttle=throttle(settings.rate_limit, stop),
    )
    reader = Reader(fetch, workers=settings.connections)
    offers = Offers(settings, state, reader, reads_all=bool(options.explain))
    choices = Choices(settings, state, offers, approved=options.approved, now=now, writes=writes)
    return Tools(
        settings=settings,
        mirror=Mirror(settings.mirror_dir),
        state=state,
        fetch=fetch,
        stop=stop,
        show_plan=show_plan,
        offers=offers,
        choices=choices,
        canaries=Canaries(settings, state, choices.demands),
        is_strict=options.is_strict,
        writes=writes,
        now=now,
        run=datetime.now(UTC).isoformat(timespec="seconds"),
        approved=tuple(options.approved),
    )


@contextlib.contextmanager
def session(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    role: str,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
) -> Iterator[Tools]:
    """The volumes, claimed, and nobody else at work on them.

    Raises:
        WrongVolumeError: the volumes do not belong together.
        LockBusyError: another sync runs.
        VolumeError, StateError: a volume can't be used at all.
    """
    shared = tools(settings, options, stop, show_plan=show_plan, now=now)
    identity.claim(shared.mirror, shared.state, options.word)
    if role != "verify":  # which finds out what is left, and fetches it again
        identity.check_present(shared.mirror, shared.state, settings.channels)
    with locks.Held(
        shared.state.sync_lock,
        role=role,
        wait_seconds=options.wait_seconds,
        on_wait=lambda holder: _LOG.info("waiting for %s", holder),
        sleep=stop.sleep,
    ):
        yield shared


def sync(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
) -> Run:
    """Sync every channel once.

    Raises:
        MirrorError: as ``session`` does; what goes wrong later is in the run.
    """
    with session(settings, options, stop, role="sync", show_plan=show_plan, now=now) as shared:
        kinds = () if options.adoption else settings.installers
        return sync_channels(shared, settings.channels, options, kinds)


def sync_channels(
    shared: Tools, channels: Iterable[str], options: Options, installers: Iterable[str] = ()
) -> Run:
    """Sync these channels, then these kinds of installers, and write the run document.

    To be called inside a session.
    """
    state = shared.state
    before = run_document.read(state) or RunDocument()
    started = shared.now()
    run = Run(
        started=started,
        last_success=before.last_success,
        last_sync=before.last_sync,
        failing_since=before.failing_since or started,
        health_hours=shared.settings.health_hours,
        approved=list(shared.approved),
    )
    recorder = Recorder(state, health_seconds=shared.settings.health_hours * 3600)

    def save() -> None:
        run.hosts = shared.fetch.hosts.totals()
        document = run.document()
        run_document.write(state, document)
        recorder.note_run(document)

    def report(progress: Facts | None) -> None:
        (*run.channels, *run.installers)[-1].progress = progress
        if progress is not None:
            save()

    shared = replace(shared, checkpoint=save, report=report)
    save()
    try:
        for channel in channels:
            _sync_channel(run, shared, channel, options)
        for kind in installers:
            _sync_installers(run, shared, kind, options)
        _look_at_canaries(run, shared, before)
    except InterruptedRunError as error:
        run.status, run.error = "stopped", str(error)
    except VolumeError as error:
        run.error = str(error)
    run.conclude(shared.now())
    _save_last(run, save)
    return run


def _sync_channel(run: Run, shared: Tools, channel: str, options: Options) -> None:
    with_progress = replace(shared, bars=options.bars, adoption=options.adoption)
    work = ChannelSync(with_progress, channel, allow_wipe=channel in options.allow_wipe)
    run.channels.append(work.result)
    _carry_out(work)


def _look_at_canaries(run: Run, shared: Tools, before: RunDocument) -> None:
    """Note which environments can't be installed; if nothing changed that is as it was."""
    if all(result.unchanged for result in run.channels):
        run.canaries = list(before.canaries)
        return
    try:
        failures = shared.canaries.check()
    except StateError as error:  # that channel's own result says so too; the run goes on to its end
        run.canaries = list(before.canaries)
        _LOG.error("the canaries can't be looked at: %s", error)
        return
    for failure in failures:
        run.canaries.append(CanaryFailure(failure.name, failure.subdir, failure.why))
        _LOG.warning("%s", failure)


def _sync_installers(run: Run, shared: Tools, kind: str, options: Options) -> None:
    from syncer.installers.work import InstallersSync

    with_progress = replace(shared, bars=options.bars)
    work = InstallersSync(with_progress, kind, allow_wipe=kind in options.allow_wipe)
    run.installers.append(work.result)
    _carry_out(work)


def _carry_out(work: ChannelSync | InstallersSync) -> None:
    result = work.result
    try:
        work.run()
    except (InterruptedRunError, VolumeError) as error:
        result.status = "failed"
        result.error = str(error)
        if isinstance(error, VolumeError):
            result.count(kind_of(error))
        raise
    except MirrorError as error:
        result.status = "failed"
        result.error = str(error)
        result.count(kind_of(error))
        _LOG.error("%s: %s", result.channel, error)


def _save_last(run: Run, save: Callable[[], None]) -> None:
    """Write the final document; a full disk must not hide why the run failed."""
    try:
        save()
    except VolumeError as error:
        if run.error is None:
            raise
        _LOG.error("%s", error)
