"""The pieces of a body that somebody waits for: small at first and where it is slow."""

from collections.abc import Iterator
from typing import Self

import pytest

from syncer.transport import fetch
from syncer.transport.fetch import BLOCK, Expected

FIRST = 32 << 10
CHUNK = 16 << 10


class Pieces:
    """A sink that notes how long each piece is."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def held(self) -> Iterator[bytes]:
        return iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, block: bytes, offset: int) -> None:
        assert offset == sum(self.sizes)
        self.sizes.append(len(block))

    def discard(self) -> None:
        self.sizes.clear()


def pieces(monkeypatch: pytest.MonkeyPatch, block: int, *speeds: float) -> list[int]:
    """Those of a body that comes at these bytes a second, 4 MiB at each."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    sink = Pieces()
    body = fetch._Body(Expected("a", 4 * BLOCK * len(speeds), block=block), sink)
    with body:
        for speed in speeds:
            for _ in range(4 * BLOCK // CHUNK):
                now[0] += CHUNK / speed
                body.write(bytes(CHUNK))
    assert sum(sink.sizes) == 4 * BLOCK * len(speeds)
    return sink.sizes


def test_pieces_grow_while_they_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = pieces(monkeypatch, FIRST, 1e8)
    assert sizes[:5] == [FIRST << power for power in range(5)]
    assert max(sizes) == 16 * FIRST


def test_pieces_of_a_slow_body_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(pieces(monkeypatch, FIRST, 1e4)) == {FIRST}


def test_pieces_shrink_where_a_body_becomes_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = pieces(monkeypatch, FIRST, 1e8, 1e4)
    assert max(sizes) == 16 * FIRST and sizes[-2] == FIRST


def test_pieces_of_what_nobody_waits_for_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(pieces(monkeypatch, BLOCK, 1e4, 1e8)) == {BLOCK}
