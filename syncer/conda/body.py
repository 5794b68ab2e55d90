"""Bodies of documents: uncompressed whole and bounded, or rejected. Pure."""

from __future__ import annotations

import bz2
import hashlib

import zstandard

from syncer.errors import IndexRejectedError
from volume.limits import INDEX, DocumentLimit

_STAYS = "the published index stays as it is"


def digest(content: bytes | bytearray) -> str:
    """A short hash: equal means the same content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def decompress(
    body: bytes, variant: str, where: str, limit: DocumentLimit = INDEX
) -> bytes | bytearray:
    """Uncompress a body by its name's ending.

    Raises:
        IndexRejectedError: it is cut, damaged, absurdly large, or a web page.
    """
    if body[:200].lstrip()[:1] == b"<":
        raise IndexRejectedError(
            f"{where} is a web page or XML, not an index: is this a channel's address, and does"
            f" nothing between here and there ask for a login? {_STAYS.capitalize()}"
        )
    if not body:
        raise IndexRejectedError(f"{where} is empty; {_STAYS}")
    most = limit.unpacked_from(len(body))
    try:
        if variant.endswith(".zst"):
            return _unzstd(body, most)
        if variant.endswith(".bz2"):
            return _unbz2(body, most)
    except (zstandard.ZstdError, OSError, EOFError, ValueError) as error:
        raise IndexRejectedError(f"{where} is cut or damaged ({error}); {_STAYS}") from error
    return body


def _unzstd(body: bytes, most: int) -> bytes | bytearray:
    size = zstandard.frame_content_size(body)
    if size > most:
        raise _too_large(most)
    if size >= 0:
        # One allocation of the right size, unless more frames follow the first.
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        data = decompressor.decompress(body)
        if decompressor.eof and not decompressor.unused_data:
            return data
    # Frames without a size in their header are read in bounded steps: they may be bombs. A cut
    # stream just ends here; the JSON in it then does too, and is refused for that.
    whole = bytearray()
    reader = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True)
    while piece := reader.read(1 << 22):
        whole += piece
        if len(whole) > most:
            raise _too_large(most)
    return whole


def _too_large(most: int) -> ValueError:
    return ValueError(f"more than {most:,} bytes uncompressed, which is no index's size")


def _unbz2(body: bytes, most: int) -> bytes:
    whole = b""
    while True:  # pbzip2 writes several streams
        decompressor = bz2.BZ2Decompressor()
        piece = decompressor.decompress(body, max_length=most - len(whole) + 1)
        whole = whole + piece if whole else piece
        if len(whole) > most:
            raise _too_large(most)
        if not decompressor.eof:
            raise EOFError("the compressed stream ends early")
        body = decompressor.unused_data
        if not body:
            return whole
