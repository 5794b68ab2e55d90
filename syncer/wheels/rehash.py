"""Published wheels, hashed again: their part of ``verify``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from syncer.sync.collections import publication, rehash
from syncer.sync.collections.rehash import HasBytes, Rehashed
from syncer.sync.tools import Tools
from syncer.wheels import published
from volume.collection import folder_of
from volume.disk.files import size_of
from volume.errors import StateError
from volume.wheels import read

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Metadata:
    """A wheel's METADATA; the list has its hash only, so it is as long as it is."""

    sha256: str
    size: int


def look_through(tools: Tools, name: str, *, share: float, is_rolling: bool) -> Rehashed:
    """Hash a random ``share`` of the wheels and their METADATA, or those that are due today.

    Raises:
        VolumeError: the mirror volume refused.
        InterruptedRunError: the run was stopped.
    """
    collection = tools.mirror.wheels
    publication.sweep(collection)
    try:
        wheels = read(tools.mirror)
    except StateError as error:
        _LOG.error("%s: %s", name, error)
        return Rehashed()
    present: dict[str, HasBytes] = dict(wheels)
    for one in wheels.values():
        if one.metadata is not None:
            size = size_of(folder_of(collection) / one.metadata_path)
            present[one.metadata_path] = _Metadata(one.metadata, size)
    return rehash.look_through(tools, name, collection, present, share=share, is_rolling=is_rolling)


def quarantine(tools: Tools, name: str, paths: Iterable[str]) -> None:
    """Publish without these, and keep their bytes to be looked at; METADATA is made again.

    Raises:
        VolumeError: the mirror volume refused.
        StateError: what is published can't be understood.
    """
    collection = tools.mirror.wheels
    wheels = read(tools.mirror)
    damaged = set(paths)
    rehash.keep(collection, damaged & wheels.keys(), wheels)
    left = {path: one for path, one in wheels.items() if path not in damaged}
    folder = folder_of(collection)
    again = {path: folder / path for path, one in left.items() if one.metadata_path in damaged}
    published.publish(collection, left, again)
