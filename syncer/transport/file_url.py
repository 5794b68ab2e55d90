"""A channel in a folder of this machine (``file:///...``): read from disk as if it were served.

Guaranteed: a file that changes while it is read (an rsync at work) is noticed or fails its hash
check; only regular files are read. Nothing is written, and nothing is linked: a later change in
the folder must not reach the mirror.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote, urlsplit

from syncer.errors import MissingError, TransferError
from syncer.transport.document import Document, Validators
from syncer.transport.sink import Receiver
from volume.program.stop import Stop

_BLOCK = 1 << 20  # bytes


def is_folder(url: str) -> bool:
    """Whether a URL leads to a folder of this machine."""
    return url.startswith("file:")


def path_of(url: str) -> Path:
    """The path of a file URL."""
    return Path(unquote(urlsplit(url).path))


def document(url: str, validators: Validators, *, limit: int) -> Document | None:
    """A whole file, or None if time and size are those of ``validators``.

    Args:
        limit: bytes that it may have at most.

    Raises:
        MissingError: there is no such file.
        TransferError: it can't be read.
    """
    with _opened(path_of(url)) as descriptor:
        before = os.fstat(descriptor)
        if before.st_size > limit:
            raise TransferError(f"{path_of(url)} has more than {limit:,} bytes; refused")
        found = _validators(before)
        if found.etag == validators.etag:
            return None
        body = b"".join(_blocks(descriptor))
        if _validators(os.fstat(descriptor)) != found or len(body) != before.st_size:
            raise TransferError(f"{path_of(url)} changed while it was read; the next run tries it")
        return Document(url, body, found)


def validators(url: str) -> Validators:
    """Those of a file.

    Raises:
        MissingError: there is no such file.
        TransferError: it can't be read.
    """
    with _opened(path_of(url)) as descriptor:
        return _validators(os.fstat(descriptor))


def receive(url: str, receiver: Receiver, stop: Stop) -> None:
    """Copy a file into ``receiver``, from its position on.

    Raises:
        MissingError: there is no such file.
        TransferError: it can't be read.
        InterruptedRunError: the run was stopped.
        Exception: whatever the receiver raised.
    """
    with _opened(path_of(url)) as descriptor:
        if receiver.position > os.fstat(descriptor).st_size:
            receiver.restart()
        os.lseek(descriptor, receiver.position, os.SEEK_SET)
        for block in _blocks(descriptor):
            stop.check()
            receiver.write(block)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # Without waiting: what looks like an artifact may be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"{path} is not there{_about_parents(path)}") from error
    except PermissionError as error:
        raise TransferError(
            f"{path} can't be read: permission denied; make it readable for PUID:PGID"
        ) from error
    except OSError as error:
        raise TransferError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MissingError(f"{path} is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _about_parents(path: Path) -> str:
    channel = path.parent.parent
    if channel.is_dir():
        return ""
    return f", for there is no folder {channel}: is it mounted into the container?"


def _blocks(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(descriptor, _BLOCK)
        except OSError as error:
            raise TransferError(f"a file can't be read: {error.strerror or error}") from error
        if not block:
            return
        yield block


def _validators(status: os.stat_result) -> Validators:
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    return Validators(etag, formatdate(status.st_mtime, usegmt=True))
