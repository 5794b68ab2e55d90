"""Generation documents: what the indexer has published, and what it keeps.

The indexer writes one document per generation before it swaps ``current``, and removes it before
it removes the generation's folder. So ``current`` always names a generation with a document, and a
folder without one is unfinished or on its way out. The syncer reads them to know what may expire.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from volume.disk import documents
from volume.errors import StateError
from volume.layout import Mirror, State

_FOLDER = re.compile(r"gen-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Published:
    """What a generation lists of one subdir; ``size`` is the artifacts' bytes."""

    records: int
    size: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A local file that could not be indexed, and why."""

    subdir: str
    filename: str
    size: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete output of the indexer.

    ``serial`` is the ledger's at the time; ``local`` fingerprints the files that people put into
    the channel's folders; ``snapshot`` is its name under ``snapshots/``; ``created`` is in seconds
    since the epoch; ``engine`` says what wrote it.
    """

    number: int
    serial: int
    local: str
    snapshot: str
    created: float
    engine: str
    subdirs: dict[str, Published]
    left_out: tuple[LeftOut, ...] = ()
    pinned: bool = False


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


def write(state: State, channel: str, generation: Generation) -> None:
    """Write a generation's document. Only the indexer does.

    Raises:
        VolumeError: the state volume refused.
    """
    document = asdict(generation)
    documents.write(state.generation_document(channel, generation.number), document)


def read(state: State, channel: str, number: int) -> Generation | None:
    """A generation's document, or None if there is none.

    Raises:
        StateError: it can't be understood.
    """
    path = state.generation_document(channel, number)
    document = documents.read(path)
    if document is None:
        return None
    try:
        return Generation(
            number=document["number"],
            serial=document["serial"],
            local=document["local"],
            snapshot=document["snapshot"],
            created=document["created"],
            engine=document["engine"],
            subdirs={name: Published(**value) for name, value in document["subdirs"].items()},
            left_out=tuple(LeftOut(**value) for value in document["left_out"]),
            pinned=document["pinned"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{path} can't be understood ({error!r}); remove it") from error


def kept(state: State, channel: str) -> list[Generation]:
    """Every generation with a document, oldest first.

    Raises:
        StateError: a document can't be understood.
    """
    numbers = sorted(
        int(path.stem) for path in _json_files(state.generations(channel)) if path.stem.isdecimal()
    )
    found = (read(state, channel, number) for number in numbers)
    return [generation for generation in found if generation is not None]


def _json_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.json")) if folder.is_dir() else []


def published(mirror: Mirror, state: State, channel: str) -> Generation | None:
    """The published generation, or None if none is.

    Raises:
        StateError: its document is missing or can't be understood.
    """
    number = current_number(mirror, channel)
    return read(state, channel, number) if number is not None else None
