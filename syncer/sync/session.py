"""One sync run, start to end.

Claim the volumes, take the sync lock, sync each channel, write the run document. One channel's
trouble does not hold back the others; a volume's trouble ends the run.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from syncer.artifacts.adopt import Adoption
from syncer.planning.canary import Canaries
from syncer.planning.offer import Offers
from syncer.planning.selections import Selections
from syncer.settings.settings import Settings
from syncer.sync.channel.channel import ChannelSync
from syncer.sync.evicting import Evicting
from syncer.sync.failure import kind_of
from syncer.sync.pulse import Pulse
from syncer.sync.recorder import Recorder
from syncer.sync.run import ChannelResult, Run
from syncer.sync.tools import Tools
from syncer.sync.work import Maker, Work
from syncer.transport import network
from syncer.transport.fetch import Fetch
from syncer.transport.retry import Limits
from syncer.transport.throttle import throttle
from volume import identity, locks, run_document
from volume.disk.files import replace as replace_file
from volume.errors import InterruptedRunError, MirrorError, StateError, VolumeError
from volume.layout import NAME_MAPPING, Mirror, State
from volume.program.stop import Stop
from volume.run_document import CanaryFailure, DownloadProgress, RunDocument, Totals
from volume.wheels import PYPI

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
        network.read(settings),
        throttle=throttle(settings.rate_limit, stop),
    )
    offers = Offers(settings, state, fetch, reads_all=bool(options.explain))
    selections = Selections(
        settings, state, offers, approved=options.approved, now=now, writes=writes
    )
    return Tools(
        settings=settings,
        mirror=Mirror(settings.mirror_dir),
        state=state,
        fetch=fetch,
        stop=stop,
        show_plan=show_plan,
        offers=offers,
        selections=selections,
        canaries=Canaries(settings, state, selections.requested),
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
    with (
        locks.Held(
            shared.state.sync_lock,
            role=role,
            wait_seconds=options.wait_seconds,
            on_wait=lambda holder: _LOG.info("waiting for %s", holder),
            sleep=stop.sleep,
        ),
        stop.beating(Pulse(shared.state.sync_run).beat),
    ):
        yield shared


def sync_channels(
    shared: Tools, channels: Iterable[str], options: Options, beside: Mapping[str, Maker]
) -> Run:
    """Sync these channels, then what is beside them, and write the run document.

    To be called inside a session.

    Args:
        beside: what makes the work of each kind of installers, of the wheels, of the name mapping.
    """
    state = shared.state
    before = run_document.recall(state) or RunDocument()
    started = shared.now()
    run = Run(
        started=started,
        last_success=before.last_success,
        last_sync=before.last_sync,
        failing_since=before.failing_since or started,
        health_hours=shared.settings.health_hours,
        canaries=list(before.canaries),
        approved=list(shared.approved),
    )
    recorder = Recorder(state, health_seconds=shared.settings.health_hours * 3600)

    def save() -> None:
        run.hosts = shared.fetch.hosts.totals()
        document = run.document()
        run_document.write(state, document)
        recorder.note_run(document)

    def checkpoint() -> None:
        # The mirror may have been taken over, or unmounted, while this run goes on.
        identity.check(shared.mirror, state)
        save()

    def report(progress: DownloadProgress | None) -> None:
        run.results[-1].progress = progress
        if progress is not None:
            checkpoint()

    shared = replace(shared, checkpoint=checkpoint, report=report, bars=options.bars)
    for_channels = replace(shared, adoption=options.adoption)
    save()
    try:
        for channel in channels:
            allow_wipe = channel in options.allow_wipe
            _carry_out(ChannelSync(for_channels, channel, allow_wipe=allow_wipe), run.channels)
        Evicting(for_channels, options.allow_wipe).run(run.channels)
        of_name = {PYPI: run.wheels, NAME_MAPPING: run.name_mapping}
        for name, make in beside.items():
            allow_wipe = name in options.allow_wipe
            results = of_name.get(name, run.installers)
            _carry_out(make(shared, name, allow_wipe=allow_wipe), results)
        if not any(result.status == "failed" for result in run.channels):
            run.unmet = shared.selections.unmet
            run.approved = [one for one in run.approved if one not in run.unmet]
        _look_at_canaries(run, shared)
    except InterruptedRunError as error:
        run.status = "stopped"
        run.end(error)
    except VolumeError as error:
        run.end(error)
    run.conclude(shared.now())
    _save_last(run, state, save)
    return run


def _look_at_canaries(run: Run, shared: Tools) -> None:
    """Note which environments can't be installed; where nobody looks that is as it was."""
    if all(result.unchanged for result in run.channels):
        return
    try:
        failures = shared.canaries.check()
    except StateError as error:  # that channel's own result says so too; the run goes on to its end
        _LOG.error("the canaries can't be looked at: %s", error)
        return
    run.canaries = [CanaryFailure(one.name, one.subdir, one.why) for one in failures]
    for failure in failures:
        _LOG.warning("%s", failure)


def _carry_out(work: Work, results: list[ChannelResult]) -> None:
    result = work.result
    results.append(result)
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


def _save_last(run: Run, state: State, save: Callable[[], None]) -> None:
    """Write the final documents; a full disk must not hide why the run failed."""
    try:
        replace_file(state.sync_left_out, run.left_out_lines().encode(errors="replace"))
        save()
    except VolumeError as error:
        if run.error is None:
            raise
        _LOG.error("%s", error)
