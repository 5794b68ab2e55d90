"""What the mirror holds and how it fares: ``syncer status`` and ``syncer health``.

Reads only, and never waits for a lock.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from syncer.artifacts import kept
from syncer.artifacts.recovery import strays
from syncer.ops import presence
from syncer.planning.relations import notes, of_ledger
from syncer.settings.settings import Settings
from volume import generations, installers, locks, run_document, unclaimed, wheels
from volume.disk import documents
from volume.errors import MirrorError, StateError
from volume.layout import NAME_MAPPING, Mirror, State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises
from volume.ledger.ungiven import KINDS, UngivenTable
from volume.program.durations import duration, moment
from volume.program.printable import printable_lines
from volume.program.sizes import amount
from volume.run_document import HostTotals, Keeping, RunDocument, named
from volume.unclaimed import Unclaimed

HUNG_SECONDS = 1800.0
"""So long nothing may be heard of a run: to solve, or to sync a slow disk, takes less."""

_MOST_KEPT = 10  # shown by name; the run document and --json have more


@dataclass(frozen=True, slots=True)
class NotGiven:
    """What upstream lists and did not give when somebody asked: times as in ``Ungiven``."""

    subdir: str
    filename: str
    kind: str
    since: float
    last: float
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel: sizes in bytes, times in seconds since the epoch.

    ``subdirs`` are artifacts and bytes that are listed, ``promised`` those of them that are not
    here; ``twins`` is how many artifacts of a subdir have two records. ``pruned`` are not here, or
    not for long, as nobody asked for them. ``trouble`` is why nothing else can be said of it.
    """

    channel: str
    committed_serial: int
    published_serial: int | None
    published: float | None
    subdirs: dict[str, tuple[int, int]] = field(default_factory=dict)
    promised: dict[str, tuple[int, int]] = field(default_factory=dict)
    twins: dict[str, int] = field(default_factory=dict)
    retired: int = 0
    retired_size: int = 0
    kept: Keeping = field(default_factory=Keeping)
    pruned: int = 0
    pruned_size: int = 0
    ungiven: tuple[NotGiven, ...] = ()
    is_held: bool = False
    quarantined: tuple[str, ...] = ()
    wrong_md5: tuple[str, ...] = ()
    trouble: str | None = None
    relations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstallersStatus:
    """One kind of installers; ``size`` is in bytes."""

    kind: str
    installers: int
    size: int


@dataclass(frozen=True, slots=True)
class WheelsStatus:
    """The wheels that the index lists, and those that it does not any more; sizes in bytes.

    ``trouble`` is why they can't be told.
    """

    wheels: int = 0
    size: int = 0
    retired: int = 0
    retired_size: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole mirror."""

    running: str | None
    run: RunDocument | None
    channels: tuple[ChannelStatus, ...]
    installers: tuple[InstallersStatus, ...]
    wheels: WheelsStatus | None
    free: int | None
    trouble: str | None = None
    left_out: str | None = None
    unclaimed: tuple[Unclaimed, ...] = ()
    name_mapping: float | None = None

    def document(self) -> dict[str, Any]:
        """The status as plain data."""
        return asdict(self)

    @property
    def is_whole(self) -> bool:
        """Whether something could be said of every channel, and of the wheels."""
        wheels = self.wheels is None or self.wheels.trouble is None
        return wheels and all(one.trouble is None for one in self.channels)


def status(settings: Settings) -> Status:
    """Look at the volumes. A channel that can't be read says so and hides no other.

    Raises:
        StateError: the document of the last run, or of installers, can't be read.
    """
    mirror, state = Mirror(settings.mirror_dir), State(settings.state_dir)
    held = locks.is_held(state.sync_lock)
    return Status(
        running=locks.describe_holder(state.sync_lock) if held else None,
        run=run_document.recall(state),
        channels=tuple(
            _channel_or_why(settings, mirror, state, channel) for channel in settings.channels
        ),
        installers=tuple(_installers(mirror, kind) for kind in settings.installers),
        wheels=_wheels(mirror) if settings.mirrors_wheels else None,
        free=shutil.disk_usage(mirror.root).free if mirror.root.is_dir() else None,
        trouble=presence.unwritable(settings),
        left_out=str(state.sync_left_out) if state.sync_left_out.exists() else None,
        unclaimed=tuple(unclaimed.find(mirror, state, settings.channels)),
        name_mapping=_mapped(mirror),
    )


def _installers(mirror: Mirror, kind: str) -> InstallersStatus:
    present = installers.read(mirror, kind).values()
    return InstallersStatus(kind, len(present), sum(one.size for one in present))


def _mapped(mirror: Mirror) -> float | None:
    """When the mapping of names came that is here, in seconds since the epoch."""
    try:
        return mirror.name_mapping.names.stat().st_mtime
    except OSError:
        return None


def _wheels(mirror: Mirror) -> WheelsStatus:
    try:
        present = wheels.read(mirror).values()
    except StateError as error:
        return WheelsStatus(trouble=str(error))
    here = wheels.listed(present)
    size = sum(one.size for one in here)
    return WheelsStatus(
        len(here), size, len(present) - len(here), sum(one.size for one in present) - size
    )


def _channel_or_why(
    settings: Settings, mirror: Mirror, state: State, channel: str
) -> ChannelStatus:
    try:
        return _channel(settings, mirror, state, channel)
    except MirrorError as error:
        return ChannelStatus(channel, 0, None, None, trouble=str(error))


def _channel(settings: Settings, mirror: Mirror, state: State, channel: str) -> ChannelStatus:
    published = generations.published(mirror, channel)
    is_held = documents.read(mirror.rollback(channel)) is not None
    ledger = Ledger.read(state.ledger(channel))
    serial = published.serial if published else None
    created = published.created if published else None
    if ledger is None:
        return ChannelStatus(channel, 0, serial, created)
    with ledger:
        retired = ledger.retired()
        pruned = Promises(ledger).pruned()
        return ChannelStatus(
            channel=channel,
            committed_serial=ledger.serial,
            published_serial=serial,
            published=created,
            subdirs=ledger.totals(),
            promised=Promises(ledger).totals(),
            twins=ledger.twins(),
            retired=len(retired),
            retired_size=sum(row.size for row in retired),
            kept=kept.read(ledger),
            pruned=len(pruned),
            pruned_size=sum(one.size for one in pruned),
            ungiven=tuple(
                NotGiven(
                    one.subdir,
                    one.filename,
                    one.kind,
                    one.since,
                    one.last,
                    one.tries,
                    printable_lines(one.reason),
                )
                for one in UngivenTable(ledger).all()
            ),
            is_held=is_held,
            quarantined=tuple(map(str, strays.quarantined(mirror, channel))),
            wrong_md5=tuple(map(str, ledger.wrong_md5())),
            relations=tuple(notes(settings, channel, of_ledger(channel, ledger))),
        )


def describe(found: Status) -> str:
    """The status for people."""
    lines = [found.trouble] if found.trouble else []
    lines.append(_describe_run(found))
    for channel in found.channels:
        if channel.trouble is not None:
            lines.append(f"{channel.channel}: can't be read: {channel.trouble}")
            continue
        if channel.published is None:
            state = "not published yet"
        elif channel.is_held:
            state = (
                f"published {moment(channel.published)}, by a rollback that holds until"
                f" 'indexer rollback {channel.channel} --release' or the next commit"
            )
        elif channel.committed_serial == channel.published_serial:
            state = f"published {moment(channel.published)}"
        else:
            state = f"published {moment(channel.published)}, a newer commit is being indexed"
        lines.append(f"{channel.channel}: {state}")
        lines.extend(
            f"  {subdir}: {count:,} artifacts{_records(channel, subdir)}, {amount(size)}"
            f"{_promised(channel, subdir)}"
            for subdir, (count, size) in channel.subdirs.items()
        )
        lines.extend(f"  {note}" for note in channel.relations)
        if channel.retired:
            lines.append(
                f"  out of the index, kept for now: {channel.retired:,} artifacts,"
                f" {amount(channel.retired_size)}"
            )
        if channel.pruned:
            lines.append(
                f"  not kept, as nobody asked for it (PRUNE_UNUSED_DAYS): {channel.pruned:,}"
                f" artifacts, {amount(channel.pruned_size)}"
            )
        lines.extend(_describe_kept(channel.kept))
        lines.extend(_describe_ungiven(channel.ungiven))
        if channel.quarantined:
            lines.append(
                f"  in quarantine/{channel.channel}, to be looked at and removed by you:"
                f" {_first(channel.quarantined, ', ')}"
            )
        if channel.wrong_md5:
            lines.append(
                "  of the right sha256, and published as upstream's index has it:"
                f" {_first(channel.wrong_md5, '; ')}"
            )
    lines.extend(f"{one}; {one.step}" for one in found.unclaimed)
    lines.extend(
        f"{one.kind}: {one.installers:,} installers, {amount(one.size)}" for one in found.installers
    )
    if found.wheels is not None and found.wheels.trouble:
        lines.append(named(wheels.PYPI, found.wheels.trouble))
    elif found.wheels is not None:
        lines.append(f"{wheels.PYPI}: {found.wheels.wheels:,} wheels, {amount(found.wheels.size)}")
        if found.wheels.retired:
            lines.append(
                f"  out of the index, kept for now: {found.wheels.retired:,} wheels,"
                f" {amount(found.wheels.retired_size)}"
            )
    if found.name_mapping is not None:
        lines.append(f"{NAME_MAPPING}: of {moment(found.name_mapping)}")
    if found.free is not None:
        lines.append(f"Free on the mirror volume: {amount(found.free)}")
    return "\n".join(lines)


def _promised(channel: ChannelStatus, subdir: str) -> str:
    count, size = channel.promised.get(subdir, (0, 0))
    return f"; of these {count:,}, {amount(size)}, are fetched when asked for" if count else ""


def _records(channel: ChannelStatus, subdir: str) -> str:
    """How many records that is, where there are more than artifacts."""
    twins = channel.twins.get(subdir, 0)
    return f" ({channel.subdirs[subdir][0] + twins:,} records)" if twins else ""


def _first(names: Sequence[str], between: str) -> str:
    more = len(names) - _MOST_KEPT
    return between.join(names[:_MOST_KEPT]) + (f" and {more:,} more" if more > 0 else "")


def _describe_kept(found: Keeping) -> Iterator[str]:
    if found.count:
        yield f"  still here although upstream dropped it: {found.count:,} artifacts"
        for one in found.first[:_MOST_KEPT]:
            yield f"    {one.subdir}/{one.filename}: {one.why}"
        if found.count > _MOST_KEPT:
            yield f"    ... and {found.count - _MOST_KEPT:,} more; --json lists the first 100"


def _describe_ungiven(found: Sequence[NotGiven]) -> Iterator[str]:
    for kind, meaning in KINDS.items():
        those = [one for one in found if one.kind == kind]
        if those:
            yield f"  asked for, and {meaning}: {len(those):,} artifacts"
            for one in those[:_MOST_KEPT]:
                yield f"    {one.subdir}/{one.filename}: since {moment(one.since)}"
            if len(those) > _MOST_KEPT:
                yield f"    ... and {len(those) - _MOST_KEPT:,} more; --json lists them"


def _describe_run(found: Status) -> str:
    if found.running:
        return f"A sync is running: {found.running}"
    if found.run is None:
        return "Never synced: run 'syncer --once'"
    started, finished, seconds = found.run.started, found.run.finished, found.run.seconds
    if finished is None:
        return (
            f"Last sync: began {moment(started)} and was cut off; the next one goes on from there"
        )
    text = f"Last sync: {found.run.status}, {moment(finished)}"
    text += f" (took {duration(seconds)})" if seconds is not None else ""
    if found.run.error:
        text += f"\n  {found.run.error}"
    for result in found.run.results:
        if result.error:
            text += f"\n  {named(result.channel, result.error)}"
        elif result.failed:
            text += f"\n  {result.channel}: {result.failed:,} artifacts left out"
            text += f", named in {found.left_out}" if found.left_out else ""
    for result in found.run.channels:
        if result.evicted:
            text += (
                f"\n  {result.channel}: {result.evicted:,} artifacts evicted"
                f" ({amount(result.evicted_size)}), listed still"
            )
    for spec in found.run.approved:
        text += f"\n  let in before its cooldown ended, by --approve: {spec}"
    for one in found.run.canaries:
        text += f"\n  {one.name} can't be installed on {one.subdir} from this mirror"
    for host in found.run.hosts:
        text += f"\n  {_describe_host(host)}"
    return text


def _describe_host(host: HostTotals) -> str:
    """One line on what a host was asked for, and whether it wants no more."""
    words = [f"{host.requests:,} requests", amount(host.received)]
    for count, meaning in (
        (host.unchanged, "unchanged (304)"),
        (host.retries, "tried again"),
        (host.slow_downs, "told to slow down (429)"),
    ):
        if count:
            words.append(f"{count:,} {meaning}")
    text = f"{host.host}: {', '.join(words)}"
    return f"{text}; stopped: {host.stopped}" if host.stopped else text


def last_sync(settings: Settings) -> float | None:
    """When a sync last did its work; None also where that can't be read."""
    try:
        run = run_document.recall(State(settings.state_dir))
    except StateError:
        return None
    return run.last_sync if run else None


def unhealthy(settings: Settings, now: float) -> str | None:
    """Why the syncer is not well, or None if it is: its volumes, and its last sync."""
    if not State(settings.state_dir).root.is_dir():
        return f"the state volume {settings.state_dir} is not there"
    return presence.trouble(settings) or stale(settings, now)


def stale(settings: Settings, now: float) -> str | None:
    """Why the last sync is no good one, or None if it is.

    Good means: the last sync that did its work is recent enough. One failed sync is no reason to
    alarm, and neither is a first one: both show in ``status``, and in the log.
    """
    state = State(settings.state_dir)
    try:
        run = run_document.recall(state)
    except StateError as error:
        return str(error)
    if run is None:
        return None
    if locks.is_held(state.sync_lock):
        return _hung(state, now)
    limit = settings.health_hours * 3600
    last, failing_since = run.last_sync, run.failing_since
    if last is not None and now - last > limit:
        return f"the last good sync is of {moment(last)}, older than {settings.health_hours:g} h"
    if last is None and failing_since is not None and now - failing_since > limit:
        return f"no sync has succeeded since {moment(failing_since)}: see 'syncer status'"
    return None


def _hung(state: State, now: float) -> str | None:
    """Why whoever has the lock does not get on; each of them beats (``sync.pulse``)."""
    try:
        silent = now - state.sync_run.stat().st_mtime
    except FileNotFoundError:
        return None
    if silent <= HUNG_SECONDS:
        return None
    return (
        f"for {duration(silent)} nothing was heard of {locks.describe_holder(state.sync_lock)}: it"
        " hangs. See 'docker compose logs syncer', then 'docker compose restart syncer'"
    )
