"""bzip2 on all cores: one ordinary stream, put together of blocks that were compressed apart.

bzip2's blocks do not depend on each other, so they can be compressed in parallel; but there are
readers that stop after the first of several streams, so the blocks are joined, bit by bit, into
one. Any reader of bzip2 reads it. Pure but for ``compress``.
"""

from __future__ import annotations

import bz2
import collections
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

# Level 9 takes 1.4 x as long, 2.4 x to decode, and saves 3 % (docs/performance.md).
LEVEL = 3
# At most 300,000 bytes are one block, less 19, after runs of four have grown by a quarter.
CHUNK = 235_000
_HEAD = b"BZh3"
_END, _END_BITS = 0x177245385090, 48
_CRC_BITS = 32
_SHORTEST = 4 + (_END_BITS + 2 * _CRC_BITS + 48) // 8  # bytes: head, a block's head, the end
_CRC_MASK = (1 << _CRC_BITS) - 1
_BLOCK_MAGIC_BITS = 48


def compress(source: BinaryIO, target: BinaryIO, *, threads: int) -> None:
    """Compress a stream; a few blocks for each thread are in memory.

    Raises:
        OSError: it can't be read or written.
    """
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for part in join(_compressed(source, pool, threads)):
            target.write(part)


def _compressed(source: BinaryIO, pool: ThreadPoolExecutor, threads: int) -> Iterator[bytes]:
    waiting: collections.deque[Future[bytes]] = collections.deque()
    while chunk := source.read(CHUNK):
        waiting.append(pool.submit(bz2.compress, chunk, LEVEL))
        if len(waiting) > 2 * threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def join(streams: Iterable[bytes]) -> Iterator[bytes]:
    """One stream of the blocks of several, each of which has one block.

    Raises:
        ValueError: one has not.
    """
    yield _HEAD
    joined, bits, checksum = 0, 0, 0
    for stream in streams:
        block, length = _block(stream)
        crc = (block >> (length - _BLOCK_MAGIC_BITS - _CRC_BITS)) & _CRC_MASK
        checksum = ((checksum << 1) | (checksum >> 31)) & _CRC_MASK ^ crc
        joined, bits = (joined << length) | block, bits + length
        rest = bits % 8
        yield (joined >> rest).to_bytes(bits // 8, "big")
        joined, bits = joined & ((1 << rest) - 1), rest
    joined = (joined << _END_BITS | _END) << _CRC_BITS | checksum
    bits += _END_BITS + _CRC_BITS
    padding = -bits % 8
    yield (joined << padding).to_bytes((bits + padding) // 8, "big")


def _block(stream: bytes) -> tuple[int, int]:
    """The bits of a stream's only block, as a number, and how many they are."""
    if stream[: len(_HEAD)] != _HEAD or len(stream) < _SHORTEST:
        raise ValueError("not a bzip2 stream of blocks of 300,000 bytes")
    body = int.from_bytes(stream[len(_HEAD) :], "big")
    length = (len(stream) - len(_HEAD)) * 8
    crc = (body >> (length - _BLOCK_MAGIC_BITS - _CRC_BITS)) & _CRC_MASK
    # The checksum of a stream of one block is that block's.
    ending = _END << _CRC_BITS | crc
    for padding in range(8):
        if (body >> padding) & ((1 << (_END_BITS + _CRC_BITS)) - 1) == ending:
            used = padding + _END_BITS + _CRC_BITS
            return body >> used, length - used
    raise ValueError("a bzip2 stream that is not of one block")
