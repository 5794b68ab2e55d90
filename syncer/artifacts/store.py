"""The store: where a channel's artifacts are. This is the disk; nothing else moves an artifact.

``Store``'s public methods are the protocol that another kind of store would have: ``sync.tools``
makes the one of each channel, and all that stages, commits, retires, adopts or restores is given
it. In the order of an artifact's life: ``staging``, ``stage_again``, ``stage_from``,
``settle_staged``, ``taken``, ``commit`` (or ``commit_retired``), ``release``, ``settle``,
``retire``, ``remove``; ``quarantine`` and ``set_aside`` for what must not be served.

Guaranteed: what a method did is durable when it returns, so the ledger may say it: the names that
came, and those that went, whoever removed them. What is staged is durable from ``settle_staged``
on. A served name never changes its bytes: a move gives the bytes their second name before the first
one goes. Each method may be stopped anywhere and called again. Callers hold the channel lock but
for what is in staging, which a sync alone writes.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncer.artifacts.claims import Claims
from volume.disk.files import (
    hash_file,
    is_regular,
    link,
    make_directory,
    operation,
    place,
    remove_empty,
    remove_tree,
    rename,
    sync_directory,
    sync_file,
    sync_filesystem,
    unlink,
    volume_error,
)
from volume.disk.folder import Folders
from volume.errors import VolumeError
from volume.layout import HasPlace, Mirror, staged_name
from volume.ledger.artifact import Artifact, Retired

# What may keep a link from being made although the file can be read: another filesystem or mount,
# another owner, too many links.
_UNLINKABLE = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK})

_UNCLAIMED = contextlib.nullcontext()

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StagingFolder:
    """Where a subdir is staged, as a text: for each artifact a Path would cost more than its file.

    It is untouched if no file of the subdir is on the volume yet: then none need be looked for.
    """

    path: str
    is_untouched: bool


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
        self._claims = claims

    @property
    def root(self) -> Path:
        """A folder of the filesystem that holds what is staged."""
        return self._mirror.root

    def staging(self, subdir: str) -> StagingFolder:
        """Where downloads of a subdir go, made ready.

        Raises:
            VolumeError: the mirror volume refused.
        """
        folder = self._mirror.staging(self._channel, subdir)
        make_directory(folder)
        homes = (
            self._mirror.artifacts(self._channel, subdir),
            self._mirror.retired(self._channel, subdir),
        )
        return StagingFolder(str(folder), not any(map(_has_entries, (folder, *homes))))

    def claim(
        self, subdir: str, filename: str, sleep: Callable[[float], None]
    ) -> AbstractContextManager[None]:
        """The right to stage an artifact, as long as a ``with`` block lasts; it is waited for.

        Args:
            sleep: waits; what it raises ends the waiting.

        Raises:
            VolumeError: the state volume refused.
        """
        if self._claims is None:
            return _UNCLAIMED
        return self._claims.wait(subdir, filename, sleep)

    def claim_free(self, subdir: str, filename: str) -> AbstractContextManager[None] | None:
        """The same right, if nobody has it now.

        Raises:
            VolumeError: the state volume refused.
        """
        return _UNCLAIMED if self._claims is None else self._claims.take(subdir, filename)

    def staged(self, subdir: str, filename: str, digest: bytes) -> Path:
        """Where one artifact is staged; ``digest`` is that of its record."""
        return self._mirror.staged(self._channel, subdir, filename, digest)

    def stage_again(self, subdir: str, filename: str, size: int | None, staged: Path) -> bool:
        """Stage a file of that name and size that is here already; return whether there is one.

        Raises:
            VolumeError: the mirror volume refused.
        """
        # Most often nothing is there: the cheapest possible way of asking.
        for folder in (
            self._mirror.artifacts(self._channel, subdir),
            self._mirror.retired(self._channel, subdir),
        ):
            if has_size(f"{folder}/{filename}", size) and not staged.exists():
                link(folder / filename, staged)
                return True
        return False

    def stage_from(self, path: Path, staged: Path) -> bool:
        """Stage a file of another tree, linked where that can be and copied where not.

        Nothing is written to it. Returns whether it could be read.

        Raises:
            VolumeError: a volume refused.
        """
        unlink(staged)  # a download that was cut
        source = path.resolve()  # the file itself: a link to a symbolic link is another such link
        with operation("adopt", staged):
            try:
                os.link(source, staged)
                if staged.stat().st_mode & 0o444 == 0o444:
                    return True
                staged.unlink()  # nginx could not read it, and its mode is not ours to change
            except OSError as error:
                if error.errno not in _UNLINKABLE:
                    raise
            try:
                stream = source.open("rb")
            except PermissionError:
                _LOG.warning("%s can't be read: permission denied; not taken over", path)
                return False
            temporary = staged.with_name(staged.name + ".copy")
            with stream, temporary.open("wb") as target:
                shutil.copyfileobj(stream, target, 1 << 20)
            temporary.chmod(0o644)
            temporary.rename(staged)
            return True

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
                if not path.samefile(self.staged(one.subdir, one.filename, one.digest)) and (
                    hash_file(path) != one.sha256
                ):
                    found.add((one.subdir, one.filename))
        return found

    def clear_staging(self, subdirs: Iterable[str]) -> None:
        """Remove what earlier runs staged and nobody wants any more.

        Raises:
            VolumeError: the mirror volume refused.
        """
        for subdir in subdirs:
            folder = self._mirror.staging(self._channel, subdir)
            if folder.is_dir():
                for path in sorted(folder.iterdir()):
                    filename = path.name.rsplit(".", 2)[0]  # layout.staged_name
                    claim = self.claim_free(subdir, filename)
                    if claim is not None:  # else somebody is at it
                        with claim:
                            unlink(path)
                remove_empty(folder)

    def has(self, placed: HasPlace) -> bool:
        """Whether there is a file where this row says."""
        return is_regular(self._path(placed))

    def settle_staged(self) -> None:
        """Make all staged bytes durable: one barrier for all of them.

        Raises:
            VolumeError: the mirror volume refused.
        """
        sync_filesystem(self._mirror.root)

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

    def find_staged(self, row: Retired) -> Path | None:
        """The staged bytes of a row, found by their hash; a crash left them there.

        Raises:
            VolumeError: they can't be read.
        """
        folder = self._mirror.staging(self._channel, row.subdir)
        for path in sorted(folder.glob(f"{glob.escape(row.filename)}.*.part")):
            if path.stat().st_size == row.size and hash_file(path) == row.sha256:
                return path
        return None

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


def has_size(path: str, size: int | None) -> bool:
    """Whether a file of that size is there.

    Raises:
        VolumeError: it can't be looked at.
    """
    try:
        return os.stat(path).st_size == size  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise volume_error(error, "read", Path(path)) from error


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise volume_error(error, "look at", folder) from error
