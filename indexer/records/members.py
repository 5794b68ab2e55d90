"""The members of a tar stream, one after the other, in bounded memory.

``tarfile`` keeps every member, and reads a header's extension whole however long it says that it
is. Here it reads through a stream that gives it only so much, and forgets what it has passed.

Guaranteed: what breaks a limit of ``volume.limits`` ends in a ``ValueError`` that says which,
before it is in memory; no member's name becomes a path, and nothing is written.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from volume import limits

_BLOCK = 1 << 20
_LARGEST_READ = 1 << 20  # of a header's extension: long names, and what PAX says besides


class TooLargeError(ValueError):
    """More than any honest package needs."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member; ``size`` is in bytes, ``read`` gives all of them while it is the last one."""

    name: str
    size: int
    is_file: bool
    read: Callable[[], bytes]


class Stream:
    """Decompressed bytes, forward only; ``passed`` is called with the count of all so far."""

    def __init__(self, read: Callable[[int], bytes], passed: Callable[[int], None]) -> None:
        self._read = read
        self._passed = passed
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        if size > _LARGEST_READ:
            raise TooLargeError(f"it has a header of {size:,} bytes")
        return self.take(size)

    def take(self, size: int) -> bytes:
        parts = []
        while size > 0 and (data := self._read(min(size, _BLOCK))):
            parts.append(data)
            size -= len(data)
            self._at += len(data)
            self._passed(self._at)
        return b"".join(parts)

    def seek(self, position: int) -> int:
        while self._at < position and self.take(min(position - self._at, _BLOCK)):
            pass
        return self._at


def members(stream: Stream) -> Iterator[Member]:
    """Every member of the stream, in order.

    Raises:
        ValueError: a limit is broken.
        tarfile.TarError: it is no tar.
    """
    count = 0
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as archive:
        while (found := archive.next()) is not None:
            cast(Any, archive).members.clear()  # as its own documentation advises
            count += 1
            if count > limits.PACKAGE_MEMBERS:
                raise TooLargeError(f"it has more than {limits.PACKAGE_MEMBERS:,} files")
            if len(archive.pax_headers) > limits.NESTING:
                raise TooLargeError("it has more headers of its own than any package")
            _check_path(found.name)
            yield Member(found.name, found.size, found.isreg(), _reader(stream, found))


def _reader(stream: Stream, found: tarfile.TarInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        stream.seek(found.offset_data)
        return stream.take(found.size)

    return read


def _check_path(name: str) -> None:
    if len(name) > limits.PACKAGE_PATH:
        raise TooLargeError(f"it has a path of {len(name):,} characters: {limits.shown(name)}")
    if name.count("/") > limits.PACKAGE_DEPTH:
        raise TooLargeError(
            f"it has a path of more than {limits.PACKAGE_DEPTH} folders: {limits.shown(name)}"
        )
