"""What of the wheels is published: the files, their METADATA, the list and the index."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from syncer.sync.collections import publication
from syncer.wheels import filename as names
from syncer.wheels import metadata, pages
from volume.collection import folder_of
from volume.disk import files
from volume.disk.files import volume_error
from volume.layout import Collection
from volume.wheels import WHEELS_JSON, Wheel, wheels_json

_BLOCK = 1 << 20  # bytes


def publish(collection: Collection, wheels: Mapping[str, Wheel], fresh: Mapping[str, Path]) -> int:
    """Make ``wheels`` what is published; return the generation's number.

    Args:
        wheels: by path.
        fresh: where the bytes are of those that are not published at their path, or whose METADATA
            is to be taken out of them again.

    Raises:
        VolumeError: the mirror volume refused.
    """
    folder = folder_of(collection)
    sources: dict[str, Path] = {}
    for path, one in wheels.items():
        sources[path] = fresh.get(path, folder / path)
        if one.metadata is not None and path not in fresh:
            sources[one.metadata_path] = folder / one.metadata_path
    return publication.publish(collection, sources, _documents(wheels, fresh))


def _documents(
    wheels: Mapping[str, Wheel], fresh: Mapping[str, Path]
) -> Iterator[tuple[str, bytes]]:
    """One after the other: all METADATA of a first sync together would be much."""
    for path, source in fresh.items():
        if (one := wheels.get(path)) is not None and one.metadata is not None:
            yield one.metadata_path, _metadata(source, one.project) or b""
    yield from pages.documents(wheels.values()).items()
    yield WHEELS_JSON, wheels_json(wheels.values()).encode()


def describe(path: Path, filename: str, sha256: str, requires_python: str = "") -> Wheel:
    """A wheel of whose bytes the sha256 is known.

    Args:
        requires_python: what the lock file says of it, for what has no METADATA.

    Raises:
        VolumeError: the file can't be read.
        ValueError: its name is no wheel's.
    """
    project, version = names.parse(filename)
    found = _metadata(path, project) if filename.endswith(".whl") else None
    digest, size = hashlib.blake2b(digest_size=32), 0
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise volume_error(error, "read", path) from error
    return Wheel(
        filename=filename,
        project=project,
        version=version,
        sha256=sha256,
        blake2b=digest.hexdigest(),
        size=size,
        requires_python=metadata.requires_python(found) if found is not None else requires_python,
        metadata=hashlib.sha256(found).hexdigest() if found is not None else None,
    )


def hashed(collection: Collection) -> dict[str, Wheel]:
    """What is published, by hashing it: for when its list is damaged.

    Raises:
        VolumeError: a file can't be read.
    """
    found: dict[str, Wheel] = {}
    for path in _files(folder_of(collection) / "packages", depth=1):
        try:
            one = describe(path, path.name, files.hash_file(path))
        except ValueError:
            continue  # METADATA, or what somebody put there
        found[one.path] = one
    return found


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for path in publication.entries(folder):
        if depth and path.is_dir():
            yield from _files(path, depth - 1)
        elif not depth and path.is_file():
            yield path


def _metadata(path: Path, project: str) -> bytes | None:
    try:
        return metadata.read(path, project)
    except OSError as error:
        raise volume_error(error, "read", path) from error
