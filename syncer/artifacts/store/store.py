"""The store: where a channel's artifacts are. This is the disk; nothing else moves an artifact.

``Store``'s public methods are the protocol that another kind of store would have: ``sync.tools``
makes the one of each channel, and all that stages, commits, retires, adopts or restores is given
it. In the order of an artifact's life: what ``staging`` has, ``taken``, ``commit`` (or
``commit_retired``), ``release``, ``settle``, ``retire``, ``remove``; ``quarantine`` and
``set_aside`` for what must not be served.

Guaranteed: what a method did is durable when it returns, so the ledger may say it: the names that
came, and those that went, whoever removed them. A served name never changes its bytes: a move gives
the bytes their second name before the first one goes. Each method may be stopped anywhere and
called again. Callers hold the channel lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from syncer.artifacts.store.claims import Claims
from syncer.artifacts.store.staging_area import StagingArea
from volume.disk.files import (
    hash_file,
    is_regular,
    link,
    make_directory,
    place,
    remove_tree,
    rename,
    sync_directory,
    sync_file,
    unlink,
    volume_error,
)
from volume.disk.folder import Folders
from volume.errors import VolumeError
from volume.layout import HasPlace, Mirror, staged_name
from volume.ledger.artifact import Artifact, Retired


class StagedBytes(Protocol):
    """Verified bytes in staging; ``digest`` is that of their record."""

    @property
    def subdir(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def sha256(self) -> str: ...


class Store:
    """The artifacts of one channel."""

    def __init__(self, mirror: Mirror, channel: str, claims: Claims | None = None) -> None:
        """With ``claims`` others stage artifacts too."""
        self._mirror = mirror
        self._channel = channel
        self.staging = StagingArea(mirror, channel, claims)

    def release(self, doubles: Iterable[tuple[Path, StagedBytes]]) -> None:
        """Remove files of another tree that have the very bytes of committed artifacts, durably.

        Raises:
            VolumeError: they can't be removed.
        """
        folders: set[Path] = set()
        for path, one in doubles:
            ours = self._mirror.artifacts(self._channel, one.subdir) / one.filename
            try:
                is_same = ours.exists() and path.samefile(ours)
            except OSError as error:
                raise volume_error(error, "read", path) from error
            if is_same or hash_file(path) == one.sha256:
                unlink(path)
                folders.add(path.parent)
        _sync(folders)

    def taken(self, staged: Iterable[StagedBytes]) -> set[tuple[str, str]]:
        """Those (subdir, filename) whose name in ``channels/`` has other bytes than are staged.

        Raises:
            VolumeError: they can't be read.
        """
        found: set[tuple[str, str]] = set()
        with Folders() as homes:
            for one in staged:
                folder = homes.at(self._mirror.artifacts(self._channel, one.subdir))
                if not folder.holds(one.filename):
                    continue
                path = folder.path / one.filename
                if not path.samefile(self.staging.path(one.subdir, one.filename, one.digest)) and (
                    hash_file(path) != one.sha256
                ):
                    found.add((one.subdir, one.filename))
        return found

    def has(self, placed: HasPlace) -> bool:
        """Whether there is a file where this row says."""
        return is_regular(self._path(placed))

    def commit(self, rows: Sequence[Artifact]) -> None:
        """Move staged bytes to where their rows say; those that are there already stay.

        Raises:
            VolumeError: the mirror volume refused, or bytes are neither here nor there.
        """
        filled: set[Path] = set()
        with Folders() as homes, Folders() as stagings:
            for row in rows:
                home = homes.at(self._mirror.home_folder(self._channel, row))
                staging = stagings.at(self._mirror.staging(self._channel, row.subdir))
                filled.add(home.path)
                is_moved = home.take(row.filename, staging, staged_name(row.filename, row.digest))
                if not is_moved and not home.holds(row.filename):
                    raise VolumeError(
                        f"{home.path}/{row.filename} was being committed and is gone from staging"
                        " too: was the mirror volume changed by hand? Move the channel's ledger.db"
                        " away and sync again"
                    )
        _sync(filled)
        _sync({folder.parent for folder in filled})

    def place_promised(self, staged: Path, row: HasPlace) -> bool:
        """Give staged bytes the name in ``channels/`` that is promised, beside their own; durably.

        False, and nothing changes: other bytes have the name.

        Raises:
            VolumeError: the mirror volume refused.
        """
        sync_file(staged)
        target = self._mirror.artifacts(self._channel, row.subdir) / row.filename
        make_directory(target.parent)
        if not place(staged, target) and hash_file(target) != row.sha256:
            return False
        _sync({target.parent, target.parent.parent})
        return True

    def withdraw_promised(self, staged: Path, row: HasPlace) -> None:
        """Take that name back, if it is still that of these bytes.

        Raises:
            VolumeError: the mirror volume refused.
        """
        target = self._mirror.artifacts(self._channel, row.subdir) / row.filename
        if target.exists() and target.samefile(staged):
            unlink(target)
            _sync({target.parent})

    def commit_retired(self, staged: Iterable[tuple[Path, Retired]]) -> None:
        """Move staged bytes to where they are downloadable without being listed.

        Raises:
            VolumeError: the mirror volume refused.
        """
        filled: set[Path] = set()
        for path, row in staged:
            target = self._path(row)
            make_directory(target.parent)
            if target.exists() and target.samefile(path):
                unlink(path)  # a second name of what was there; renaming would do nothing
            else:
                rename(path, target)
            filled |= {target.parent, target.parent.parent}
        _sync(filled)

    def retire(self, rows: Sequence[Retired]) -> None:
        """Move bytes to ``retired/``: a client finds them in one place or the other at any time.

        Raises:
            VolumeError: the mirror volume refused.
        """
        targets: set[Path] = set()
        for row in rows:
            source = self._path(row)
            if source.exists():
                target = self._mirror.retired(self._channel, row.subdir) / row.filename
                make_directory(target.parent)
                link(source, target)
                targets |= {target.parent, target.parent.parent}
        _sync(targets)
        self.remove(rows)

    def remove(self, rows: Iterable[HasPlace]) -> None:
        """Remove the names that rows have; those that are gone already too, durably.

        Raises:
            VolumeError: the mirror volume refused.
        """
        folders: set[Path] = set()
        for row in rows:
            path = self._path(row)
            unlink(path)
            folders.add(path.parent)
        _sync(folders)

    def quarantine(self, rows: Sequence[Retired]) -> None:
        """Move damaged bytes out of every served folder, names that generations gave them too.

        Raises:
            VolumeError: the mirror volume refused.
        """
        changed: set[Path] = set()
        for row in rows:
            path = self._path(row)
            folder = self._mirror.quarantine(self._channel, row.subdir)
            quarantined = folder / f"{row.filename}.{row.sha256[:16]}"
            if path.exists():
                make_directory(folder)
                rename(path, quarantined)
            changed |= {folder, path.parent}
            for generation in self._mirror.index(self._channel).glob("gen-*"):
                name = generation / row.subdir / row.filename
                if name.exists() and quarantined.exists() and name.samefile(quarantined):
                    unlink(name)
                    changed.add(name.parent)
        _sync(changed)

    def set_aside(self, subdir: str, filename: str, *, stays: bool) -> None:
        """Move a file that no row knows out of ``channels/``, to be looked at.

        Args:
            stays: whether it keeps its name there as well, for now.

        Raises:
            VolumeError: the mirror volume refused.
        """
        folder = self._mirror.quarantine(self._channel, subdir)
        make_directory(folder)
        target, number = folder / filename, 1
        while target.is_symlink() or target.exists():
            target, number = folder / f"{filename}.{number}", number + 1
        source = self._mirror.artifacts(self._channel, subdir)
        (link if stays else rename)(source / filename, target)
        _sync({folder, folder.parent, source})

    def settle(self, subdir: str, filename: str, sha256: str) -> bool:
        """Give replaced content its proper name, if it is free; return whether it has it now.

        Raises:
            VolumeError: the mirror volume refused.
        """
        source = self._mirror.replaced(self._channel, subdir, sha256) / filename
        target = self._mirror.artifacts(self._channel, subdir) / filename
        if target.exists() and not target.samefile(source):
            return False  # the generation's link goes on serving
        link(source, target)
        _sync({target.parent})
        return True

    def sweep_replaced(self, subdirs: Iterable[str], is_used: Callable[[str, str], bool]) -> None:
        """Remove names in ``replaced/`` that no row uses, given as (subdir, sha256).

        Raises:
            VolumeError: the mirror volume refused.
        """
        for subdir in subdirs:
            folder = self._mirror.replaced(self._channel, subdir, "")
            if folder.is_dir():
                for entry in sorted(folder.iterdir()):
                    if not is_used(subdir, entry.name):
                        remove_tree(entry)

    def _path(self, placed: HasPlace) -> Path:
        return self._mirror.home(self._channel, placed)


def _sync(folders: Iterable[Path]) -> None:
    for folder in sorted(folders):
        if folder.is_dir():
            sync_directory(folder)
