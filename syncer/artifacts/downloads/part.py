"""A file in staging that grows while its bytes come: where ``Fetch`` puts what is downloaded.

Guaranteed: a file that is complete is never written to: it may be a served file's second name.
Nothing here is durable yet; ``commit`` does that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, Self

from syncer.transport.fetch import BLOCK
from volume.disk.files import operation, unlink, volume_error


class Meter(Protocol):
    """Who is told about bytes as they arrive."""

    def received(self, size: int) -> None:
        """``size`` more bytes of wanted content are here."""


class Part:
    """A sink for one file; ``is_new`` says that no such file is there yet."""

    def __init__(self, path: str, meter: Meter, *, is_new: bool = False) -> None:
        self._path = path
        self._meter = meter
        self._is_new = is_new
        self._descriptor = -1

    def held(self) -> Iterator[bytes]:
        """What is there, in blocks.

        Raises:
            VolumeError: it can't be read.
        """
        if self._is_new:
            return
        try:
            with Path(self._path).open("rb", buffering=0) as stream:
                while block := stream.read(BLOCK):
                    yield block
        except FileNotFoundError:
            return
        except OSError as error:
            raise volume_error(error, "read", self._path) from error

    def __enter__(self) -> Self:
        # Neither emptied nor appended to: a server may make us start over in the middle.
        with operation("stage", self._path):
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    @property
    def is_open(self) -> bool:
        """Whether it can be written to."""
        return self._descriptor >= 0

    def write(self, block: bytes, offset: int) -> None:
        """Write a block.

        Raises:
            VolumeError: it can't be written.
        """
        rest = memoryview(block)
        try:
            while rest:  # a nearly full disk takes a part only
                written = os.pwrite(self._descriptor, rest, offset)
                offset += written
                rest = rest[written:]
        except OSError as error:
            raise volume_error(error, "stage", self._path) from error
        self._meter.received(len(block))

    def discard(self) -> None:
        """Empty the open file; remove one that is not open."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
        else:
            unlink(Path(self._path))
