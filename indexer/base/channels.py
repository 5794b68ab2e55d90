"""Which channels there are: what people added, what is committed, and what is published.

A channel needs no configuration here: a folder below ``local/`` that has a subfolder named like a
conda subdir is one; so is every ledger, and everything that was published. Nothing below a subdir
is looked at, so the cost does not grow with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from volume import generations
from volume.disk.files import volume_error
from volume.errors import NameRefusedError, VolumeError
from volume.layout import Mirror, State, channel_of
from volume.names import PACKAGE_EXTENSIONS, SUBDIRS, check_channel, likely_subdir

log = logging.getLogger("indexer.base.channels")

_DEEPEST = 8  # segments of a channel name


def discover(mirror: Mirror, state: State) -> list[str]:
    """Every channel on the volumes, in order.

    A folder that can't be read, or can't be a channel, is named once and costs no other.

    Raises:
        VolumeError: the state volume can't be read.
    """
    found = {*generations.channels(mirror)}
    for tree in ("channels", "local"):
        found.update(_below(mirror.root / tree))
    for folder in state.channels.iterdir() if state.channels.is_dir() else ():
        if (folder / "ledger.db").exists():
            found.add(channel_of(folder.name))
    return sorted(channel for channel in found if _is_valid(channel))


def subdirs(root: Path) -> list[str]:
    """The subdirs that have a folder in one of a channel's trees.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    return sorted(name for name in folders(root) if name in SUBDIRS)


def folders(path: Path) -> list[str]:
    """The names of the folders in a folder, but for hidden ones; none if it is not there.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
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


def packages(path: Path) -> list[str]:
    """The names of all entries in a folder that are named like packages.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    try:
        return sorted(
            name
            for name in os.listdir(path)  # noqa: PTH208 - names are all we need of a million
            if name.endswith(PACKAGE_EXTENSIONS) and not name.startswith(".")
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise volume_error(error, "list", path) from error


def _below(root: Path, prefix: tuple[str, ...] = ()) -> Iterator[str]:
    here = root.joinpath(*prefix)
    try:
        names = folders(here)
        if prefix and any(
            name in SUBDIRS or (likely_subdir(name) and packages(here / name)) for name in names
        ):
            yield "/".join(prefix)
    except VolumeError as error:
        _say_once(str(error))
        return
    if len(prefix) < _DEEPEST:
        for name in names:
            if name not in SUBDIRS:
                yield from _below(root, (*prefix, name))


_said: set[str] = set()


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        log.warning("%s; this folder is not indexed", text)


def _is_valid(channel: str) -> bool:
    try:
        check_channel(channel)
    except NameRefusedError as error:
        _say_once(str(error))
        return False
    return True
