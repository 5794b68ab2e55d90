"""Published installers, hashed again: what ``verify`` does of them.

Guaranteed: damaged bytes leave the published folder in one step, under all their names, and are
kept in ``quarantine/``; the next sync fetches them anew.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncer.artifacts.downloads.progress import Progress
from syncer.installers import publication
from syncer.sync.tools import Tools
from volume.disk import files
from volume.errors import StateError, VolumeError
from volume.installers import Installer, read

_LOG = logging.getLogger(__name__)
_DAY = 86400


@dataclass(slots=True)
class Rehashed:
    """What was looked at in one kind; ``size`` is in bytes, ``damaged`` says what is wrong."""

    looked_at: int = 0
    size: int = 0
    damaged: dict[str, str] = field(default_factory=dict)


def look_through(tools: Tools, kind: str, *, share: float, is_rolling: bool) -> Rehashed:
    """Hash a random ``share`` of a kind's installers, or those that are due today.

    Raises:
        VolumeError: the mirror volume refused.
        InterruptedRunError: the run was stopped.
    """
    publication.sweep(tools.mirror, kind)
    try:
        present = read(tools.mirror, kind)
    except StateError as error:
        _LOG.error("%s: %s", kind, error)
        return Rehashed()
    chosen = _choose(tools, present, share=share, is_rolling=is_rolling)
    folder = publication.folder_of(tools.mirror, kind)
    found = Rehashed()
    rate, begun = tools.settings.scrub_rate, time.monotonic()
    progress = Progress(
        f"{kind}: verifying",
        artifacts=len(chosen),
        size=sum(one.size for one in chosen),
        bars=tools.bars,
    )
    with progress:
        for one in chosen:
            tools.stop.check()
            problem = _problem(one, folder / one.filename)
            if problem is not None:
                # One content may have several names, and they are one file: -latest- is a link.
                found.damaged.update(
                    (name, problem) for name, same in present.items() if same.sha256 == one.sha256
                )
            found.looked_at += 1
            found.size += one.size
            progress.received(one.size)
            progress.finished()
            progress.show()
            if rate and (ahead := found.size / rate - (time.monotonic() - begun)) > 0:
                tools.stop.sleep(ahead)
    return found


def quarantine(tools: Tools, kind: str, names: Iterable[str]) -> None:
    """Publish without these, and keep their bytes to be looked at.

    Raises:
        VolumeError: the mirror volume refused.
        StateError: what is published can't be understood.
    """
    mirror = tools.mirror
    present = read(mirror, kind)
    damaged = set(names) & present.keys()
    folder = publication.folder_of(mirror, kind)
    kept = mirror.installer_quarantine(kind)
    files.make_directory(kept)
    for name in sorted(damaged):
        if (folder / name).exists():
            files.link(folder / name, kept / f"{name}.{present[name].sha256[:16]}")
    files.sync_directory(kept)
    left = {name: one for name, one in present.items() if name not in damaged}
    publication.publish(mirror, kind, left, {name: folder / name for name in left})


def _choose(
    tools: Tools, present: Mapping[str, Installer], *, share: float, is_rolling: bool
) -> list[Installer]:
    installers = [present[name] for name in sorted(present)]
    if not is_rolling:
        count = max(1, round(len(installers) * share)) if installers else 0
        return installers if share >= 1 else random.sample(installers, count)
    days = int(tools.settings.scrub_days)
    if tools.settings.scrub_days == 0:
        return []
    # A few hundred files: each has its day, by its place in the list, and nothing is remembered.
    today = int(tools.now() // _DAY)
    return [one for place, one in enumerate(installers) if (place + today) % max(days, 1) == 0]


def _problem(installer: Installer, path: Path) -> str | None:
    try:
        size = path.stat().st_size
        if size != installer.size:
            return f"has {size:,} bytes instead of {installer.size:,}"
        found = files.hash_file(path)
    except FileNotFoundError:
        return "is missing"
    except (OSError, VolumeError) as error:
        return f"can't be read: {error}"
    return (
        None if found == installer.sha256 else f"has sha256 {found} instead of {installer.sha256}"
    )
