"""What generations list, read from the mirror volume: for when the ledger knows less than they do.

Guaranteed: reading changes nothing; an index that can't be read lists nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

from syncer.conda.repodata import Refused, parse
from syncer.conda.wanted import Wanted, sound, wanted
from syncer.conda.wheel_record import with_wheels
from syncer.errors import IndexRejectedError
from volume import generations
from volume.errors import StateError
from volume.layout import Mirror
from volume.names import SUBDIRS

_LOG = logging.getLogger(__name__)


def listed(mirror: Mirror, channel: str) -> Iterator[Wanted]:
    """What the published generation lists, subdir after subdir."""
    number = generations.current_number(mirror, channel)
    if number is not None:
        folder = mirror.generation(channel, number)
        for subdir in _subdirs(folder):
            yield from _listed(folder, subdir)


def says_arrival(mirror: Mirror, channel: str) -> bool:
    """Whether the published generation says of each artifact when it came here (CEP 47)."""
    try:
        published = generations.published(mirror, channel)
    except StateError as error:
        _LOG.warning("%s; when artifacts came here begins anew", error)
        return False
    return published is not None and published.timestamps == generations.ARRIVAL


def arrival(record: str) -> float | None:
    """When a published record says that its artifact came here, in seconds since the epoch.

    It may be upstream's word, which counts before any of ours as long as upstream says it.
    """
    moment = json.loads(record).get("indexed_timestamp")
    is_moment = isinstance(moment, int) and not isinstance(moment, bool) and moment > 0
    return moment / 1000 if is_moment else None


def promised(mirror: Mirror, channel: str, subdir: str) -> dict[str, set[str]]:
    """The sha256 by filename of what kept generations list of a subdir; snapshots promise it."""
    found: dict[str, set[str]] = {}
    for number in generations.numbers(mirror, channel):
        for artifact in _listed(mirror.generation(channel, number), subdir):
            if artifact.sha256 is not None:
                found.setdefault(artifact.filename, set()).add(artifact.sha256)
    return found


def _subdirs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name in SUBDIRS)


def _listed(folder: Path, subdir: str) -> Iterator[Wanted]:
    path = folder / subdir / "repodata.json"
    try:
        index = with_wheels(parse(path.read_bytes(), subdir))
    except FileNotFoundError:
        return
    except (OSError, IndexRejectedError) as error:
        _LOG.warning("%s can't be read, so nothing is taken over from it: %s", path, error)
        return
    for entry in index.entries:
        found = wanted(sound(entry)[0], subdir)
        if not isinstance(found, Refused):
            yield found
