"""Generations: how one is started, settled, published and removed.

A draft is a folder ``gen-N`` without a document. Whatever in it equals the published generation
becomes a hard link to that one, so unchanged files keep inode, time and ETag, and cost nothing.
Files are only ever written anew here, never in place: the old generation is served meanwhile.

Guaranteed: publication is one rename, of a generation whose bytes and names are durable; after a
crash ``converge`` finishes what had a document and sweeps what had none.
"""

from __future__ import annotations

import filecmp
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.generations import shards, snapshots
from indexer.generations.rolled_back import read as read_rolled_back
from volume import generations
from volume.disk import files
from volume.generations import Generation
from volume.layout import Mirror
from volume.names import EXTENSIONS

log = logging.getLogger("indexer.generations.generation")

_SYNC_ONE_BY_ONE = 200  # more new files than this: one barrier for the whole filesystem


@dataclass(frozen=True, slots=True)
class Draft:
    """An unpublished generation; ``base`` is the published one's folder."""

    channel: str
    number: int
    folder: Path
    base: Path | None


def start(mirror: Mirror, channel: str, subdirs: tuple[str, ...]) -> Draft:
    """Create the next generation's folder, with its subdirs.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    number = max(generations.numbers(mirror, channel), default=0) + 1
    current = generations.current_number(mirror, channel)
    base = mirror.generation(channel, current) if current is not None else None
    draft = Draft(channel, number, mirror.generation(channel, number), base)
    for subdir in subdirs:
        files.make_directory(draft.folder / subdir)
    return draft


def link_if_equal(draft: Draft, relative: str) -> bool:
    """Take the published file in place of an equal new one; return whether it was equal."""
    if draft.base is None:
        return False
    old, new = draft.base / relative, draft.folder / relative
    if not (old.is_file() and new.is_file()) or not filecmp.cmp(old, new, shallow=False):
        return False
    files.link(old, new)
    return True


def link_published(draft: Draft, relative: str) -> bool:
    """Take the published file as it is; return whether there is one."""
    if draft.base is None or not (draft.base / relative).is_file():
        return False
    files.link(draft.base / relative, draft.folder / relative)
    return True


def is_published(draft: Draft, relative: str) -> bool:
    """Whether the draft's file is the published one."""
    if draft.base is None:
        return False
    try:
        return (draft.base / relative).samefile(draft.folder / relative)
    except FileNotFoundError:
        return False


def clear_index(draft: Draft) -> None:
    """Remove all but artifacts from a draft, so that it can be filled again."""
    for entry in list(_walk(draft.folder)):
        if not entry.name.endswith(EXTENSIONS):
            Path(entry.path).unlink()


def is_same(draft: Draft) -> bool:
    """Whether a client could tell the draft from what is published."""
    return draft.base is not None and _content(draft.base) == _content(draft.folder)


def _content(folder: Path) -> dict[str, int]:
    # Shards need no look: they are content-addressed, and their index is compared.
    start = len(str(folder)) + 1
    return {
        entry.path[start:]: entry.inode()
        for entry in _walk(folder)
        if not entry.name.startswith(".") and not shards.is_shard(entry.name)
    }


def _walk(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            else:
                yield entry


def publish(mirror: Mirror, draft: Draft, generation: Generation) -> Generation:
    """Make a verified draft durable and swap ``current`` to it; return its final document.

    Raises:
        VolumeError: a volume refuses; what was published before stays.
    """
    kept = generations.kept(mirror, draft.channel)
    final = replace(generation, snapshot=snapshots.free_name(kept, generation.created))
    _finish_files(mirror, draft)
    generations.write(mirror, draft.channel, final)
    snapshots.converge(mirror, draft.channel, [*kept, final])
    files.swap_link(mirror.current(draft.channel), draft.folder.name)
    return final


def _finish_files(mirror: Mirror, draft: Draft) -> None:
    """Modes, times and durability of everything that is new."""
    older = [
        mirror.generation(draft.channel, generation.number)
        for generation in generations.kept(mirror, draft.channel)
    ]
    fresh: list[Path] = []
    for entry in _walk(draft.folder):
        status = entry.stat(follow_symlinks=False)
        if status.st_nlink > 1:
            continue
        path = Path(entry.path)
        fresh.append(path)
        if stat.S_IMODE(status.st_mode) != 0o644:
            path.chmod(0o644)
        if not shards.is_shard(entry.name):
            _make_newer(path, status, [folder / path.relative_to(draft.folder) for folder in older])
    if len(fresh) > _SYNC_ONE_BY_ONE:
        files.sync_filesystem(draft.folder)
    else:
        for path in fresh:
            files.sync_file(path)
    for folder in [draft.folder, *(path for path in draft.folder.iterdir() if path.is_dir())]:
        folder.chmod(0o755)
        files.sync_directory(folder)
    files.sync_directory(draft.folder.parent)


def _make_newer(path: Path, status: os.stat_result, older: list[Path]) -> None:
    """Make an ETag that no older file of this name had: nginx builds it of seconds and size."""
    times = [int(file.stat().st_mtime) for file in older if file.exists()]
    newest = max(times, default=0)
    if int(status.st_mtime) <= newest:
        os.utime(path, (newest + 1, newest + 1))


# -- after a crash, and afterwards ---------------------------------------------------------------


def converge(mirror: Mirror, channel: str) -> None:
    """Finish what a crash left: publish what has a document, sweep what has none.

    Raises:
        VolumeError: a volume refuses.
        StateError: a document can't be understood.
    """
    if not mirror.index(channel).is_dir():
        return
    current = generations.current_number(mirror, channel)
    kept = generations.kept(mirror, channel)
    finished = {generation.number for generation in kept}
    for number in set(generations.numbers(mirror, channel)) - finished - {current}:
        log.info("%s: generation %d was not finished; removed", channel, number)
        files.remove_tree(mirror.generation(channel, number))
    for leftover in mirror.index(channel).glob(".*.tmp"):
        if leftover.is_dir() and not leftover.is_symlink():
            files.remove_tree(leftover)
        else:
            files.unlink(leftover)
    snapshots.converge(mirror, channel, kept)
    wanted = due(mirror, channel, kept)
    if wanted is not None and wanted != current:
        files.swap_link(mirror.current(channel), mirror.generation(channel, wanted).name)


def due(mirror: Mirror, channel: str, kept: list[Generation]) -> int | None:
    """The generation that ``current`` must name: the newest, or the one that a rollback keeps.

    Raises:
        StateError: the rollback's document can't be understood.
    """
    if not kept:
        return None
    rollback = read_rolled_back(mirror, channel)
    if rollback is not None and rollback.newest == kept[-1].number:
        return rollback.generation
    return kept[-1].number


def prune(mirror: Mirror, channel: str, keep: int) -> None:
    """Remove all but the newest generations, the published one and the pinned ones.

    Raises:
        VolumeError: a volume refuses.
    """
    current = generations.current_number(mirror, channel)
    leaving = [
        generation
        for generation in generations.kept(mirror, channel)[:-keep]
        if generation.number != current and not generation.pinned
    ]
    if not leaving:
        return
    snapshots.note_followers(mirror, channel, leaving)
    for generation in leaving:
        files.unlink(mirror.generation_document(channel, generation.number))
    snapshots.converge(mirror, channel, generations.kept(mirror, channel))
    for generation in leaving:
        files.remove_tree(mirror.generation(channel, generation.number))
