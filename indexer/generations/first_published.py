"""When people's own packages first appeared in a channel: their ``indexed_timestamp`` (CEP 47).

A client's cooldown counts from it, so it is the mirror's word and no package's own: set when bytes
first stand under a name in a published index, and kept for ever. The mirror volume has a document
of them beside the generations, written when they are published. What it lacks is looked for in the
generations that are kept, so that neither a lost state volume, nor a lost document, nor a stop
between the publication and its note makes a package younger.

Guaranteed: other bytes under a name have a moment of their own; bytes that come back have theirs.
Not guaranteed: the moment, if the document and all generations are lost; it begins anew then.
What was published by a version that noted nothing has the time of its file, but none later than
the oldest generation that has it (CEP 47 allows that for what was there before).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.generations import shards
from volume import generations
from volume.disk import documents
from volume.layout import Mirror

log = logging.getLogger("indexer.generations.first_published")

_DAY = 86_400_000
_LAST_SECOND = 253_402_300_799  # of the year 9999: timestamps above it are in milliseconds
_ARTIFACTS = "artifacts"


@dataclass(frozen=True, slots=True)
class NamedBytes:
    """Bytes under a name in a channel; ``sha256`` in hex. ``name`` is the package's."""

    subdir: str
    filename: str
    sha256: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.subdir}/{self.filename}"


class FirstPublished:
    """The memory of one channel. Callers hold the channel's lock."""

    def __init__(self, mirror: Mirror, channel: str) -> None:
        """Read it.

        Raises:
            StateError: a document was written by a newer version, or can't be read.
            VolumeError: the mirror volume can't be read.
        """
        self._mirror = mirror
        self._channel = channel
        self._path = mirror.first_published(channel)
        self._noted = _understood(documents.recall(self._path) or {}, self._path)
        self._kept = generations.kept(mirror, channel)

    def moment(self, one: NamedBytes, built: object, now: float) -> int:
        """Since when an artifact is published; if it never was, the present moment.

        Args:
            built: the record's own ``timestamp``.
            now: in seconds since the epoch.

        Returns:
            milliseconds since the epoch.

        Raises:
            VolumeError: the mirror volume can't be read.
        """
        noted = self._noted.get(one.path, {}).get(one.sha256)
        if noted is None:
            noted = self._among_kept(one, built)
        return self._present(one, built, now) if noted is None else noted

    def note(self, published: Iterable[tuple[NamedBytes, int]]) -> None:
        """Remember what is published now; durably, and only if there is something new.

        Raises:
            VolumeError: the mirror volume refuses.
        """
        is_new = False
        for one, moment in published:
            of_name = self._noted.setdefault(one.path, {})
            if one.sha256 not in of_name:
                of_name[one.sha256] = moment
                is_new = True
        if is_new:
            documents.write(self._path, {_ARTIFACTS: self._noted})

    def _present(self, one: NamedBytes, built: object, now: float) -> int:
        """Now; but if this machine's clock is behind, as two others say, what both admit.

        The index's own past and the package's builder: each alone may be wrong, and must not make
        a package younger than it is.
        """
        moment = int(now * 1000)
        written = _milliseconds(built)
        if written is None:
            return moment
        past = max((int(kept.created * 1000) for kept in self._kept), default=0)
        moment = max(moment, min(past, written))
        if written > moment + _DAY:
            log.warning(
                "%s/%s: its record says that it was built after this moment; its builder's clock,"
                " or this machine's, is wrong",
                self._channel, one.path,
            )  # fmt: skip
        return moment

    def _among_kept(self, one: NamedBytes, built: object) -> int | None:
        unnoted: int | None = None
        for kept in self._kept:  # the oldest first
            folder = self._mirror.generation(self._channel, kept.number) / one.subdir
            file = folder / one.filename
            if not file.exists():
                continue
            for record in _records(folder, one):
                moment = record.get("indexed_timestamp")
                if kept.timestamps and isinstance(moment, int):
                    return moment
                if unnoted is None:
                    written = max(int(file.stat().st_mtime * 1000), _milliseconds(built) or 0)
                    unnoted = min(int(kept.created * 1000), written)
        return unnoted


def _records(folder: Path, one: NamedBytes) -> Iterator[dict[str, Any]]:
    """The artifact's records in the shards of a generation, if they are of the same bytes."""
    try:
        digest = shards.read_index(folder).shards.get(one.name)
        shard = shards.read(folder, digest, check_hash=False) if digest else {}
    except shards.MalformedShardError:
        return
    for section in ("packages", "packages.conda"):
        records = shard.get(section)
        record = records.get(one.filename) if isinstance(records, Mapping) else None
        if isinstance(record, dict) and shards.plain(record).get("sha256") == one.sha256:
            yield record


def _milliseconds(built: object) -> int | None:
    if not isinstance(built, int) or isinstance(built, bool) or built <= 0:
        return None
    return built if built > _LAST_SECOND else built * 1000


def _understood(document: Mapping[str, Any], path: Path) -> dict[str, dict[str, int]]:
    found = document.get(_ARTIFACTS, {})
    if not isinstance(found, dict):
        log.warning("%s can't be understood; what it said is looked for in the generations", path)
        return {}
    return {
        name: {
            sha256: moment
            for sha256, moment in of_name.items()
            if isinstance(moment, int) and not isinstance(moment, bool)
        }
        for name, of_name in found.items()
        if isinstance(of_name, dict)
    }
