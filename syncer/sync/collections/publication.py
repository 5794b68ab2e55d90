"""Publication of a collection: the next generation, whole and durable, then one swap.

Guaranteed: a client sees the old generation or the new one, and each has exactly the files and
hashes of its own lists. Whatever a crash leaves is removed by ``sweep`` of the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from volume.collection import current_number
from volume.disk import files
from volume.disk.files import volume_error
from volume.generations import number_of
from volume.layout import Collection


def publish(
    collection: Collection,
    sources: Mapping[str, Path],
    documents: Iterable[tuple[str, bytes]],
) -> int:
    """Make these files what is published; return the generation's number.

    Args:
        sources: where the bytes are, by the path in the collection; they are linked, not moved.
        documents: what is written beside them, with its path.

    Raises:
        VolumeError: the mirror volume refused.
    """
    number = (current_number(collection) or 0) + 1
    folder = collection.generation(number)
    files.remove_tree(folder)
    files.make_directory(folder)
    for name in sorted(sources):
        files.make_directory((folder / name).parent)
        files.link(sources[name], folder / name)
    for name, data in documents:
        files.make_directory((folder / name).parent)
        files.replace(folder / name, data, is_durable=False)
    # The bytes were written without waiting; one barrier for all, before anybody is led to them.
    files.sync_filesystem(folder)
    files.sync_directory(folder)
    files.sync_directory(folder.parent)
    files.swap_link(collection.current, folder.name)
    sweep(collection)
    return number


def sweep(collection: Collection) -> None:
    """Remove generations that are not published, and staged files that are.

    Raises:
        VolumeError: the mirror volume refused.
    """
    number = current_number(collection)
    for path in entries(collection.root):
        found = number_of(path.name)
        if found is not None and found != number:
            files.remove_tree(path)
        elif path.name.startswith(".current.") and path.name.endswith(".tmp"):
            files.unlink(path)
    for path in entries(collection.staging):
        if path.lstat().st_nlink > 1:  # its other name is the published one
            files.unlink(path)


def clear_staging(collection: Collection, wanted: Iterable[Path] = ()) -> None:
    """Remove staged files that nothing will go on from.

    Raises:
        VolumeError: the mirror volume refused.
    """
    keep = set(wanted)
    for path in entries(collection.staging):
        if path not in keep:
            files.unlink(path)


def has_size(path: Path, size: int) -> bool:
    """Whether a file is there, and so long.

    Raises:
        VolumeError: it can't be looked at.
    """
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
    except OSError as error:
        raise volume_error(error, "look at", path) from error


def entries(folder: Path) -> list[Path]:
    """What is in a folder, in order; nothing if it is not there.

    Raises:
        VolumeError: it can't be looked at.
    """
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise volume_error(error, "look at", folder) from error
