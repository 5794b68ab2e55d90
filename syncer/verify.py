"""Verification of what is stored: hash it again, quarantine what is damaged, fetch it anew.

Guaranteed: damaged bytes leave the index (the ledger forgets them, the indexer publishes without
them) and are never served again; they are kept in ``quarantine/``. If more than WIPE_GUARD_PERCENT
of what was looked at is damaged, the disk is what is broken: then nothing is changed.
Not guaranteed: that bytes which were right a moment ago still are.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncer import run as runs
from syncer import sync
from syncer.channel import ChannelSync
from syncer.errors import GuardError
from syncer.hold import hold_channel, open_ledger
from syncer.installers import scrub
from syncer.installers.scrub import Looked
from syncer.ledger_writer import LedgerWriter
from syncer.plan import Totals
from syncer.progress import Progress
from syncer.recorder import Recorder
from syncer.report import outcome
from syncer.retire import Retirement
from syncer.run import EXIT_CODES, Run
from syncer.settings import Settings
from syncer.tools import Tools
from volume.artifact import Placed, Retired
from volume.errors import InterruptedRunError, VolumeError
from volume.files import hash_file
from volume.ledger import Ledger
from volume.sizes import amount
from volume.stop import Stop

_LOG = logging.getLogger(__name__)
_NOTE_SECONDS = 30.0  # how much looking a killed scrub may lose
_FEW = 10  # so many damaged artifacts may be all there are
_LAST_RETIRED = "scrubbed"  # a note in the ledger


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: a random ``share`` of it, or the part that is due tonight."""

    share: float = 1.0
    is_rolling: bool = False


@dataclass(frozen=True, slots=True)
class Damage:
    """One artifact that is not what it was, and what is wrong with it."""

    channel: str
    subdir: str
    filename: str
    problem: str


@dataclass(slots=True)
class Report:
    """What was found. ``size`` is in bytes; ``repair`` is the sync that followed damage."""

    looked_at: int = 0
    size: int = 0
    damaged: list[Damage] = field(default_factory=list)
    repair: Run | None = None

    @property
    def exit_code(self) -> int:
        """0, or 3 if there was damage, also if it is repaired: somebody should look at the disk."""
        if self.repair is not None and self.repair.status == "stopped":
            return EXIT_CODES["stopped"]
        return EXIT_CODES["partial"] if self.damaged else 0


@dataclass(slots=True)
class _Found:
    """What was looked at in one channel."""

    looked_at: int = 0
    size: int = 0
    damaged: dict[Placed, str] = field(default_factory=dict)


def verify(
    settings: Settings,
    scope: Scope,
    options: sync.Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
) -> Report:
    """Look at every channel's artifacts, and repair what is damaged.

    Raises:
        GuardError: so much is damaged that the disk must be; nothing was changed.
        MirrorError: as ``sync.session`` does.
    """
    with sync.session(
        settings, options, stop, role="verify", show_plan=show_plan, now=now
    ) as session:
        shared = replace(session, bars=options.bars)
        channels = [name for name in settings.channels if shared.state.ledger(name).exists()]
        found = {channel: _look_through(shared, channel, scope) for channel in channels}
        looked = {
            kind: scrub.look_through(shared, kind, share=scope.share, is_rolling=scope.is_rolling)
            for kind in settings.installers
        }
        for channel, one in found.items():
            _check(channel, len(one.damaged), one.looked_at, settings.wipe_guard_percent)
        for kind, installers in looked.items():
            _check(kind, len(installers.damaged), installers.looked_at, settings.wipe_guard_percent)
        damaged = [channel for channel in channels if found[channel].damaged]
        for channel in damaged:
            _quarantine(shared, channel, found[channel].damaged)
        kinds = [kind for kind in looked if looked[kind].damaged]
        for kind in kinds:
            scrub.quarantine(shared, kind, looked[kind].damaged)
        report = _report(found, looked)
        if damaged or kinds:
            report.repair = sync.sync_channels(shared, damaged, options, kinds)
        _record(shared, report)
    return report


def _look_through(shared: Tools, channel: str, scope: Scope) -> _Found:
    ChannelSync(shared, channel).tidy()  # what a crash left half done is no damage
    with open_ledger(shared, channel) as ledger:
        chosen = _choose(ledger, scope, shared.settings.scrub_days)
        progress = Progress(
            f"{channel}: verifying",
            artifacts=len(chosen),
            size=sum(placed.size for placed in chosen),
            bars=shared.bars,
        )
        found = _Found()
        with progress:
            for placed, problem in _look(shared, channel, ledger, chosen, progress):
                found.looked_at += 1
                found.size += placed.size
                if problem is not None:
                    _LOG.error("%s/%s/%s: %s", channel, placed.subdir, placed.filename, problem)
                    found.damaged[placed] = problem
    return found


def _record(shared: Tools, report: Report) -> None:
    recorder = Recorder(shared.state, health_seconds=shared.settings.health_hours * 3600)
    recorder.note_verification(
        runs.read(shared.state),
        now=shared.now(),
        looked_at=report.looked_at,
        size=report.size,
        damaged=(damage.channel for damage in report.damaged),
    )


def _check(name: str, count: int, looked_at: int, most_percent: float) -> None:
    if count <= _FEW or 100 * count / looked_at <= most_percent:
        return
    raise GuardError(
        f"{name}: {count:,} of {looked_at:,} artifacts that were looked at are damaged or"
        f" missing ({100 * count / looked_at:.0f} %): is the right disk mounted, and is it"
        " well? Nothing was changed"
    )


def _report(found: Mapping[str, _Found], looked: Mapping[str, Looked]) -> Report:
    every: list[_Found | Looked] = [*found.values(), *looked.values()]
    return Report(
        looked_at=sum(one.looked_at for one in every),
        size=sum(one.size for one in every),
        damaged=[
            Damage(channel, placed.subdir, placed.filename, problem)
            for channel, one in found.items()
            for placed, problem in one.damaged.items()
        ]
        + [
            Damage(kind, "installers", filename, problem)
            for kind, one in looked.items()
            for filename, problem in one.damaged.items()
        ],
    )


def _choose(ledger: Ledger, scope: Scope, scrub_days: float) -> list[Placed]:
    """What to look at, longest not verified first."""
    placed = list(ledger.placed())
    if not scope.is_rolling:
        count = max(1, round(len(placed) * scope.share)) if placed else 0
        return placed if scope.share >= 1 else random.sample(placed, count)
    if scrub_days == 0:
        return []
    out = {_key(row) for row in ledger.retired()}
    committed = [item for item in placed if _key(item) not in out]
    # When retired bytes were verified is not on record: a note says how far the last scrub came.
    last = str(ledger.note(_LAST_RETIRED) or "")
    retired = [item for item in placed if _key(item) in out]
    retired.sort(key=lambda item: (_key(item) <= last, _key(item)))
    return _due(committed, scrub_days) + _due(retired, scrub_days)


def _key(item: Placed | Retired) -> str:
    return f"{item.subdir}/{item.filename}/{item.sha256}"


def _due(items: Sequence[Placed], scrub_days: float) -> list[Placed]:
    """The first of ``items``, as much as one scrub has to cover."""
    due = sum(item.size for item in items) / scrub_days
    chosen: list[Placed] = []
    size = 0
    for item in items:
        if size >= due:
            break
        chosen.append(item)
        size += item.size
    return chosen


def _look(
    shared: Tools, channel: str, ledger: LedgerWriter, chosen: Sequence[Placed], progress: Progress
) -> Iterator[tuple[Placed, str | None]]:
    """Hash each; yield it with its problem. What is right is noted in the ledger as we go."""
    rate = shared.settings.scrub_rate
    begun = noted = time.monotonic()
    size = 0
    right: list[Placed] = []
    try:
        for placed in chosen:
            shared.stop.check()
            problem = _problem(placed, shared.mirror.home(channel, placed))
            if problem is None:
                right.append(placed)
            size += placed.size
            progress.received(placed.size)
            progress.finished()
            progress.show()
            if time.monotonic() - noted > _NOTE_SECONDS:
                _note(ledger, right, shared.now())
                right, noted = [], time.monotonic()
            if rate and (ahead := size / rate - (time.monotonic() - begun)) > 0:
                shared.stop.sleep(ahead)
            yield placed, problem
    except InterruptedRunError:
        _note(ledger, right, shared.now())
        raise
    _note(ledger, right, shared.now())


def _note(ledger: LedgerWriter, right: Sequence[Placed], moment: float) -> None:
    if not right:
        return
    retired = {_key(row) for row in ledger.retired()}
    with ledger.transaction("note verified"):
        ledger.set_verified(right, moment)
        for item in right:
            if _key(item) in retired:
                ledger.set_note(_LAST_RETIRED, _key(item))


def _problem(placed: Placed, path: Path) -> str | None:
    try:
        size = path.stat().st_size
        if size != placed.size:
            return f"has {size:,} bytes instead of {placed.size:,}"
        found = hash_file(path)
    except FileNotFoundError:
        return "is missing"
    except (OSError, VolumeError) as error:
        return f"can't be read: {error}"
    return None if found == placed.sha256 else f"has sha256 {found} instead of {placed.sha256}"


def _quarantine(shared: Tools, channel: str, damaged: Iterable[Placed]) -> None:
    with open_ledger(shared, channel) as ledger, hold_channel(shared, channel):
        retirement = Retirement(shared.mirror, channel, ledger)
        retirement.condemn(damaged, now=shared.now())
        retirement.quarantine()


def describe_damage(damage: Damage) -> str:
    """One find, for people."""
    return f"{damage.channel}/{damage.subdir}/{damage.filename} {damage.problem}"


def describe(found: Report) -> str:
    """What was found, for people."""
    lines = [describe_damage(damage) for damage in found.damaged]
    if found.repair is not None:
        lines.append(outcome(found.repair))
    lines.append(
        f"Looked at {found.looked_at:,} artifacts, {amount(found.size)}:"
        f" {len(found.damaged) or 'none'} damaged."
    )
    return "\n".join(lines)
