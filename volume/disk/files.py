"""Durable file operations: with ``volume.disk.folder`` the only way to change the volumes.

Guaranteed: a file written by ``replace`` is complete or absent under its name, also after power
loss; a rename is durable once ``sync_directory`` has returned. Each operation is a fault point
and turns ``OSError`` into ``VolumeError`` with a sentence that says what to do.
Not guaranteed: the order in which unsynced renames reach the disk; callers sync between steps.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from volume.disk import faults
from volume.errors import VolumeError

_NEXT_STEP = {
    errno.ENOSPC: "the volume is full: free space or choose less, then run again",
    errno.EDQUOT: "the quota is used up: raise it or choose less, then run again",
    errno.EROFS: "the volume is mounted read-only: mount it read-write and run again",
    errno.EACCES: "permission denied: the folder must belong to PUID:PGID",
    errno.EPERM: "not permitted: the folder must belong to PUID:PGID",
    errno.EIO: "the disk reports an error: check it before running again",
    errno.EXDEV: "the mirror must be one filesystem: its folders can't be separate mounts",
    errno.EMLINK: "too many hard links to one file: keep fewer generations",
}


_AT_ONCE = 1 << 30  # bytes that the kernel is asked to copy
_BUFFER = 1 << 20


def volume_error(error: OSError, operation: str, path: Path | str) -> VolumeError:
    """Say what the volume refused and what to do about it."""
    code = error.errno if error.errno is not None else 0
    return VolumeError(f"can't {operation} {path}: {_NEXT_STEP.get(code, error.strerror or error)}")


@contextlib.contextmanager
def operation(name: str, path: Path | str) -> Iterator[None]:
    """Announce one mutation as a fault point and translate its errors.

    Raises:
        VolumeError: the volume refused.
    """
    try:
        faults.point("before", f"{name} {path}")
        yield
    except OSError as error:
        raise volume_error(error, name, path) from error
    faults.point("after", f"{name} {path}")


def check_writable(path: Path) -> None:
    """Look whether a volume can be written to, and write nothing.

    Raises:
        VolumeError: it is mounted read-only, or belongs to somebody else.
    """
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if not os.access(path, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise volume_error(error, "write to", path) from error


def make_directory(path: Path) -> None:
    """Create ``path`` and its parents; being there already is fine."""
    if path.is_dir():
        return
    with operation("create", path):
        path.mkdir(parents=True, exist_ok=True)


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise volume_error(error, "sync", path) from error


def sync_filesystem(path: Path) -> None:
    """Make everything written to the filesystem of ``path`` durable: one barrier for many files.

    Falls back to sync(2), which waits for all filesystems, where syncfs(2) is missing.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        os.sync()
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.syncfs(descriptor) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise volume_error(error, "sync", path) from error


def replace(path: Path, data: bytes, *, mode: int = 0o644, is_durable: bool = True) -> None:
    """Write ``data`` under ``path``, whole or not at all.

    Durably, unless it is only a cache: then a power loss may leave it empty or cut.

    A path has one writer at a time, by its lock: what an earlier one left when it was killed goes.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with operation("write", path):
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(descriptor, mode)  # after umask: nginx must be able to read it
                if is_durable:
                    os.fsync(descriptor)
            temporary.rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    if is_durable:
        sync_directory(path.parent)


def create(path: Path, data: bytes, *, by: str, mode: int = 0o644) -> bool:
    """Write ``data`` under ``path``, whole and durably, unless that name is there already.

    Of many who try at once, on whatever hosts, one succeeds: the last step is link(2), which is
    one step on NFS too, where O_EXCL alone leaves an empty file after a crash.

    Args:
        by: what tells the writer from every other one; each has its own temporary file.
    """
    temporary = path.with_name(f".{path.name}.{by}.tmp")
    with operation("create", path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    sync_directory(path.parent)
    return True


def rename(source: Path, target: Path) -> None:
    """Rename within one filesystem; the caller syncs the folder when its step is complete."""
    with operation("rename", target):
        source.rename(target)


def link(source: Path, target: Path) -> None:
    """Give ``source`` a second name; one that is there already is replaced in one step."""
    with operation("link", target):
        try:
            os.link(source, target)
        except FileExistsError:
            if target.samefile(source):
                return
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
            os.link(source, temporary)
            temporary.rename(target)


def place(source: Path, target: Path) -> bool:
    """Give ``source`` a second name that nothing has yet; return whether it has it now.

    False, and nothing changes: the name is another file's. The caller syncs the folder.
    """
    with operation("place", target):
        try:
            os.link(source, target)
        except FileExistsError:
            return target.samefile(source)
    return True


def copy(source: Path, target: Path, *, beat: Callable[[], None] = lambda: None) -> bool:
    """Give ``target`` the bytes, and the time, of ``source``, whole under its name or not at all.

    The bytes are its own: what is written to ``source`` later does not change them. Where the
    filesystem can share them until then, it does. The caller makes the copy durable. Returns
    whether ``source`` was there.

    Raises:
        VolumeError: it is no regular file, or a volume refused.
    """
    try:
        descriptor = _open_itself(source)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise volume_error(error, "read", source) from error
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    with os.fdopen(descriptor, "rb") as reader, operation("copy", target):
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        try:
            with temporary.open("xb") as writer:
                _transfer(reader, writer, beat)
                os.fchmod(writer.fileno(), 0o644)  # nginx must be able to read it
            os.utime(temporary, ns=(status.st_mtime_ns, status.st_mtime_ns))
            temporary.rename(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    return True


def _open_itself(path: Path) -> int:
    """Open a file for reading: never through a link, and a pipe is not waited for."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _transfer(reader: BinaryIO, writer: BinaryIO, beat: Callable[[], None]) -> None:
    """Copy what is left, within the filesystem where it can."""
    with contextlib.suppress(OSError):  # not on this kernel, or not between these filesystems
        while os.copy_file_range(reader.fileno(), writer.fileno(), _AT_ONCE):
            beat()
    # Both offsets moved with what was copied; a full disk is met, and reported, here.
    while data := reader.read(_BUFFER):
        writer.write(data)
        beat()


def unlink(path: Path) -> None:
    """Remove a name; one that is gone already is fine."""
    with operation("unlink", path):
        path.unlink(missing_ok=True)


def swap_link(path: Path, target: str) -> None:
    """Point the symbolic link ``path`` to ``target`` in one step, durably.

    A folder in its place, as a copy of the volume that follows links leaves it, makes way first.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with operation("swap", path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        temporary.symlink_to(target)
        temporary.rename(path)
    sync_directory(path.parent)


def make_links(folder: Path, links: Mapping[str, str]) -> None:
    """Make a folder of symbolic links, whole and durably, or not at all."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.tmp")
    with operation("make", folder):
        try:
            temporary.mkdir(mode=0o755)
            temporary.chmod(0o755)  # after umask: nginx must be able to enter it
            for name, target in links.items():
                (temporary / name).symlink_to(target)
            sync_directory(temporary)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    sync_directory(folder.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; one that is gone already is fine."""
    if not path.is_symlink() and not path.exists():
        return
    with operation("remove", path), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def remove_empty(path: Path) -> None:
    """Remove a folder if nothing is in it."""
    with contextlib.suppress(OSError), operation("remove", path):
        try:
            path.rmdir()
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                raise


def size_of(path: Path) -> int:
    """A file's bytes; 0 if it is not there, or can't be looked at."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def sizes_in(folder: Path) -> dict[str, int]:
    """The files of a folder and their bytes; none if it is not there, or can't be looked at."""
    try:
        with os.scandir(folder) as found:
            return {one.name: one.stat().st_size for one in found if one.is_file()}
    except OSError:
        return {}


def names_in(folder: Path) -> set[str]:
    """The names in a folder; none if it is not there.

    Raises:
        VolumeError: it can't be looked at.
    """
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names, of a million files
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise volume_error(error, "look at", folder) from error


def is_regular(path: Path) -> bool:
    """Whether there is a file of this name, and no link, pipe or folder."""
    try:
        return stat.S_ISREG(path.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False


def hash_file(path: Path) -> str:
    """A file's sha256.

    Raises:
        VolumeError: it can't be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise volume_error(error, "read", path) from error


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of one content, in hex."""

    sha256: str
    md5: str


def hashes_of(path: Path) -> Hashes:
    """A file's sha256 and md5, from one reading.

    Raises:
        VolumeError: it can't be read.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BUFFER):
                sha256.update(block)
                md5.update(block)
    except OSError as error:
        raise volume_error(error, "read", path) from error
    return Hashes(sha256.hexdigest(), md5.hexdigest())
