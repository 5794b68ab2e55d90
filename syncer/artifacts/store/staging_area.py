"""The staging area: where a channel's bytes are before they are committed.

Who stages an artifact has claimed it, so that a sync and whoever fetches on demand never write one
part at once. Guaranteed: what is staged is durable from ``sync`` on, and not before; each method
may be stopped anywhere and called again.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts.store.claims import Claims
from volume.disk.files import (
    hash_file,
    link,
    make_directory,
    operation,
    remove_empty,
    sync_filesystem,
    unlink,
    volume_error,
)
from volume.layout import Mirror
from volume.ledger.artifact import Retired

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


class StagingArea:
    """That of one channel."""

    def __init__(self, mirror: Mirror, channel: str, claims: Claims | None = None) -> None:
        """With ``claims`` others stage artifacts too."""
        self._mirror = mirror
        self._channel = channel
        self._claims = claims

    @property
    def root(self) -> Path:
        """A folder of the filesystem that holds what is staged."""
        return self._mirror.root

    def folder(self, subdir: str) -> StagingFolder:
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

    def path(self, subdir: str, filename: str, digest: bytes) -> Path:
        """Where one artifact is staged; ``digest`` is that of its record."""
        return self._mirror.staged(self._channel, subdir, filename, digest)

    def reuse(self, subdir: str, filename: str, size: int | None, staged: Path) -> bool:
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

    def adopt(self, path: Path, staged: Path) -> bool:
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

    def find(self, row: Retired) -> Path | None:
        """The staged bytes of a row, found by their hash; a crash left them there.

        Raises:
            VolumeError: they can't be read.
        """
        folder = self._mirror.staging(self._channel, row.subdir)
        for path in sorted(folder.glob(f"{glob.escape(row.filename)}.*.part")):
            if path.stat().st_size == row.size and hash_file(path) == row.sha256:
                return path
        return None

    def sync(self) -> None:
        """Make all staged bytes durable: one barrier for all of them.

        Raises:
            VolumeError: the mirror volume refused.
        """
        sync_filesystem(self._mirror.root)

    def clear(self, subdirs: Iterable[str]) -> None:
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
