"""Bodies are uncompressed whole and bounded, or rejected."""

import bz2
import contextlib
import io
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.conda.body import decompress
from syncer.errors import IndexRejectedError
from syncer.upstream.location import artifact_urls
from volume.limits import DocumentLimit

DATA = b'{"packages": {}}' * 1000


def streamed(data: bytes) -> bytes:
    """A zstd frame that does not tell its size, as `zstd -` makes it."""
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as writer:
        writer.write(data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("variant", "body"),
    [
        ("repodata.json", DATA),
        ("repodata.json.zst", zstandard.ZstdCompressor().compress(DATA)),
        ("repodata.json.zst", streamed(DATA)),
        (
            "repodata.json.zst",
            zstandard.ZstdCompressor().compress(DATA[:5])
            + zstandard.ZstdCompressor().compress(DATA[5:]),
        ),
        ("repodata.json.bz2", bz2.compress(DATA)),
        ("repodata.json.bz2", bz2.compress(DATA[:5]) + bz2.compress(DATA[5:])),  # pbzip2
    ],
)
def test_every_way_of_compressing_is_read(variant: str, body: bytes) -> None:
    assert bytes(decompress(body, variant, "here")) == DATA


@pytest.mark.parametrize(
    ("variant", "body"),
    [
        ("repodata.json", b""),
        ("repodata.json.zst", b""),
        ("repodata.json.zst", DATA),
        ("repodata.json.bz2", b""),
        ("repodata.json.bz2", DATA),
        ("repodata.json.bz2", bz2.compress(DATA)[:-20]),
        ("repodata.json.bz2", bz2.compress(DATA) + bz2.compress(DATA)[:-20]),
    ],
)
def test_a_damaged_body_is_rejected(variant: str, body: bytes) -> None:
    with pytest.raises(IndexRejectedError, match="stays as it is"):
        decompress(body, variant, "here")


def test_a_bomb_is_rejected() -> None:
    zeros = bytes(1_000_000)
    limit = DocumentLimit(sent=10_000, unpacked=10_000)
    for variant, body in [
        ("repodata.json.zst", zstandard.ZstdCompressor().compress(zeros)),
        ("repodata.json.zst", streamed(zeros)),
        ("repodata.json.bz2", bz2.compress(zeros)),
        ("repodata.json.bz2", bz2.compress(bytes(9_000)) * 9),
    ]:
        with pytest.raises(IndexRejectedError):
            decompress(body, variant, "here", limit)


@pytest.mark.parametrize("compress", [zstandard.ZstdCompressor().compress, bz2.compress])
def test_a_body_that_shrank_as_no_index_does_is_rejected(
    compress: Callable[[bytes], bytes],
) -> None:
    variant = "x.bz2" if compress is bz2.compress else "x.zst"
    blanks = b'{"info": {"x": "' + b" " * (80 << 20) + b'"}}'
    with pytest.raises(IndexRejectedError, match="more than 67,108,864 bytes uncompressed"):
        decompress(compress(blanks), variant, "here")


@settings(deadline=None)
@given(st.sampled_from(["x.zst", "x.bz2", "x.json"]), st.binary(max_size=80), st.integers(0, 3))
def test_any_bytes_are_read_or_rejected(variant: str, body: bytes, magic: int) -> None:
    start = [b"", b"\x28\xb5\x2f\xfd", b"BZh9", b"\x28\xb5\x2f\xfd\x20"][magic]
    with contextlib.suppress(IndexRejectedError):
        decompress(start + body, variant, "here")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (None, "http://up/c/noarch/a-1!0+x-0.conda"),
        ("http://cdn/x", "http://cdn/x/a-1!0+x-0.conda"),
        ("http://cdn/x/", "http://cdn/x/a-1!0+x-0.conda"),
        ("../files", "http://up/c/files/a-1!0+x-0.conda"),
        ("/files/", "http://up/files/a-1!0+x-0.conda"),
    ],
)
def test_an_artifact_is_where_upstream_says(base_url: str | None, expected: str) -> None:
    urls = artifact_urls(["http://up/c"], "http://up/c", "noarch", "a-1!0+x-0.conda", base_url)
    assert urls == (expected,)
