"""Unclaimed files: what lies in ``channels/`` of a channel that no ledger and no generation knows.

Nobody can tell whose they are. The indexer takes over (``indexer.story.takeover``) what came after
the state volume was made; what lay there before, as on a disk that had another use, is served and
listed by nobody, moved by nobody, and named: by ``status`` and ``doctor`` of either program.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from volume import generations
from volume.disk.files import volume_error
from volume.errors import NameRefusedError
from volume.layout import Mirror, State
from volume.names import EXTENSIONS, SUBDIRS, check_channel, escaped


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Files of one channel; ``first`` is the first one's path below it."""

    channel: str
    count: int
    first: str

    def __str__(self) -> str:
        return (
            f"{self.count:,} files in channels/{self.channel} are known to nobody: {self.first}"
            + (", ..." if self.count > 1 else "")
        )

    @property
    def step(self) -> str:
        """What a person can do."""
        return (
            f"packages of your own belong in local/{self.channel};"
            " a channel that is to be mirrored belongs in CHANNELS"
        )


def find(mirror: Mirror, state: State, mirrored: Iterable[str] = ()) -> list[Unclaimed]:
    """What nobody claims, by channel, in order; changes nothing.

    Args:
        mirrored: channels that the next sync looks through.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    found = []
    for channel in sorted({*_channels(mirror.root / "channels")}.difference(mirrored)):
        if state.ledger(channel).exists() or generations.kept(mirror, channel):
            continue
        root = mirror.channel_folder(channel)
        names = sorted(f"{subdir}/{name}" for subdir in SUBDIRS for name in _names(root / subdir))
        if names:
            found.append(Unclaimed(channel, len(names), escaped(names[0])))
    return found


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(EXTENSIONS)]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise volume_error(error, "list", folder) from error


def _channels(root: Path) -> Iterator[str]:
    """The folders that have subdirs; those are not looked into."""
    for folder, names, _ in os.walk(root):
        has_subdirs = bool(SUBDIRS.intersection(names))
        names[:] = [name for name in names if name not in SUBDIRS]
        channel = os.path.relpath(folder, root)
        if has_subdirs and _is_valid(channel):
            yield channel


def _is_valid(channel: str) -> bool:
    try:
        check_channel(channel)
    except NameRefusedError:
        return False
    return True
