"""Generation documents: what the indexer has published, and what it keeps.

Each generation carries its own, on the mirror volume, so a lost state volume forgets none. The
indexer writes it when all else of the generation is durable, before it swaps ``current``, and
removes it before anything else of the generation. So ``current`` always names a generation with a
document, and a folder without one is unfinished or on its way out. The syncer reads them to know
what may expire.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from volume.disk import documents
from volume.disk.files import volume_error
from volume.errors import StateError
from volume.layout import Mirror

UPSTREAM, ARRIVAL = "upstream", "arrival"
_FOLDER = re.compile(r"gen-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Published:
    """What a generation lists of one subdir; ``size`` is the artifacts' bytes.

    ``twins`` counts the artifacts that have two records (``volume/sections.py``).
    """

    records: int
    size: int
    twins: int = 0

    @property
    def artifacts(self) -> int:
        """How many artifacts the records are of."""
        return self.records - self.twins


@dataclass(frozen=True, slots=True)
class UnindexedFile:
    """A file that could not be indexed, and why.

    It is a local one, or has a row in the ledger; ``is_damaged`` if that is not what was written.
    """

    subdir: str
    filename: str
    size: int
    mtime_ns: int
    reason: str
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete output of the indexer.

    ``serial`` is the ledger's at the time, and ``ledger`` the identity of that ledger; ``local``
    fingerprints the files that people added to the channel; ``snapshot`` is its name under
    ``snapshots/``; ``created`` is in seconds since the epoch; ``engine`` says what wrote it.
    ``followed`` is the snapshot of the generation after it, once that one is gone and this is not.
    ``timestamps`` says whose ``indexed_timestamp`` mirrored records have: ``upstream`` alone, or
    the ``arrival`` where upstream has none. It is empty if people's own packages have none either.
    """

    number: int
    serial: int
    local: str
    snapshot: str
    created: float
    engine: str
    subdirs: dict[str, Published]
    left_out: tuple[UnindexedFile, ...] = ()
    pinned: bool = False
    ledger: str = ""
    followed: str = ""
    timestamps: str = ""

    def followed_by(self, other: Generation) -> Generation:
        """This, when the generation after it goes."""
        return replace(self, followed=other.snapshot)

    @property
    def met_damage(self) -> bool:
        """Whether rows of the ledger were damaged when it was made."""
        return any(one.is_damaged for one in self.left_out)


def number_of(folder: str) -> int | None:
    """The number in a generation's folder name, or None for another name."""
    match = _FOLDER.fullmatch(folder)
    return int(match[1]) if match else None


def current_number(mirror: Mirror, channel: str) -> int | None:
    """Which generation is published, or None if none is."""
    try:
        return number_of(str(mirror.current(channel).readlink()))
    except OSError:
        return None


def write(mirror: Mirror, channel: str, generation: Generation) -> None:
    """Write a generation's document. Only the indexer does.

    Raises:
        VolumeError: the mirror volume refused.
    """
    document = {"channel": channel} | asdict(generation)
    documents.write(mirror.generation_document(channel, generation.number), document)


def read(mirror: Mirror, channel: str, number: int) -> Generation | None:
    """A generation's document, or None if there is none.

    Raises:
        StateError: it can't be understood, or is of another generation: a folder was moved.
    """
    path = mirror.generation_document(channel, number)
    document = documents.read(path)
    if document is None:
        return None
    found = understood(document, path)
    # Documents of the first weeks don't name their channel.
    place = (document.get("channel", channel), found.number)
    if place != (channel, number):
        raise StateError(
            f"{path} is of generation {found.number} of {place[0]}: folders below"
            f" {mirror.root / 'index'} were moved or swapped; put them back where they were"
        )
    return found


def understood(document: Mapping[str, Any], path: Path) -> Generation:
    """The generation that a document at ``path`` describes.

    Raises:
        StateError: it can't be understood.
    """
    try:
        return Generation(
            number=document["number"],
            serial=document["serial"],
            local=document["local"],
            snapshot=document["snapshot"],
            created=document["created"],
            engine=document["engine"],
            subdirs={name: Published(**value) for name, value in document["subdirs"].items()},
            left_out=tuple(UnindexedFile(**value) for value in document["left_out"]),
            pinned=document["pinned"],
            ledger=document.get("ledger", ""),
            followed=document.get("followed", ""),
            timestamps=document.get("timestamps", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} can't be understood ({error!r}); remove it") from error


def channels(mirror: Mirror) -> Iterator[str]:
    """Every channel that has a generation, finished or not."""
    root = mirror.root / "index"
    for folder, subfolders, _ in os.walk(root):
        below = [
            name
            for name in subfolders
            if number_of(name) is None and name != "snapshots" and not name.startswith(".")
        ]
        if any(number_of(name) is not None for name in subfolders):
            yield Path(folder).relative_to(root).as_posix()
        subfolders[:] = below


def numbers(mirror: Mirror, channel: str) -> list[int]:
    """The numbers of all folders of generations, finished or not, in order.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    folder = mirror.index(channel)
    try:
        found = [number_of(path.name) for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise volume_error(error, "list", folder) from error
    return sorted(number for number in found if number is not None)


def kept(mirror: Mirror, channel: str) -> list[Generation]:
    """Every generation with a document, oldest first.

    Raises:
        StateError: a document can't be understood.
        VolumeError: the mirror volume can't be read.
    """
    found = (read(mirror, channel, number) for number in numbers(mirror, channel))
    return [generation for generation in found if generation is not None]


def last_serial(mirror: Mirror, channel: str) -> int:
    """The highest serial that a kept generation was made of; 0 if there is none.

    Raises:
        StateError: a document can't be understood.
        VolumeError: the mirror volume can't be read.
    """
    return max((generation.serial for generation in kept(mirror, channel)), default=0)


def published(mirror: Mirror, channel: str) -> Generation | None:
    """The published generation, or None if none is.

    Raises:
        StateError: its document can't be understood.
    """
    number = current_number(mirror, channel)
    return read(mirror, channel, number) if number is not None else None
