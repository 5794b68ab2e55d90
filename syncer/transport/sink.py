"""Where a body's bytes go while they arrive: a file in staging, or memory for what is small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self


class Sink(Protocol):
    """Where the bytes of a body are put. It is open (a ``with`` block) while it is written to."""

    def held(self) -> Iterable[bytes]:
        """What an earlier run left, from the beginning, in blocks."""

    def __enter__(self) -> Self:
        """Open it; what it holds stays."""

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def write(self, block: bytes, offset: int) -> None:
        """Put a block where it belongs."""

    def discard(self) -> None:
        """Forget what it holds; open or not."""


class Memory:
    """A sink in memory, for what is small."""

    def __init__(self) -> None:
        self.content = bytearray()

    def held(self) -> Iterable[bytes]:
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, block: bytes, offset: int) -> None:
        self.content[offset:] = block

    def discard(self) -> None:
        self.content.clear()


class Receiver(Protocol):
    """Who takes a body."""

    @property
    def position(self) -> int:
        """Bytes that are there already; the transfer goes on behind them."""

    @property
    def is_large(self) -> bool:
        """Whether to hand the body on while it comes, and look if the run was stopped."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget the bytes: the server sends the body from its beginning."""
