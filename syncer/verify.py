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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncer import sync
from syncer.channel import ChannelSync, open_ledger
from syncer.commit import hash_file
from syncer.errors import GuardError
from syncer.ledger_writer import LedgerWriter
from syncer.plan import Totals
from syncer.progress import Progress
from syncer.report import outcome
from syncer.retire import Retirement
from syncer.run import Run
from syncer.settings import Settings
from syncer.tools import Tools
from volume import locks
from volume.errors import VolumeError
from volume.ledger import Placed
from volume.sizes import amount
from volume.stop import Stop

_LOG = logging.getLogger(__name__)
_NOTE_SECONDS = 30.0  # how much looking a stopped scrub may lose


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
        return 3 if self.damaged else 0


def verify(
    settings: Settings,
    scope: Scope,
    options: sync.Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
) -> Report:
    """Look at every channel's artifacts, and repair what is damaged.

    Raises:
        GuardError: so much is damaged that the disk must be; nothing was changed.
        MirrorError: as ``sync.session`` does.
    """
    report = Report()
    with sync.session(settings, options, stop, role="verify", show_plan=show_plan) as shared:
        damaged = [
            channel
            for channel in settings.channels
            if _verify_channel(shared, channel, scope, options.bars, report)
        ]
        if damaged:
            report.repair = sync.sync_channels(shared, damaged, options)
    return report


def _verify_channel(
    shared: Tools, channel: str, scope: Scope, bars: bool, report: Report
) -> list[Placed]:
    path = shared.state.ledger(channel)
    if not path.exists():
        return []
    ChannelSync(shared, channel).tidy()  # what a crash left half done is no damage
    with open_ledger(shared, channel) as ledger:
        chosen = _choose(list(ledger.placed()), scope, shared.settings.scrub_days)
        progress = Progress(
            f"{channel}: verifying",
            artifacts=len(chosen),
            size=sum(placed.size for placed in chosen),
            bars=bars,
        )
        with progress:
            looks = list(_look(shared, channel, ledger, chosen, progress))
        damaged = [(placed, problem) for placed, problem in looks if problem]
        report.looked_at += len(looks)
        report.size += sum(placed.size for placed, _ in looks)
        if not damaged:
            return []
        percent = 100 * len(damaged) / len(looks)
        if len(damaged) > 10 and percent > shared.settings.wipe_guard_percent:
            raise GuardError(
                f"{channel}: {len(damaged):,} of {len(looks):,} artifacts that were looked at are"
                f" damaged or missing ({percent:.0f} %): is the right disk mounted, and is it well?"
                " Nothing was changed"
            )
        _quarantine(shared, channel, ledger, [placed for placed, _ in damaged])
        for placed, problem in damaged:
            _LOG.error("%s/%s/%s: %s", channel, placed.subdir, placed.filename, problem)
            report.damaged.append(Damage(channel, placed.subdir, placed.filename, problem))
        return [placed for placed, _ in damaged]


def _choose(placed: list[Placed], scope: Scope, scrub_days: float) -> list[Placed]:
    """The part to look at; ``placed`` begins with what was verified longest ago."""
    if not scope.is_rolling:
        count = max(1, round(len(placed) * scope.share)) if placed else 0
        return placed if scope.share >= 1 else random.sample(placed, count)
    if scrub_days == 0:
        return []
    due = sum(item.size for item in placed) / scrub_days
    chosen: list[Placed] = []
    size = 0
    for item in placed:
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
    for placed in chosen:
        shared.stop.check()
        problem = _problem(
            placed,
            shared.mirror.home(channel, placed.subdir, placed.filename, placed.sha256, placed.home),
        )
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
    _note(ledger, right, shared.now())


def _note(ledger: LedgerWriter, right: Sequence[Placed], moment: float) -> None:
    if right:
        with ledger.transaction("note verified"):
            ledger.set_verified(right, moment)


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


def _quarantine(
    shared: Tools, channel: str, ledger: LedgerWriter, damaged: Sequence[Placed]
) -> None:
    with locks.Held(
        shared.state.channel_lock(channel),
        role="verify",
        wait_seconds=6 * 3600.0,
        sleep=shared.stop.sleep,
    ):
        retirement = Retirement(shared.mirror, channel, ledger)
        retirement.condemn(damaged, now=shared.now())
        retirement.quarantine()


def describe(found: Report) -> str:
    """What was found, for people."""
    lines = [
        f"{damage.channel}/{damage.subdir}/{damage.filename} {damage.problem}"
        for damage in found.damaged
    ]
    if found.repair is not None:
        lines.append(outcome(found.repair))
    lines.append(
        f"Looked at {found.looked_at:,} artifacts, {amount(found.size)}:"
        f" {len(found.damaged) or 'none'} damaged."
    )
    return "\n".join(lines)
