"""What is published whole, beside the channels: which generation of it that is.

Guaranteed: what ``current`` leads to has every file that its own list names, with the bytes of the
hash that stands there; the syncer writes a generation completely before it swaps the link.
"""

from __future__ import annotations

from pathlib import Path

from volume.generations import number_of
from volume.layout import Collection


def current_number(collection: Collection) -> int | None:
    """Which generation is published, or None if none is."""
    try:
        return number_of(str(collection.current.readlink()))
    except OSError:
        return None


def folder_of(collection: Collection) -> Path:
    """The published generation's folder; the link itself if there is none."""
    number = current_number(collection)
    return collection.current if number is None else collection.generation(number)
