"""Volumes of 0.1.0: documents that lay on the state volume move to the mirror volume.

0.1.0 kept one document per generation, and the rollback, on the state volume, and a note without
the pin in the generation itself. Both programs call ``take_over`` before they do anything else.

Guaranteed: a generation that was published, or is kept as a snapshot, has its document afterwards,
also where the state volume was lost; a stop at any moment is repaired by the next call, and what
has a document already is not touched.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from volume import generations
from volume.disk import documents, files
from volume.layout import Mirror, State

_NOTE = "generation.json"


def take_over(mirror: Mirror, state: State) -> None:
    """Move what 0.1.0 wrote to where it is now; nothing to do is the usual case.

    Raises:
        VolumeError: a volume refuses.
        StateError: a document can't be understood.
    """
    for channel in generations.channels(mirror):
        finished = _finished(mirror, channel)
        for number in generations.numbers(mirror, channel):
            note = mirror.generation(channel, number) / _NOTE
            if not mirror.generation_document(channel, number).exists():
                _write(mirror, state, channel, number, note if number in finished else None)
            if note.exists():
                files.unlink(note)
        rollback = documents.read(state.former_rollback(channel))
        if rollback is not None:
            documents.write(mirror.rollback(channel), rollback)
            files.unlink(state.former_rollback(channel))
        files.remove_tree(state.former_generations(channel))


def _write(mirror: Mirror, state: State, channel: str, number: int, note: Path | None) -> None:
    former = state.former_generations(channel) / f"{number:06d}.json"
    document = documents.read(former)
    if document is not None:
        generations.write(mirror, channel, generations.understood(document, former))
    elif note is not None and (said := _said(note)) is not None:
        document = {"left_out": [], "pinned": False, **said}
        generations.write(mirror, channel, generations.understood(document, note))


def _said(note: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _finished(mirror: Mirror, channel: str) -> set[int | None]:
    """Those that a link names: it was made when all of the generation was durable."""
    folder = mirror.snapshots(channel)
    links = [path for path in folder.iterdir() if path.is_symlink()] if folder.is_dir() else []
    named = {generations.number_of(path.readlink().name) for path in links}
    return {generations.current_number(mirror, channel), *named}
