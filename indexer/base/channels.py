"""Which channels there are: every folder that holds a subdir, and every ledger.

A channel needs no configuration here: a folder below ``channels/`` that has a subfolder named like
a conda subdir is one. Nothing below a subdir is looked at, so the cost does not grow with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from volume.disk.files import volume_error
from volume.errors import NameRefusedError
from volume.layout import Mirror, State, channel_of
from volume.names import SUBDIRS, check_channel

log = logging.getLogger("indexer.base.channels")

_DEEPEST = 8  # segments of a channel name


def discover(mirror: Mirror, state: State) -> list[str]:
    """Every channel on the volumes, in order.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    found = set(_below(mirror.root / "channels"))
    for folder in state.channels.iterdir() if state.channels.is_dir() else ():
        if (folder / "ledger.db").exists():
            found.add(channel_of(folder.name))
    return sorted(channel for channel in found if _is_valid(channel))


def subdirs(mirror: Mirror, channel: str) -> list[str]:
    """The subdirs that have a folder.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    return sorted(entry for entry in _folders(mirror.channel_folder(channel)) if entry in SUBDIRS)


def _below(root: Path, prefix: tuple[str, ...] = ()) -> Iterator[str]:
    names = _folders(root.joinpath(*prefix))
    if prefix and any(name in SUBDIRS for name in names):
        yield "/".join(prefix)
    if len(prefix) < _DEEPEST:
        for name in names:
            if name not in SUBDIRS:
                yield from _below(root, (*prefix, name))


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise volume_error(error, "list", path) from error


_reported: set[str] = set()


def _is_valid(channel: str) -> bool:
    try:
        check_channel(channel)
    except NameRefusedError as error:
        if channel not in _reported:
            _reported.add(channel)
            log.warning("%s; this folder is not indexed", error)
        return False
    return True
