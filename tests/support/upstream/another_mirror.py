"""A mirror that others made, and what becomes of it when it is taken over."""

from pathlib import Path

from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import Package, package

FORGE = (
    package("a", padding_bytes=3000),
    package("b", extension=".tar.bz2"),
    package("c", padding_bytes=500),
    package("n", subdir="noarch"),
)
"""What conda-forge publishes."""

MAIN = (package("m", padding_bytes=200),)
"""What pkgs/main publishes."""


def fill(folder: Path, packages: tuple[Package, ...] = FORGE) -> Path:
    """Put artifacts into a channel's folder of the other mirror."""
    for one in packages:
        path = folder / one.subdir / one.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    return folder


def ours(syncer: Syncer, one: Package) -> Path:
    """Where this appliance keeps an artifact of conda-forge."""
    return syncer.volumes.mirror_dir / "channels/conda-forge" / one.subdir / one.filename


def downloads(syncer: Syncer) -> list[str]:
    """The artifacts that were asked for, over the upstream's whole life."""
    paths = [one.path.rpartition("/")[2] for one in syncer.upstream.log]
    return sorted(path for path in paths if path.endswith((".conda", ".tar.bz2")))


def hashes(packages: tuple[Package, ...]) -> dict[str, str]:
    """What is committed once all of these are."""
    return {f"{one.subdir}/{one.filename}": str(one.record["sha256"]) for one in packages}
