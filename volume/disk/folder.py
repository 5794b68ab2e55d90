"""A folder that is held open: many of its names are looked at and moved without a path to each.

A commit renames thousands of files between the same few folders. Errors and fault points are those
of ``volume.disk.files``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self

from volume.disk.files import make_directory, operation, volume_error

_MOST_OPEN = 64  # each is a descriptor of the process


class Folder:
    """A folder, open."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            VolumeError: it is not there, or the volume refuses.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise volume_error(error, "open", path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return os.access(name, os.F_OK, dir_fd=self._descriptor)

    def take(self, name: str, source: Folder, name_there: str) -> bool:
        """Move a file of another folder in here; False if that folder has none of the name.

        Whoever moves many syncs the folder when they are there.

        Raises:
            VolumeError: the volume refused.
        """
        with operation("rename", f"{self.path}/{name}"):
            try:
                os.rename(
                    name_there, name, src_dir_fd=source._descriptor, dst_dir_fd=self._descriptor
                )
            except FileNotFoundError:
                return False
        return True


class Folders(contextlib.ExitStack):
    """Folders that are made and opened as they are asked for, and stay open for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[Path, Folder] = {}

    def at(self, path: Path) -> Folder:
        """A folder; good until the next is asked for.

        Raises:
            VolumeError: the volume refused.
        """
        found = self._open.get(path)
        if found is None:
            if len(self._open) == _MOST_OPEN:
                self.close()
                self._open.clear()
            make_directory(path)
            found = self._open[path] = self.enter_context(Folder(path))
        return found
