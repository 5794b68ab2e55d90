"""Claims: who stages an artifact at this moment, a sync or whoever fetches on demand.

They put an artifact's bytes into the same part, each going on where the other stopped, and never
both at once. A claim is an open file description lock (fcntl(2), F_OFD_SETLK) on one byte of a
permanent file of the state volume, which is local; the byte stands for (subdir, filename).

Guaranteed: the kernel frees a claim with the process that has it, also after SIGKILL. Two names
that stand for one byte, which of a million names a chance of one in millions has, wait for each
other and come to no harm.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

from volume.disk.files import make_directory, volume_error

_POLL_SECONDS = 0.1
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


class Claim:
    """One name, claimed as long as a ``with`` block lasts."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class Claims:
    """Those of one channel; ``path`` is their file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, subdir: str, filename: str) -> Claim | None:
        """Claim a name, unless somebody has it.

        Raises:
            VolumeError: the state volume refuses.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        make_directory(self._path.parent)
        try:
            descriptor = os.open(self._path, flags, 0o660)
        except OSError as error:
            raise volume_error(error, "open lock", self._path) from error
        key = f"{subdir}/{filename}".encode(errors="surrogateescape")
        name = hashlib.blake2b(key, digest_size=7).digest()
        # struct flock: type, whence, start, length, and a process that must be 0
        wanted = struct.pack("hhqqi", fcntl.F_WRLCK, 0, int.from_bytes(name, "big"), 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _BUSY:
                return None
            raise volume_error(error, "lock", self._path) from error
        return Claim(descriptor)

    def wait(self, subdir: str, filename: str, sleep: Callable[[float], None]) -> Claim:
        """Claim a name as soon as nobody has it.

        Args:
            sleep: waits; what it raises ends the waiting.

        Raises:
            VolumeError: the state volume refuses.
        """
        while (claim := self.take(subdir, filename)) is None:
            sleep(_POLL_SECONDS)
        return claim
