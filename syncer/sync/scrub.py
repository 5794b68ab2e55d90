"""A channel's artifacts and their sidecars, hashed again: what ``verify`` does of them.

Guaranteed: damaged bytes leave the index (the ledger forgets them, the indexer publishes without
them) and the served folders, and are kept in ``quarantine/``. Bytes of the right sha256 are right;
if their record has another md5 that is named, and published as upstream has it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.recovery import strays
from syncer.artifacts.recovery.strays import Stray
from syncer.artifacts.retire import Retirement
from syncer.artifacts.sidecars.sweep import find as sidecar_strays
from syncer.artifacts.sidecars.table import SidecarTable, SidecarWriter
from syncer.sync.channel.channel import ChannelSync
from syncer.sync.tools import Tools
from volume.disk.files import hashes_of, is_regular
from volume.errors import InterruptedRunError, VolumeError
from volume.ledger.artifact import Placed, Retired, Unproven, WrongMd5
from volume.ledger.ledger import Ledger

_LOG = logging.getLogger(__name__)
_NOTE_SECONDS = 30.0  # how much looking a killed scrub may lose


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: a random ``share`` of it, or the part that is due tonight."""

    share: float = 1.0
    is_rolling: bool = False


@dataclass(slots=True)
class Looked:
    """What was looked at in one channel; ``size`` is in bytes, ``damaged`` says what is wrong.

    ``strays`` are files that no row knows, ``unproven`` rows that are not what was written,
    ``wrong_md5`` records whose md5 is not that of their bytes.
    """

    looked_at: int = 0
    size: int = 0
    damaged: dict[Placed, str] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    wrong_md5: list[WrongMd5] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Hashed:
    """An artifact that was hashed, and what is wrong with its bytes or with its record."""

    placed: Placed
    problem: str | None = None
    wrong_md5: WrongMd5 | None = None


def look_through(shared: Tools, channel: str, scope: Scope) -> Looked:
    """Hash a channel's artifacts again, those out of its index included.

    Raises:
        VolumeError: a volume refused.
        InterruptedRunError: the run was stopped; what was right so far is noted.
    """
    ChannelSync(shared, channel).tidy()  # what a crash left half done is no damage
    with shared.open_ledger(channel) as ledger:
        chosen = _choose(ledger, scope, shared.settings.scrub_days)
        progress = Progress(
            f"{channel}: verifying",
            artifacts=len(chosen),
            size=sum(placed.size for placed in chosen),
            bars=shared.bars,
        )
        found = Looked()
        with progress:
            for seen in _look(shared, channel, ledger, chosen, progress):
                placed = seen.placed
                found.looked_at += 1
                found.size += placed.size
                if seen.problem is not None:
                    _LOG.error(
                        "%s/%s/%s: %s", channel, placed.subdir, placed.filename, seen.problem
                    )
                    found.damaged[placed] = seen.problem
                if (wrong := seen.wrong_md5) is not None:
                    _LOG.warning("%s/%s", channel, wrong)
                    found.wrong_md5.append(wrong)
        found.strays = strays.find(shared.mirror, channel, ledger)
        found.strays += sidecar_strays(shared.sidecar_store(channel), ledger)
        found.unproven = ledger.unproven()
    return found


def quarantine(shared: Tools, channel: str, damaged: Iterable[Placed]) -> None:
    """Take damaged artifacts out of the channel, and keep their bytes to be looked at.

    Raises:
        VolumeError: a volume refused.
    """
    found = list(damaged)
    artifacts = [placed for placed in found if placed.home != "sidecars"]
    with shared.open_ledger(channel) as ledger, shared.channel_lock(channel):
        shared.sidecar_sweep(channel, ledger).set_damaged(
            (placed.subdir, placed.filename) for placed in found if placed.home == "sidecars"
        )
        if artifacts:
            retirement = Retirement(shared.store(channel), ledger)
            retirement.retire_damaged(artifacts, now=shared.now())
            retirement.quarantine()


def forget_unproven(shared: Tools, channel: str) -> None:
    """Drop rows that are not what was written; the next sync takes them from upstream again.

    Raises:
        VolumeError: the state volume refused.
    """
    with (
        shared.open_ledger(channel) as ledger,
        shared.channel_lock(channel),
        ledger.transaction("forget damaged rows"),
    ):
        ledger.raise_serial()
        ledger.forget_unproven(moment=shared.now())


def _choose(ledger: Ledger, scope: Scope, scrub_days: float) -> list[Placed]:
    """What to look at, longest not verified first."""
    placed = list(ledger.placed())
    sidecars = SidecarTable(ledger).placed()
    if not scope.is_rolling:
        placed += sidecars
        count = max(1, round(len(placed) * scope.share)) if placed else 0
        return placed if scope.share >= 1 else random.sample(placed, count)
    if scrub_days == 0:
        return []
    out = {_key(row) for row in ledger.retired()}
    committed = [item for item in placed if _key(item) not in out]
    # When retired bytes were verified is not on record: a note says how far the last scrub came.
    last = ledger.scrubbed
    retired = [item for item in placed if _key(item) in out]
    retired.sort(key=lambda item: (_key(item) <= last, _key(item)))
    return _due(committed, scrub_days) + _due(retired, scrub_days) + _due(sidecars, scrub_days)


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
) -> Iterator[_Hashed]:
    """Hash each. What is right is noted in the ledger as we go."""
    rate = shared.settings.scrub_rate
    begun = noted = time.monotonic()
    size = 0
    right: list[_Hashed] = []
    try:
        for placed in chosen:
            shared.stop.check()
            seen = _see(placed, shared.mirror.home(channel, placed))
            if seen.problem is None:
                right.append(seen)
            size += placed.size
            progress.received(placed.size)
            progress.finished()
            progress.show()
            if time.monotonic() - noted > _NOTE_SECONDS:
                _note(ledger, right, shared.now())
                right, noted = [], time.monotonic()
            if rate and (ahead := size / rate - (time.monotonic() - begun)) > 0:
                shared.stop.sleep(ahead)
            yield seen
    except InterruptedRunError:
        _note(ledger, right, shared.now())
        raise
    _note(ledger, right, shared.now())


def _note(ledger: LedgerWriter, right: Sequence[_Hashed], moment: float) -> None:
    if not right:
        return
    retired = {_key(row) for row in ledger.retired()}
    with ledger.transaction("note verified"):
        ledger.set_verified([seen.placed for seen in right], moment)
        SidecarWriter(ledger).set_verified([seen.placed for seen in right], moment)
        for seen in right:
            if seen.wrong_md5 is not None:
                ledger.note_md5(seen.placed.sha256, seen.wrong_md5.found)
            if _key(seen.placed) in retired:
                ledger.set_scrubbed(_key(seen.placed))


def _see(placed: Placed, path: Path) -> _Hashed:
    try:
        size = path.stat(follow_symlinks=False).st_size
        if not is_regular(path):
            return _Hashed(placed, "is no file")
        if size != placed.size:
            return _Hashed(placed, f"has {size:,} bytes instead of {placed.size:,}")
        found = hashes_of(path)
    except FileNotFoundError:
        return _Hashed(placed, "is missing")
    except (OSError, VolumeError) as error:
        return _Hashed(placed, f"can't be read: {error}")
    if found.sha256 != placed.sha256:
        return _Hashed(placed, f"has sha256 {found.sha256} instead of {placed.sha256}")
    if placed.md5 in {None, found.md5}:
        return _Hashed(placed)
    return _Hashed(
        placed, None, WrongMd5(placed.subdir, placed.filename, placed.md5 or "", found.md5)
    )
