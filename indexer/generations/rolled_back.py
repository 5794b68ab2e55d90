"""The rollback that is in force, as a document.

It is written before ``current`` is swapped back and ends with the next generation that is published
(something was committed, or local files changed, after the newest generation), or by
``rollback --release``. It counts only while the newest generation still is the one that it names.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from volume.disk import documents
from volume.disk.files import unlink
from volume.errors import StateError
from volume.layout import Mirror


@dataclass(frozen=True, slots=True)
class Rollback:
    """Generation ``generation`` is published although ``newest`` exists; since seconds of epoch."""

    generation: int
    newest: int
    since: float


def read(mirror: Mirror, channel: str) -> Rollback | None:
    """A channel's rollback, or None.

    Raises:
        StateError: its document can't be understood.
    """
    path = mirror.rollback(channel)
    document = documents.read(path)
    if document is None:
        return None
    try:
        return Rollback(document["generation"], document["newest"], document["since"])
    except KeyError as error:
        raise StateError(f"{path} can't be understood ({error!r}); remove it") from error


def write(mirror: Mirror, channel: str, rollback: Rollback) -> None:
    """Put a rollback in force.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    documents.write(mirror.rollback(channel), asdict(rollback))


def release(mirror: Mirror, channel: str) -> None:
    """End a channel's rollback.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    unlink(mirror.rollback(channel))
