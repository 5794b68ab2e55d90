"""Files that are here already: on the mirror volume, or in a mirror that is being taken over.

Guaranteed: a file is only ever offered; whoever takes it hashes it like any download. The taken
file is linked where the filesystem allows it and copied where not; nothing is written to it. What
is removed from the other mirror has the very bytes that are committed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts.store.staging_area import has_size
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Staged
from syncer.conda.wanted import Wanted
from volume.layout import MIRROR_FOLDERS, Mirror


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
    store: Store, adoption: Adoption | None, channel: str, artifact: Wanted, staged: Path
) -> str | None:
    """Stage a file of the right size that is here already, if there is one.

    Returns the URL of a file that was taken from another mirror.

    Raises:
        VolumeError: a volume refused.
    """
    if store.staging.reuse(artifact.subdir, artifact.filename, artifact.size, staged):
        return None
    if adoption is None or has_size(str(staged), artifact.size):
        return None
    for path in adoption.candidates(channel, artifact.subdir, artifact.filename):
        if has_size(str(path), artifact.size):
            return path.as_uri() if store.staging.adopt(path, staged) else None
    return None


def let_go(
    mirror: Mirror, store: Store, adoption: Adoption, channel: str, committed: Iterable[Staged]
) -> None:
    """Remove committed artifacts from the mirror that is being taken over, if it is to be moved.

    Raises:
        VolumeError: they can't be removed.
    """
    if adoption.moves:
        store.release(
            (path, one)
            for one in committed
            for path in adoption.candidates(channel, one.subdir, one.filename)
            if has_size(str(path), one.size) and not is_own(mirror, path)
        )


def is_own(mirror: Mirror, path: Path) -> bool:
    """Whether a path leads into the folders that this appliance itself keeps."""
    resolved = path.resolve()
    root = mirror.root.resolve()
    return any(resolved.is_relative_to(root / folder) for folder in MIRROR_FOLDERS)
