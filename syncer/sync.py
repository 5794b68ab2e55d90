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

from syncer import run as runs
from syncer.adopt import Adoption
from syncer.channel import ChannelSync
from syncer.environment import Environment
from syncer.fetch import Fetcher
from syncer.plan import Totals
from syncer.retry import Limits
from syncer.run import Run
from syncer.settings import Settings
from syncer.tools import Tools
from syncer.transfer import Transfers
from volume import identity, locks
from volume.errors import InterruptedRunError, MirrorError, VolumeError
from volume.layout import Mirror, State
from volume.stop import Stop

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may say about one run. ``wait_seconds`` is for another run's end."""

    wait_seconds: float = 0.0
    allow_wipe: Collection[str] = ()
    accept_new_mirror: bool = False
    bars: bool = False
    adoption: Adoption | None = None


def tools(settings: Settings, stop: Stop, show_plan: Callable[[Sequence[Totals]], None]) -> Tools:
    """What every channel of a run shares."""
    environment = Environment()
    limits = Limits(
        read_timeout=settings.read_timeout, tries=settings.tries, user_agent=settings.user_agent
    )
    return Tools(
        settings=settings,
        mirror=Mirror(settings.mirror_dir),
        state=State(settings.state_dir),
        fetcher=Fetcher(limits, stop, environment),
        transfers=Transfers(limits, stop, environment),
        stop=stop,
        show_plan=show_plan,
        run=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@contextlib.contextmanager
def session(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    role: str,
    show_plan: Callable[[Sequence[Totals]], None],
) -> Iterator[Tools]:
    """The volumes, claimed, and nobody else at work on them.

    Raises:
        WrongVolumeError: the volumes do not belong together.
        LockBusyError: another sync runs.
        VolumeError, StateError: a volume can't be used at all.
    """
    shared = tools(settings, stop, show_plan)
    identity.claim(shared.mirror, shared.state, accept_new_mirror=options.accept_new_mirror)
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
    with session(settings, options, stop, role="sync", show_plan=show_plan) as shared:
        return sync_channels(replace(shared, now=now), settings.channels, options)


def sync_channels(shared: Tools, channels: Iterable[str], options: Options) -> Run:
    """Sync these channels, inside a session, and write the run document."""
    state = shared.state
    before = runs.read(state) or {}
    started = shared.now()
    run = Run(
        started=started,
        last_success=before.get("last_success"),
        last_sync=before.get("last_sync"),
        failing_since=before.get("failing_since") or started,
    )
    runs.write(state, run)
    try:
        for channel in channels:
            _sync_channel(run, shared, channel, options)
    except InterruptedRunError as error:
        run.status, run.error = "stopped", str(error)
    except VolumeError as error:
        run.error = str(error)
    run.conclude(shared.now())
    _write_last(state, run)
    return run


def _sync_channel(run: Run, shared: Tools, channel: str, options: Options) -> None:
    with_progress = replace(
        shared,
        checkpoint=lambda: runs.write(shared.state, run),
        bars=options.bars,
        adoption=options.adoption,
    )
    work = ChannelSync(with_progress, channel, allow_wipe=channel in options.allow_wipe)
    run.channels.append(work.result)
    try:
        work.run()
    except (InterruptedRunError, VolumeError) as error:
        work.result.status = "failed"
        work.result.error = str(error)
        raise
    except MirrorError as error:
        work.result.status = "failed"
        work.result.error = str(error)
        _LOG.error("%s: %s", channel, error)


def _write_last(state: State, run: Run) -> None:
    """Write the final document; a full disk must not hide why the run failed."""
    try:
        runs.write(state, run)
    except VolumeError as error:
        if run.error is None:
            raise
        _LOG.error("%s", error)


def preview(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
) -> tuple[list[Totals], list[str]]:
    """What a run would do, and what would keep it from doing it; nothing is changed."""
    shared = tools(settings, stop, lambda found: None)
    found: list[Totals] = []
    problems: list[str] = []
    for channel in settings.channels:
        work = ChannelSync(shared, channel, allow_wipe=channel in options.allow_wipe)
        try:
            found.extend(work.preview())
        except MirrorError as error:
            if isinstance(error, InterruptedRunError):
                raise
            found.extend(work.result.plan)
            problems.append(f"{channel}: {error}")
    if found:
        show_plan(found)
    return found, problems
