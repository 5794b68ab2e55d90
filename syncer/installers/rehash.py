"""Published installers, hashed again: their part of ``verify``."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from syncer.installers import published
from syncer.sync.collections import publication, rehash
from syncer.sync.collections.rehash import Rehashed
from syncer.sync.tools import Tools
from volume.collection import folder_of
from volume.errors import StateError
from volume.installers import read

_LOG = logging.getLogger(__name__)


def look_through(tools: Tools, kind: str, *, share: float, is_rolling: bool) -> Rehashed:
    """Hash a random ``share`` of a kind's installers, or those that are due today.

    Raises:
        VolumeError: the mirror volume refused.
        InterruptedRunError: the run was stopped.
    """
    collection = tools.mirror.installers(kind)
    publication.sweep(collection)
    try:
        present = read(tools.mirror, kind)
    except StateError as error:
        _LOG.error("%s: %s", kind, error)
        return Rehashed()
    return rehash.look_through(tools, kind, collection, present, share=share, is_rolling=is_rolling)


def quarantine(tools: Tools, kind: str, names: Iterable[str]) -> None:
    """Publish without these, and keep their bytes to be looked at.

    Raises:
        VolumeError: the mirror volume refused.
        StateError: what is published can't be understood.
    """
    collection = tools.mirror.installers(kind)
    present = read(tools.mirror, kind)
    damaged = set(names) & present.keys()
    rehash.keep(collection, damaged, present)
    left = {name: one for name, one in present.items() if name not in damaged}
    folder = folder_of(collection)
    published.publish(collection, kind, left, {name: folder / name for name in left})
