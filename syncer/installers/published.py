"""What of one kind of installers is published: the files, and the listings beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from syncer.installers import pages
from syncer.sync.collections import publication
from syncer.sync.collections.publication import entries
from volume.collection import folder_of
from volume.disk import files
from volume.disk.files import volume_error
from volume.installers import Installer
from volume.layout import Collection
from volume.names import INSTALLER_EXTENSIONS


def publish(
    collection: Collection,
    kind: str,
    installers: Mapping[str, Installer],
    sources: Mapping[str, Path],
) -> int:
    """Make ``installers`` what is published; return the generation's number.

    Args:
        sources: where the bytes of each name are; they are linked, not moved.

    Raises:
        VolumeError: the mirror volume refused.
    """
    documents = pages.documents(kind, installers)
    return publication.publish(
        collection,
        {name: sources[name] for name in installers},
        ((name, text.encode()) for name, text in documents.items()),
    )


def hashed(collection: Collection) -> dict[str, Installer]:
    """What is published, by hashing it: for when its ``.files.json`` is damaged.

    Raises:
        VolumeError: a file can't be read.
    """
    return {
        path.name: describe(path, path.name, files.hash_file(path), None)
        for path in entries(folder_of(collection))
        if path.name.endswith(INSTALLER_EXTENSIONS)
    }


def describe(path: Path, filename: str, sha256: str, mtime: float | None) -> Installer:
    """An installer of whose bytes the sha256 is known; ``mtime`` is upstream's.

    Raises:
        VolumeError: the file can't be read.
    """
    found = files.hashes_of(path)
    try:
        status = path.stat()
    except OSError as error:
        raise volume_error(error, "read", path) from error
    moment = status.st_mtime if mtime is None else mtime
    return Installer(filename, sha256, found.md5, status.st_size, moment)
