"""Volumes of 0.1.0: documents move from the state volume, and people's packages to ``local/``.

0.1.0 kept one document per generation, and the rollback, on the state volume, and a note without
the pin in the generation itself. What people had added to ``channels/`` it linked into generations.
Both programs call ``take_over`` before they do anything else.

Guaranteed: a generation that was published, or is kept as a snapshot, has its document afterwards,
and no file that such a generation shares is taken for the syncer's, also where the state volume was
lost; a stop at any moment is repaired by the next call, and what has a document already is not
touched. Not guaranteed: what 0.1.0 never indexed moves; ``indexer.story.takeover`` sees to that.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from volume import generations
from volume.disk import documents, files
from volume.layout import Mirror, State
from volume.names import EXTENSIONS

_LOG = logging.getLogger(__name__)
_NOTE = "generation.json"


def take_over(mirror: Mirror, state: State) -> None:
    """Move what 0.1.0 wrote to where it is now; nothing to do is the usual case.

    Raises:
        VolumeError: a volume refuses.
        StateError: a document can't be understood.
    """
    for channel in generations.channels(mirror):
        moved = 0
        finished = _finished(mirror, channel)
        for number in generations.numbers(mirror, channel):
            note = mirror.generation(channel, number) / _NOTE
            if not mirror.generation_document(channel, number).exists():
                _write(mirror, state, channel, number, note if number in finished else None)
            if note.exists():
                moved += _move_own(mirror, channel, number)
                files.unlink(note)
        if moved:
            _LOG.warning(
                "%s: moved %d files of your own from channels/ to %s: that is where they lie now,"
                " and where the next ones belong",
                channel, moved, mirror.local_folder(channel),
            )  # fmt: skip
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


def _move_own(mirror: Mirror, channel: str, number: int) -> int:
    """Move what a generation shares with ``channels/``, durably; return how many files.

    The moved file is a copy: the bytes of the other are the generation's.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(mirror.generation(channel, number).glob("*/*")):
        subdir, filename = path.parent.name, path.name
        if filename.endswith(EXTENSIONS) and _is_same(
            path, mirror.artifacts(channel, subdir) / filename
        ):
            found.setdefault(subdir, []).append(filename)
    for subdir, filenames in found.items():
        source, target = mirror.artifacts(channel, subdir), mirror.local(channel, subdir)
        files.make_directory(target)
        for filename in filenames:
            if not (target / filename).exists():
                files.copy(source / filename, target / filename)
                files.sync_file(target / filename)
        files.sync_directory(target)
        for filename in filenames:
            files.unlink(source / filename)
        files.remove_empty(source)
    return sum(map(len, found.values()))


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


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
