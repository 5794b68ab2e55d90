"""bzip2 on all cores: one stream that everybody reads."""

import bz2
import io
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.base import bzip2


def compressed(data: bytes, threads: int = 2) -> bytes:
    target = io.BytesIO()
    bzip2.compress(io.BytesIO(data), target, threads=threads)
    return target.getvalue()


def decoded_as_one_stream(data: bytes) -> bytes:
    """As a reader does that stops after the first stream."""
    reader = bz2.BZ2Decompressor()
    found = reader.decompress(data)
    assert reader.eof
    assert reader.unused_data == b""
    return found


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_streams_are_joined_into_one(parts: Sequence[bytes]) -> None:
    joined = b"".join(bzip2.join(bz2.compress(part, bzip2.LEVEL) for part in parts))
    assert decoded_as_one_stream(joined) == b"".join(parts)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\0" * (3 * bzip2.CHUNK + 1),
        b"aaaab" * (bzip2.CHUNK // 2),  # grows most before it shrinks
        random.Random(1).randbytes(2 * bzip2.CHUNK + 17),
    ],
    ids=["empty", "small", "zeros", "runs of four", "random"],
)
def test_large_data_is_one_stream(data: bytes) -> None:
    assert decoded_as_one_stream(compressed(data)) == data
    assert compressed(data, threads=1) == compressed(data, threads=3)


def test_bzip2_itself_reads_it(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(bzip2.CHUNK + 5) + b"x" * bzip2.CHUNK
    path = tmp_path / "data.bz2"
    path.write_bytes(compressed(data))
    try:
        done = subprocess.run(["bzip2", "-dc", path], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("no bzip2 on this machine")
    assert done.stdout == data


@pytest.mark.parametrize(
    "wrong",
    [b"", b"BZh3", b"not bzip2 at all", bz2.compress(b"x" * 10, 1), bz2.compress(b"y", 3)[:-4]],
)
def test_what_is_not_one_block_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="bzip2 stream"):
        list(bzip2.join([wrong]))


def test_two_blocks_are_refused() -> None:
    two = bz2.compress(random.Random(3).randbytes(500_000), bzip2.LEVEL)
    with pytest.raises(ValueError, match="not of one block"):
        list(bzip2.join([two]))
