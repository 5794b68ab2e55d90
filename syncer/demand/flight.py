"""A flight: one artifact on its way in, and all who read it meanwhile.

A transfer's thread tells what arrived; readers on the event loop follow the growing file through
descriptors of their own. They are given no byte of the last piece before ``release``.

Guaranteed: whoever was given bytes that are not the beginning of the verified whole (upstream sent
others, and another upstream is asked) gets no more of them: ``Course.is_cut``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from io import FileIO
from typing import Self

from syncer.artifacts.downloads.part import Part
from syncer.demand.answers import Refusal
from syncer.demand.promised import Name
from volume.ledger.artifact import Artifact

HELD_BACK = 64 << 10  # bytes that wait for the hash


class Course:
    """The bytes of one attempt, from its first on; another attempt is another course."""

    def __init__(self) -> None:
        self.file: FileIO | None = None
        self.arrived = 0
        self.is_cut = False

    def open(self, path: str) -> None:
        """Make what arrives readable."""
        if self.file is None:
            self.file = FileIO(path)

    def read(self, start: int, size: int) -> bytes:
        """Bytes that have arrived, which the page cache has: a moment.

        Raises:
            OSError: the disk refuses.
        """
        return b"" if self.file is None else os.pread(self.file.fileno(), size, start)

    def __del__(self) -> None:
        if self.file is not None:
            self.file.close()


class Flight:
    """One artifact that is being fetched."""

    def __init__(self, name: Name, row: Artifact, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.row = row
        self.size: int | None = row.size or None
        self.course = Course()
        self.is_released = False
        self.is_kept = False
        self.refusal: Refusal | None = None
        self._loop = loop
        self._news = asyncio.Event()
        self._is_told = False

    # -- by the transfer's thread ----------------------------------------------------------------

    def arrived(self, size: int) -> None:
        """So many bytes of the whole are there."""
        self.course.arrived = size
        self._tell()

    def restarted(self) -> None:
        """What arrived is nothing worth: all of it comes again."""
        self.course.is_cut = True
        self.course = Course()
        self._tell()

    def release(self, size: int) -> None:
        """All bytes are there and right, and may go out."""
        self.size = size
        self.course.arrived = size
        self.is_released = True
        self._tell()

    def keep(self) -> None:
        """The promise is kept: whoever asks now is served by nginx."""
        self.is_kept = True
        self._tell()

    def refuse(self, refusal: Refusal) -> None:
        """It can't be had."""
        self.refusal = refusal
        self._tell()

    def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon_threadsafe(self._wake)

    # -- by readers, on the loop -------------------------------------------------------------------

    @property
    def news(self) -> asyncio.Event:
        """Set at the next change; to be taken before looking."""
        return self._news

    def _wake(self) -> None:
        self._is_told = False
        news, self._news = self._news, asyncio.Event()
        news.set()

    def limit(self, course: Course) -> int:
        """Up to where readers of a course may read."""
        if self.is_released:
            return course.arrived
        # Of an unknown size any byte may be in the last piece, until others have come behind it.
        last = course.arrived if self.size is None else min(course.arrived, self.size)
        whole = course.arrived if self.size is None else self.size
        return max(0, min(last, whole - HELD_BACK))


class Growing:
    """A part in staging that tells a flight how it grows: a sink for ``Fetch``."""

    def __init__(self, part: Part, path: str, flight: Flight) -> None:
        self._part = part
        self._path = path
        self._flight = flight

    def held(self) -> Iterator[bytes]:
        """What an interrupted transfer left."""
        position = 0
        for block in self._part.held():
            position += len(block)
            yield block
            self._flight.course.open(self._path)
            self._flight.arrived(position)

    def __enter__(self) -> Self:
        self._part.__enter__()
        self._flight.course.open(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        self._part.__exit__()

    def write(self, block: bytes, offset: int) -> None:
        self._part.write(block, offset)
        self._flight.arrived(offset + len(block))

    def discard(self) -> None:
        # First the readers, then the bytes: none may be read that are written over.
        self._flight.restarted()
        self._part.discard()
        if self._part.is_open:
            self._flight.course.open(self._path)
