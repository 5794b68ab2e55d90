"""Where sidecars are on the mirror volume: a tree of their own, with the names clients ask for.

They do not move when their artifact does: whichever home that has, they are served from here until
it is gone. Guaranteed: what ``place`` and ``remove`` did is durable when they return; a name that
has a hash in it never changes its bytes. Callers hold the channel lock but for what is staged.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from syncer.artifacts.sidecars.asked import Found
from syncer.artifacts.sidecars.table import Sidecar
from volume.disk.files import (
    hash_file,
    is_regular,
    link,
    make_directory,
    rename,
    replace,
    sync_directory,
    sync_filesystem,
    unlink,
    volume_error,
)
from volume.layout import Mirror

LONGEST_NAME = 255  # bytes; what Linux file systems take


class SidecarStore:
    """The sidecars of one channel."""

    def __init__(self, mirror: Mirror, channel: str) -> None:
        self._mirror = mirror
        self._channel = channel

    def folder(self, subdir: str) -> Path:
        return self._mirror.sidecars(self._channel, subdir)

    def path(self, subdir: str, name: str) -> Path:
        return self.folder(subdir) / name

    def has(self, subdir: str, name: str, sha256: str) -> bool:
        """Whether a file of that name is here and has these bytes.

        Raises:
            VolumeError: it can't be read.
        """
        path = self.path(subdir, name)
        return is_regular(path) and hash_file(path) == sha256

    def stage(self, subdir: str, name: str, content: bytes | bytearray) -> None:
        """Stage verified bytes.

        Raises:
            VolumeError: the mirror volume refused.
        """
        path = self._staged(subdir, name)
        make_directory(path.parent)
        replace(path, bytes(content), is_durable=False)

    def place(self, found: Iterable[Found]) -> None:
        """Give staged bytes their names; those that have them already stay.

        Raises:
            VolumeError: the mirror volume refused.
        """
        items = list(found)
        if any(one.is_staged for one in items):
            sync_filesystem(self._mirror.root)
        folders: set[Path] = set()
        for one in items:
            asked = one.asked
            path = self.path(asked.subdir, asked.name)
            make_directory(path.parent)
            folders.add(path.parent)
            if one.is_staged:
                self._make_way(asked.subdir, asked.name)
                rename(self._staged(asked.subdir, asked.name), path)
            for name in asked.names[1:]:
                self._make_way(asked.subdir, name)
                link(path, path.with_name(name))
        _sync(folders)
        _sync({folder.parent for folder in folders})

    def remove(self, rows: Iterable[Sidecar]) -> None:
        """Remove the names of rows; those that are gone already too.

        Raises:
            VolumeError: the mirror volume refused.
        """
        folders: set[Path] = set()
        for row in rows:
            path = self.path(row.subdir, row.name)
            if path.is_dir() and not path.is_symlink():
                self.set_aside(row.subdir, row.name)
            else:
                unlink(path)
            folders.add(path.parent)
        _sync(folders)

    def set_aside(self, subdir: str, name: str) -> None:
        """Move what is damaged, or what nobody knows, to where it can be looked at.

        Raises:
            VolumeError: the mirror volume refused.
        """
        folder = self._mirror.quarantine(self._channel, subdir)
        make_directory(folder)
        short = name[: LONGEST_NAME - 8]
        target, number = folder / short, 1
        while target.is_symlink() or target.exists():
            target, number = folder / f"{short}.{number}", number + 1
        rename(self.path(subdir, name), target)
        _sync({folder, folder.parent, self.folder(subdir)})

    def listing(self, subdir: str) -> Iterator[tuple[str, bool]]:
        """The names in a subdir's folder, and whether each is a file; none if it is not there.

        Raises:
            VolumeError: it can't be read.
        """
        try:
            with os.scandir(self.folder(subdir)) as entries:
                for entry in entries:
                    yield entry.name, entry.is_file(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise volume_error(error, "list", self.folder(subdir)) from error

    def changed(self, subdir: str) -> int:
        """When its folder last changed, in ns; 0 if it is not there.

        Raises:
            VolumeError: it can't be looked at.
        """
        try:
            return self.folder(subdir).stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise volume_error(error, "look at", self.folder(subdir)) from error

    def _make_way(self, subdir: str, name: str) -> None:
        """What is no file, and has a file's name, goes."""
        path = self.path(subdir, name)
        if not is_regular(path) and (path.is_symlink() or path.exists()):
            self.set_aside(subdir, name)

    def _staged(self, subdir: str, name: str) -> Path:
        # The name may be as long as names can be.
        short = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._mirror.staging(self._channel, subdir) / f"{short}.sidecar.part"


def _sync(folders: Iterable[Path]) -> None:
    for folder in sorted(folders):
        if folder.is_dir():
            sync_directory(folder)
