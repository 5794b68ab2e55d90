"""Verification of what is stored: hash it again, quarantine what is damaged, fetch it anew.

Guaranteed: damaged bytes leave the index (the ledger forgets them, the indexer publishes without
them) and are never served again; they are kept in ``quarantine/``. If more than WIPE_GUARD_PERCENT
of what was looked at is damaged, the disk is what is broken: then nothing is changed.
Not guaranteed: that bytes which were right a moment ago still are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from syncer.errors import GuardError
from syncer.ops import once
from syncer.settings.settings import Settings
from syncer.sync import scrub
from syncer.sync import session as sync
from syncer.sync.collections.rehash import Rehashed
from syncer.sync.recorder import Recorder
from syncer.sync.report import outcome
from syncer.sync.run import EXIT_CODES, Run
from syncer.sync.scrub import Scope
from syncer.sync.tools import Tools
from volume import run_document
from volume.program.sizes import amount
from volume.program.stop import Stop
from volume.run_document import Totals

_FEW = 10  # so many damaged artifacts may be all there are


@dataclass(frozen=True, slots=True)
class Damage:
    """One artifact that is not what it was, and what is wrong with it."""

    channel: str
    subdir: str
    filename: str
    problem: str


@dataclass(slots=True)
class Report:
    """What was found. ``size`` is in bytes; ``repair`` is the sync that followed.

    ``strays`` are files that no row of a ledger knows, ``unproven`` rows that are damaged,
    ``wrong_md5`` records that name another md5 than their bytes have.
    """

    looked_at: int = 0
    size: int = 0
    damaged: list[Damage] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    wrong_md5: list[str] = field(default_factory=list)
    repair: Run | None = None

    @property
    def exit_code(self) -> int:
        """0, or 3 if anything was wrong, also if it is repaired: somebody should look at it.

        What ended the repair has its own.
        """
        if self.repair is not None and self.repair.error is not None:
            return self.repair.exit_code
        is_well = not (self.damaged or self.strays or self.unproven or self.wrong_md5)
        return 0 if is_well else EXIT_CODES["partial"]


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
        found = {channel: scrub.look_through(shared, channel, scope) for channel in channels}
        collections = once.collections(settings)
        looked = {
            name: one.look_through(shared, name, share=scope.share, is_rolling=scope.is_rolling)
            for name, one in collections.items()
        }
        for channel, one in found.items():
            _check(channel, len(one.damaged), one.looked_at, settings.wipe_guard_percent)
        for name, again in looked.items():
            _check(name, len(again.damaged), again.looked_at, settings.wipe_guard_percent)
        damaged = [channel for channel in channels if found[channel].damaged]
        for channel in damaged:
            scrub.quarantine(shared, channel, found[channel].damaged)
        names = [name for name in looked if looked[name].damaged]
        for name in names:
            collections[name].quarantine(shared, name, looked[name].damaged)
        for channel, one in found.items():
            if one.unproven:
                scrub.forget_unproven(shared, channel)
        subdirs = {name: one.subdir for name, one in collections.items()}
        report = _report(found, looked, subdirs)
        wrong = [
            channel for channel, one in found.items() if one.damaged or one.strays or one.unproven
        ]
        if wrong or names:
            makers = {name: collections[name].make for name in names}
            report.repair = sync.sync_channels(shared, wrong, options, makers)
        _record(shared, report)
    return report


def _record(shared: Tools, report: Report) -> None:
    recorder = Recorder(shared.state, health_seconds=shared.settings.health_hours * 3600)
    recorder.note_verification(
        run_document.recall(shared.state),
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


def _report(
    found: Mapping[str, scrub.Looked],
    looked: Mapping[str, Rehashed],
    subdirs: Mapping[str, str],
) -> Report:
    every: list[scrub.Looked | Rehashed] = [*found.values(), *looked.values()]
    return Report(
        looked_at=sum(one.looked_at for one in every),
        size=sum(one.size for one in every),
        damaged=[
            Damage(channel, placed.subdir, placed.filename, problem)
            for channel, one in found.items()
            for placed, problem in one.damaged.items()
        ]
        + [
            Damage(name, subdirs[name], filename, problem)
            for name, one in looked.items()
            for filename, problem in one.damaged.items()
        ],
        strays=[f"{channel}/{stray}" for channel, one in found.items() for stray in one.strays],
        unproven=[f"{channel}: {row}" for channel, one in found.items() for row in one.unproven],
        wrong_md5=[
            f"{channel}/{one}" for channel, looked in found.items() for one in looked.wrong_md5
        ],
    )


def describe_damage(damage: Damage) -> str:
    """One find, for people."""
    return f"{damage.channel}/{damage.subdir}/{damage.filename} {damage.problem}"


def describe(found: Report, left_out: Path) -> str:
    """What was found, for people; ``left_out`` names what the repair could not have."""
    lines = [describe_damage(damage) for damage in found.damaged]
    lines += [f"{name} is known to nobody: moved to quarantine" for name in found.strays]
    lines += [f"{name}: its row of the ledger is damaged" for name in found.unproven]
    lines += [
        f"{fact}; the sha256 is right: published as upstream has it" for fact in found.wrong_md5
    ]
    if found.repair is not None:
        lines.append(outcome(found.repair, left_out))
    lines.append(
        f"Looked at {found.looked_at:,} artifacts, {amount(found.size)}:"
        f" {len(found.damaged) or 'none'} damaged."
    )
    return "\n".join(lines)
