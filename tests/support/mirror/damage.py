"""Artifacts that rot, and where damaged bytes may not be.

Guaranteed: `flip` changes one byte in place and nothing that `stat` shows; so every other name of
the file has the damage too, as on a failing disk.
"""

import os
from pathlib import Path

from tests.support.mirror.tree import Volumes, sha256


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    status = path.stat()
    with path.open("r+b") as stream:
        stream.seek(status.st_size // 2)
        (byte,) = stream.read(1)
        stream.seek(status.st_size // 2)
        stream.write(bytes([byte ^ 0xFF]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(path: Path) -> None:
    """Cut the file in half."""
    os.truncate(path, path.stat().st_size // 2)


def remove(path: Path) -> None:
    """Lose the file."""
    path.unlink()


def served_rot(volumes: Volumes, good: set[str]) -> list[str]:
    """Artifacts where nginx looks, or may look later, whose sha256 is none of `good`."""
    return [
        str(path)
        for folder in ("channels", "replaced", "retired", "index")
        for path in sorted((volumes.mirror_dir / folder).rglob("*"))
        if path.name.endswith((".conda", ".tar.bz2")) and sha256(path) not in good
    ]


def quarantined(volumes: Volumes) -> list[str]:
    """The names in quarantine."""
    return [path.name for path in sorted((volumes.mirror_dir / "quarantine").rglob("*.*.*"))]
