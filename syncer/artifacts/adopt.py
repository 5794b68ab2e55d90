"""Files that are here already: on the mirror volume, or in a mirror that is being taken over.

Guaranteed: a file is only ever offered; whoever takes it hashes it like any download. The taken
file is linked where the filesystem allows it and copied where not; nothing is written to it. What
is removed from the other mirror has the very bytes that are committed here.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncer.conda.repodata import Wanted
from volume.disk.files import hash_file, link, operation, unlink, volume_error
from volume.layout import MIRROR_FOLDERS, Mirror

_LOG = logging.getLogger(__name__)

# What may keep a link from being made although the file can be read: another filesystem or mount,
# another owner, too many links.
_UNLINKABLE = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK})


@dataclass(frozen=True, slots=True)
class Adoption:
    """A mirror that is being taken over: a tunasync tree, a conda-mirror tree, an rsync copy.

    ``moves`` removes from it what is committed here.
    """

    folder: Path
    moves: bool = False

    def candidates(self, channel: str, subdir: str, filename: str) -> tuple[Path, ...]:
        """Where such trees would have the artifact; the last is a tree of one channel."""
        roots = (
            Path(channel),
            Path("cloud", channel),
            Path("anaconda", channel),
            Path("anaconda", "cloud", channel),
            Path(),
        )
        return tuple(self.folder / root / subdir / filename for root in roots)

    def has_folder(self, channel: str, subdir: str) -> bool:
        """Whether there is a folder of that channel's artifacts."""
        return any(path.is_dir() for path in self.candidates(channel, subdir, ""))


def find(
    mirror: Mirror, adoption: Adoption | None, channel: str, artifact: Wanted, staged: Path
) -> str | None:
    """Stage a file of the right size that is here already, if there is one.

    Returns the URL of a file that was taken from another mirror.

    Raises:
        VolumeError: a volume refused.
    """
    # Most often nothing is there: the cheapest possible way of asking.
    for folder in (
        mirror.artifacts(channel, artifact.subdir),
        mirror.retired(channel, artifact.subdir),
    ):
        if _has_size(f"{folder}/{artifact.filename}", artifact.size) and not staged.exists():
            link(folder / artifact.filename, staged)
            return None
    if adoption is None or _has_size(str(staged), artifact.size):
        return None
    for path in adoption.candidates(channel, artifact.subdir, artifact.filename):
        if _has_size(str(path), artifact.size):
            unlink(staged)  # a download that was cut
            return path.as_uri() if _take(path, staged) else None
    return None


def let_go(
    mirror: Mirror, adoption: Adoption, channel: str, committed: Iterable[tuple[Wanted, str]]
) -> None:
    """Remove committed artifacts from the mirror that is being taken over, if it is to be moved.

    Args:
        committed: each with its sha256.

    Raises:
        VolumeError: they can't be removed.
    """
    if not adoption.moves:
        return
    for artifact, sha256 in committed:
        ours = mirror.artifacts(channel, artifact.subdir) / artifact.filename
        for path in adoption.candidates(channel, artifact.subdir, artifact.filename):
            if (
                _has_size(str(path), artifact.size)
                and not is_own(mirror, path)
                and _has_bytes(path, ours, sha256)
            ):
                unlink(path)


def is_own(mirror: Mirror, path: Path) -> bool:
    """Whether a path leads into the folders that this appliance itself keeps."""
    resolved = path.resolve()
    root = mirror.root.resolve()
    return any(resolved.is_relative_to(root / folder) for folder in MIRROR_FOLDERS)


def _has_bytes(path: Path, ours: Path, sha256: str) -> bool:
    try:
        if ours.exists() and path.samefile(ours):
            return True
    except OSError as error:
        raise volume_error(error, "read", path) from error
    return hash_file(path) == sha256


def _has_size(path: str, size: int | None) -> bool:
    try:
        return os.stat(path).st_size == size  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise volume_error(error, "read", Path(path)) from error


def _take(path: Path, staged: Path) -> bool:
    source = path.resolve()  # the file itself: a link to a symbolic link is another symbolic link
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
