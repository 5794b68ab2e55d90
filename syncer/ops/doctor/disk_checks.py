"""The two file systems: whether they can do what a mirror needs.

What a file system can do is tried out in a folder of its own, which is removed again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from syncer.ops.doctor.finding import Finding, failed, ok, warning
from volume.errors import StateError
from volume.layout import MIRROR_FOLDERS, Mirror, State
from volume.locks import check_local
from volume.program.sizes import amount

_FEW_INODES = 100_000
_STATE_ROOM = 1_000_000_000  # bytes; ledgers and caches of large channels
_LONGEST_NAME = 255


def look(mirror: Mirror, state: State, min_free: int) -> Iterator[Finding]:
    """Look at both volumes."""
    for name, root, room in (
        ("mirror volume", mirror.root, min_free), ("state volume", state.root, _STATE_ROOM),
    ):  # fmt: skip
        if not root.is_dir():
            yield failed(name, f"{root} is not there", "mount it, or set its folder right")
            continue
        yield from _usable(name, root)
        yield from _space(name, root, room)
    if mirror.root.is_dir():
        yield from _readable(mirror)
        yield from _whole(mirror)
    if state.root.is_dir():
        yield _local(state)


def _usable(name: str, root: Path) -> Iterator[Finding]:
    """Try out every operation that the programs need."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=root))
    except OSError as error:
        step = f"it must belong to the user id {os.getuid()} (PUID) and be mounted read-write"
        yield failed(name, f"{root} can't be written to: {error.strerror}", step)
        return
    try:
        problems = list(_problems(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        step = "use a file system such as ext4, XFS, Btrfs or ZFS, or NFS from one of these"
        yield failed(name, f"{root}: {problem}", step)
    if not problems:
        yield ok(name, f"{root} takes files, hard and symbolic links, renames and syncs")
    longest = os.pathconf(root, "PC_NAME_MAX")
    if longest < _LONGEST_NAME:
        yield warning(name, f"names may have {longest} characters only", "some artifacts may fail")


def _problems(folder: Path) -> Iterator[str]:
    first, second = folder / "probe", folder / "link"
    steps = (
        ("write and sync a file", lambda: _write(first)),
        ("make a hard link", lambda: os.link(first, second)),
        ("rename over a file", lambda: second.rename(folder / "probe2")),
        ("make a symbolic link", lambda: (folder / "current").symlink_to("probe")),
        ("sync a folder", lambda: _sync(folder)),
    )
    for what, step in steps:
        try:
            step()
        except OSError as error:
            yield f"it can't {what}: {error.strerror}"
            return
    if first.read_bytes() != _CONTENT:
        yield "what was written is not what is read"
    if (folder / "PROBE").exists():
        yield "it takes PROBE and probe for one name, and conda does not"


_CONTENT = b"doctor\n"


def _write(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(_CONTENT)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _space(name: str, root: Path, room: int) -> Iterator[Finding]:
    status = os.statvfs(root)
    yield space(
        name, total=status.f_blocks * status.f_frsize, free=status.f_bavail * status.f_frsize,
        room=room,
    )  # fmt: skip
    if status.f_files:
        yield inodes(name, status.f_favail)


def space(name: str, *, total: int, free: int, room: int) -> Finding:
    """Judge the free space; ``room`` is what should stay free. Pure."""
    fact = f"{amount(free)} of {amount(total)} free"
    if free == 0:
        return failed(name, "it is full", "free space, or mirror less")
    if free < room:
        return warning(name, f"{fact}, less than {amount(room)}", "free space, or mirror less")
    return ok(name, fact)


def inodes(name: str, free: int) -> Finding:
    """Judge the files that can still be made. Pure."""
    if free == 0:
        return failed(name, "it has no inodes left", "remove files, or make a new file system")
    if free < _FEW_INODES:
        step = "a channel has up to a million artifacts: make a file system with more inodes"
        return warning(name, f"{free:,} more files can be made", step)
    return ok(name, f"{free:,} more files can be made")


def _readable(mirror: Mirror) -> Iterator[Finding]:
    """Ownership of the top folders, and whether the web server, another user, gets in."""
    folders = [mirror.root, *(mirror.root / name for name in MIRROR_FOLDERS)]
    there = [(path, path.stat()) for path in folders if path.is_dir()]
    foreign = [path for path, status in there if not os.access(path, os.W_OK)]
    closed = [path for path, status in there if status.st_mode & 0o005 != 0o005]
    if foreign:
        yield failed(
            "permissions", f"{_names(foreign)} can't be written by the user id {os.getuid()}",
            f"chown -R {os.getuid()}:{os.getgid()} the mirror volume, or set PUID and PGID",
        )  # fmt: skip
    if closed:
        yield failed(
            "permissions", f"{_names(closed)} can't be read by others, such as the web server",
            "chmod o+rx them",
        )  # fmt: skip
    if not foreign and not closed:
        yield ok("permissions", f"ours to write (user id {os.getuid()}), open for the web server")


def _names(paths: list[Path]) -> str:
    return " and ".join(str(path) for path in paths[:3]) + (" and more" if paths[3:] else "")


def _whole(mirror: Mirror) -> Iterator[Finding]:
    """Hard links and renames go between these folders."""
    devices = {
        path: path.stat().st_dev
        for path in (mirror.root / name for name in MIRROR_FOLDERS if name != "site")
        if path.is_dir()
    }
    yield one_file_system(mirror.root, mirror.root.stat().st_dev, devices)


def one_file_system(root: Path, device: int, devices: dict[Path, int]) -> Finding:
    """Judge whether all folders are on one file system. Pure."""
    apart = [path for path, found in devices.items() if found != device]
    if apart:
        fact = f"{_names(apart)} is a mount of its own, and files are linked between the folders"
        return failed("mirror volume", fact, f"keep all of {root} on one file system")
    return ok("mirror volume", "one file system")


def _local(state: State) -> Finding:
    try:
        check_local(state.root)
    except StateError as error:
        return failed("state volume", str(error), "keep the volume 'state' on a local disk")
    return ok("state volume", "on a local file system")
