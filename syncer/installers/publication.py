"""Publication of installers: the next generation, whole and durable, then one swap.

Guaranteed: a client sees the old generation or the new one, and each has exactly the files and
hashes of its own listings. Whatever a crash leaves is removed by ``sweep`` of the next run.
Callers hold the sync lock; nobody else writes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from syncer.installers import pages
from volume.disk import files
from volume.disk.files import volume_error
from volume.generations import number_of
from volume.installers import Installer, current_number
from volume.layout import Mirror
from volume.names import INSTALLER_EXTENSIONS

_BLOCK = 1 << 20  # bytes


def publish(
    mirror: Mirror, kind: str, installers: Mapping[str, Installer], sources: Mapping[str, Path]
) -> int:
    """Make ``installers`` what is published; return the generation's number.

    Args:
        sources: where the bytes of each name are; they are linked, not moved.

    Raises:
        VolumeError: the mirror volume refused.
    """
    number = (current_number(mirror, kind) or 0) + 1
    folder = mirror.installer_generation(kind, number)
    files.remove_tree(folder)
    files.make_directory(folder)
    for name in sorted(installers):
        files.link(sources[name], folder / name)
    for name, text in pages.documents(kind, installers).items():
        files.replace(folder / name, text.encode(), is_durable=False)
    # The bytes were written without waiting; one barrier for all, before anybody is led to them.
    files.sync_filesystem(folder)
    files.sync_directory(folder)
    files.sync_directory(folder.parent)
    files.swap_link(mirror.current_installers(kind), folder.name)
    sweep(mirror, kind)
    return number


def sweep(mirror: Mirror, kind: str) -> None:
    """Remove generations that are not published, and staged files that are.

    Raises:
        VolumeError: the mirror volume refused.
    """
    number = current_number(mirror, kind)
    for path in _entries(mirror.installers(kind)):
        found = number_of(path.name)
        if found is not None and found != number:
            files.remove_tree(path)
        elif path.name.startswith(".current.") and path.name.endswith(".tmp"):
            files.unlink(path)
    for path in _entries(mirror.installer_staging(kind)):
        if path.lstat().st_nlink > 1:  # its other name is the published one
            files.unlink(path)


def clear_staging(mirror: Mirror, kind: str, wanted: Iterable[Path] = ()) -> None:
    """Remove staged files that nothing will go on from.

    Raises:
        VolumeError: the mirror volume refused.
    """
    keep = set(wanted)
    for path in _entries(mirror.installer_staging(kind)):
        if path not in keep:
            files.unlink(path)


def hashed(mirror: Mirror, kind: str) -> dict[str, Installer]:
    """What is published, by hashing it: for when its ``.files.json`` is damaged.

    Raises:
        VolumeError: a file can't be read.
    """
    number = current_number(mirror, kind)
    if number is None:
        return {}
    folder = mirror.installer_generation(kind, number)
    return {
        path.name: describe(path, path.name, files.hash_file(path), None)
        for path in _entries(folder)
        if path.name.endswith(INSTALLER_EXTENSIONS)
    }


def describe(path: Path, filename: str, sha256: str, mtime: float | None) -> Installer:
    """An installer of whose bytes the sha256 is known; ``mtime`` is upstream's.

    Raises:
        VolumeError: the file can't be read.
    """
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                md5.update(block)
        status = path.stat()
    except OSError as error:
        raise volume_error(error, "read", path) from error
    moment = status.st_mtime if mtime is None else mtime
    return Installer(filename, sha256, md5.hexdigest(), status.st_size, moment)


def folder_of(mirror: Mirror, kind: str) -> Path:
    """The published generation's folder; the link itself if there is none."""
    number = current_number(mirror, kind)
    if number is None:
        return mirror.current_installers(kind)
    return mirror.installer_generation(kind, number)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise volume_error(error, "look at", folder) from error
