"""Filesystems on loop devices whose power can be cut.

Guaranteed: only mounts that were made here are touched, and they are gone afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = ("ext4", "xfs")
_SIZE = 512 << 20  # bytes, sparse; xfs wants 300 MB
_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN, once XFS_IOC_GOINGDOWN
_WITHOUT_LOG_FLUSH = 2
_MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-E", "nodiscard"),
    "xfs": ("mkfs.xfs", "-q", "-f", "-K"),
}
_BUSY_SECONDS = 10.0
_LOOK_SECONDS = 0.01

_libc = ctypes.CDLL(None, use_errno=True)


def problem(kind: str) -> str | None:
    """Why power can't be cut on this machine; None if it can."""
    if os.geteuid() != 0:
        return "only root can mount a loop device"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here"
    if shutil.which(_MAKE[kind][0]) is None:
        return f"{_MAKE[kind][0]} is not installed (apt-get install e2fsprogs xfsprogs)"
    return None


@dataclass(slots=True)
class Disk:
    """One filesystem: an image, and where it is mounted."""

    kind: str
    image: Path
    mount_point: Path
    # Not looked up: /proc/self/mounts may miss one while others mount, and without power a look at
    # the place itself fails.
    is_mounted: bool = False

    def make(self) -> None:
        """A new, empty filesystem, mounted."""
        self.unmount()
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as image:
            image.truncate(_SIZE)
        _run(*_MAKE[self.kind], str(self.image))
        self.mount_point.mkdir(parents=True, exist_ok=True)
        self.mount()

    def mount(self) -> None:
        """Mount; the filesystem replays its log."""
        _run("mount", "-o", "loop", str(self.image), str(self.mount_point))
        self.is_mounted = True

    def unmount(self) -> None:
        """Unmount, when the last program that was killed has let go of it."""
        end = time.monotonic() + _BUSY_SECONDS
        while self.is_mounted:
            done = subprocess.run(
                ["umount", str(self.mount_point)], capture_output=True, text=True, check=False
            )
            self.is_mounted = done.returncode != 0
            if self.is_mounted and time.monotonic() > end:
                raise RuntimeError(f"{self.mount_point} can't be unmounted: {done.stderr.strip()}")

    def revive(self) -> None:
        """Unmount and mount again, as after power has come back."""
        self.unmount()
        self._wait_for_release()
        self.mount()

    def _wait_for_release(self) -> None:
        """Wait until nobody has the filesystem mounted.

        A container that starts meanwhile has a copy of all mounts for a moment; the image would be
        mounted as the filesystem that it still holds, without power.
        """
        end = time.monotonic() + _BUSY_SECONDS
        while _output("losetup", "--associated", str(self.image)):
            if time.monotonic() > end:
                raise RuntimeError(f"{self.image} is still attached: is it mounted elsewhere?")
            time.sleep(_LOOK_SECONDS)


def cut(mount_point: Path) -> None:
    """Cut the power of one filesystem, if it has any: nothing that is not on it now will be."""
    try:
        descriptor = os.open(mount_point, os.O_RDONLY)
    except OSError:
        return  # it was cut before
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_LOG_FLUSH))
    finally:
        os.close(descriptor)


def write_back(mount_point: Path) -> None:
    """Write everything back, as the kernel does when it likes."""
    try:
        descriptor = os.open(mount_point, os.O_RDONLY)
    except OSError:
        return  # without power
    try:
        _libc.syncfs(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def mounted(kind: str, folder: Path, *names: str) -> Iterator[tuple[Disk, ...]]:
    """New filesystems below a folder; unmounted in the end.

    Raises:
        RuntimeError: one can't be made or mounted.
    """
    disks = tuple(Disk(kind, folder / f"{name}.img", folder / name) for name in names)
    try:
        for disk in disks:
            disk.make()
        yield disks
    finally:
        for disk in disks:
            disk.unmount()
            disk.image.unlink(missing_ok=True)


def _run(*command: str) -> None:
    _output(*command)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
