"""What the web server finds a generation by, other than ``current``: links by time.

``snapshots/<time>`` leads to each kept generation, for people who look at the volume. ``.times``
leads to the folder of links in which nginx looks times up (``volume.snapshots``): the folder is
made beside the one in use, whole and durable, and named by what is in it; then the link is swapped.

Guaranteed: a time that means a kept generation is found at every instant, also while the folder is
changed; what ``snapshots/`` has is found by its time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from volume import generations, snapshots
from volume.disk import files
from volume.generations import Generation
from volume.layout import Mirror

_NAME = ".times-"


def free_name(kept: Sequence[Generation], created: float) -> str:
    """A new generation's snapshot: its time, or the next that no kept one has."""
    taken = {one.snapshot for one in kept}
    moment = int(created)
    while (name := snapshots.name_of(moment)) in taken:
        moment += 1
    return name


def is_converged(mirror: Mirror, channel: str, kept: Sequence[Generation]) -> bool:
    """Whether ``.times`` says what it should."""
    try:
        return str(mirror.times(channel).readlink()) == _folder_name(snapshots.links(kept))
    except OSError:
        return not kept


def converge(mirror: Mirror, channel: str, kept: Sequence[Generation]) -> None:
    """Make the links those of the kept generations.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    wanted = {one.snapshot: mirror.generation(channel, one.number).name for one in kept}
    folder = mirror.snapshots(channel)
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for name in present - wanted.keys():
        files.unlink(folder / name)
    _swap_times(mirror, channel, snapshots.links(kept))
    for name in sorted(wanted.keys() - present):
        files.make_directory(folder)
        files.swap_link(folder / name, f"../{wanted[name]}")


def _folder_name(links: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, target in sorted(links.items()):
        digest.update(f"{name} {target}\n".encode())
    return f"{_NAME}{digest.hexdigest()[:16]}"


def _swap_times(mirror: Mirror, channel: str, links: Mapping[str, str]) -> None:
    link = mirror.times(channel)
    name = _folder_name(links)
    linked = str(link.readlink()) if link.is_symlink() else None
    # The one before stays until the next change: a request may be on its way through it.
    for older in sorted(link.parent.glob(f"{_NAME}*")):
        if older.name not in {name, linked}:
            files.remove_tree(older)
    if linked == name or not (links or linked):
        return
    folder = link.with_name(name)
    if not folder.is_dir():
        files.make_links(folder, links)
    files.swap_link(link, name)


def note_followers(mirror: Mirror, channel: str, leaving: Sequence[Generation]) -> None:
    """Before generations go: those that stay learn until when they were the answer.

    Raises:
        VolumeError: the mirror volume refuses.
        StateError: a document can't be understood.
    """
    going = {one.number: one for one in leaving}
    for one in generations.kept(mirror, channel):
        following = going.get(one.number + 1)
        if one.number not in going and following is not None and not one.followed:
            generations.write(mirror, channel, one.followed_by(following))
