"""Files that are here already: on the mirror volume, or in a mirror that is being taken over.

Guaranteed: a file is only ever offered; whoever takes it hashes it like any download. The taken
file is linked where the filesystem allows it and copied where not; nothing is written to it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncer.repodata import Wanted
from volume.files import link, operation, unlink, volume_error
from volume.layout import Mirror

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


def find(
    mirror: Mirror, adoption: Adoption | None, channel: str, artifact: Wanted, staged: Path
) -> None:
    """Stage a file of the right size that is here already, if there is one.

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
            return
    if adoption is None:
        return
    path = _offered(adoption, channel, artifact)
    if path is not None and not staged.exists():
        _take(path, staged)


def let_go(adoption: Adoption, channel: str, artifacts: Iterable[Wanted]) -> None:
    """Remove committed artifacts from the mirror that is being taken over, if it is to be moved.

    Raises:
        VolumeError: they can't be removed.
    """
    if not adoption.moves:
        return
    for artifact in artifacts:
        path = _offered(adoption, channel, artifact)
        if path is not None:
            unlink(path)


def _offered(adoption: Adoption, channel: str, artifact: Wanted) -> Path | None:
    for path in adoption.candidates(channel, artifact.subdir, artifact.filename):
        if _has_size(str(path), artifact.size):
            return path
    return None


def _has_size(path: str, size: int | None) -> bool:
    try:
        return os.stat(path).st_size == size  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise volume_error(error, "read", Path(path)) from error


def _take(path: Path, staged: Path) -> None:
    with operation("adopt", staged):
        try:
            os.link(path, staged)
            if staged.stat().st_mode & 0o444 == 0o444:
                return
            staged.unlink()  # nginx could not read it, and its mode is not ours to change
        except OSError as error:
            if error.errno not in _UNLINKABLE:
                raise
        temporary = staged.with_name(staged.name + ".copy")
        shutil.copyfile(path, temporary)
        temporary.chmod(0o644)
        temporary.rename(staged)
