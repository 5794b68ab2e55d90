"""Published files of a collection, hashed again: what ``verify`` does of them.

Guaranteed: damaged bytes are kept in ``quarantine/`` before a generation without them is
published, under all their names; the next sync fetches them anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from syncer.artifacts.downloads.progress import Progress
from syncer.sync.tools import Tools
from volume.collection import folder_of
from volume.disk import files
from volume.errors import VolumeError
from volume.layout import Collection

_DAY = 86400


class HasBytes(Protocol):
    """Of what bytes a published file has to be; ``size`` is how many."""

    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...


@dataclass(slots=True)
class Rehashed:
    """What was looked at of a collection; ``size`` is in bytes, ``damaged`` says what is wrong."""

    looked_at: int = 0
    size: int = 0
    damaged: dict[str, str] = field(default_factory=dict)


def look_through(
    tools: Tools,
    name: str,
    collection: Collection,
    present: Mapping[str, HasBytes],
    *,
    share: float,
    is_rolling: bool,
) -> Rehashed:
    """Hash a random ``share`` of a collection's files, or those that are due today.

    Args:
        name: the collection's, for people.
        present: what its list says of its files, by their paths in it.

    Raises:
        VolumeError: the mirror volume refused.
        InterruptedRunError: the run was stopped.
    """
    chosen = _choose(tools, sorted(present), share=share, is_rolling=is_rolling)
    folder = folder_of(collection)
    found = Rehashed()
    rate, begun = tools.settings.scrub_rate, time.monotonic()
    progress = Progress(
        f"{name}: verifying",
        artifacts=len(chosen),
        size=sum(present[path].size for path in chosen),
        bars=tools.bars,
    )
    with progress:
        for path in chosen:
            tools.stop.check()
            one = present[path]
            problem = _problem(one, folder / path)
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


def keep(collection: Collection, damaged: Iterable[str], present: Mapping[str, HasBytes]) -> None:
    """Keep the bytes of damaged files to be looked at; publication without them is the caller's.

    Raises:
        VolumeError: the mirror volume refused.
    """
    folder = folder_of(collection)
    files.make_directory(collection.quarantine)
    for path in sorted(damaged):
        if (folder / path).exists():
            name = f"{Path(path).name}.{present[path].sha256[:16]}"
            files.link(folder / path, collection.quarantine / name)
    files.sync_directory(collection.quarantine)


def _choose(tools: Tools, paths: list[str], *, share: float, is_rolling: bool) -> list[str]:
    if not is_rolling:
        count = max(1, round(len(paths) * share)) if paths else 0
        return paths if share >= 1 else random.sample(paths, count)
    days = int(tools.settings.scrub_days)
    if tools.settings.scrub_days == 0:
        return []
    # Thousands of files at most: each has its day, by its place in the list, and nothing is
    # remembered.
    today = int(tools.now() // _DAY)
    return [one for place, one in enumerate(paths) if (place + today) % max(days, 1) == 0]


def _problem(one: HasBytes, path: Path) -> str | None:
    try:
        size = path.stat().st_size
        if size != one.size:
            return f"has {size:,} bytes instead of {one.size:,}"
        found = files.hash_file(path)
    except FileNotFoundError:
        return "is missing"
    except (OSError, VolumeError) as error:
        return f"can't be read: {error}"
    return None if found == one.sha256 else f"has sha256 {found} instead of {one.sha256}"
