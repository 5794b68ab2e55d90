"""What is inside an artifact: whole or not, and what its info/ folder says.

Packages are untrusted: every read is bounded in memory and in what is unpacked, nothing is written,
and no member's name becomes a path.
Guaranteed by ``damage``: a file cut short is noticed, whichever format, wherever the cut.
Not guaranteed: that a package installs; only that its container is whole.
"""

from __future__ import annotations

import bz2
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import zstandard

_BLOCK = 1 << 20
_LARGEST_UNPACKED = 100 << 30  # a whole artifact; CUDA's are a few GiB
_LARGEST_INFO = 256 << 20  # what is unpacked to find one file of info/
_LARGEST_MEMBER = 4 << 20
_LARGEST_WINDOW = 1 << 27  # zstd --ultra -22 needs no more
_RUN_EXPORTS = "info/run_exports.json"
_MALFORMED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    NotImplementedError,  # a zip with an unknown compression
    RecursionError,
)


class _TooLarge(ValueError):
    """More is unpacked than any honest package needs."""


def damage(path: Path) -> str | None:
    """Why the artifact at ``path`` is not whole, or None if it is. Reads all of it."""
    check = _check_conda if path.name.endswith(".conda") else _check_bzip2
    try:
        return check(path)
    except FileNotFoundError:
        return "it is gone"
    except _MALFORMED as error:
        return f"it is damaged: {error or type(error).__name__}"


def _check_bzip2(path: Path) -> str | None:
    # conda index stops reading once it has seen info/, so it takes a truncated file for a whole one
    unpacked = 0
    with path.open("rb") as stream:
        decompressor = bz2.BZ2Decompressor()
        while True:
            block = stream.read(_BLOCK) if decompressor.needs_input else b""
            if decompressor.needs_input and not block:
                return "it is cut short: the bzip2 stream has no end"
            unpacked += len(decompressor.decompress(block, max_length=_BLOCK))
            if unpacked > _LARGEST_UNPACKED:
                return f"it unpacks to more than {_LARGEST_UNPACKED >> 30} GiB"
            if decompressor.eof:
                rest = decompressor.unused_data or stream.read(_BLOCK)
                if not rest:
                    return None
                if not rest.startswith(b"BZh"):
                    return "there is something behind the end of its bzip2 stream"
                stream.seek(-len(rest), io.SEEK_CUR)  # several streams, as pbzip2 writes them
                decompressor = bz2.BZ2Decompressor()


def _check_conda(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for part in ("info-", "pkg-"):
            if not any(name.startswith(part) and name.endswith(".tar.zst") for name in names):
                return f"it has no {part}*.tar.zst"
        if sum(member.file_size for member in archive.infolist()) > _LARGEST_UNPACKED:
            return f"it unpacks to more than {_LARGEST_UNPACKED >> 30} GiB"
        broken = archive.testzip()
        return f"its {broken} is damaged" if broken else None


def run_exports(path: Path) -> str | None:
    """The run_exports of the artifact at ``path`` as a JSON text, or None if it has none.

    Raises:
        ValueError: what is there can't be read.
    """
    read = _read_conda if path.name.endswith(".conda") else _read_bzip2
    try:
        data = read(path)
        return None if data is None else _checked(json.loads(data))
    except _MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _checked(document: Any) -> str:
    if isinstance(document, list):  # the oldest form: a list of weak ones
        document = {"weak": document}
    if not isinstance(document, dict) or not all(
        isinstance(specs, list) and all(isinstance(spec, str) for spec in specs)
        for specs in document.values()
    ):
        raise ValueError(f"{_RUN_EXPORTS} is not an object of lists of strings")
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _read_conda(path: Path) -> bytes | None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("info-") and name.endswith(".tar.zst"):
                with archive.open(name) as member:
                    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
                    with decompressor.stream_reader(member) as reader:
                        return _find(reader.read, is_info_only=True)
    return None


def _read_bzip2(path: Path) -> bytes | None:
    with bz2.open(path) as reader:
        return _find(reader.read, is_info_only=False)


def _find(read: Callable[[int], bytes], *, is_info_only: bool) -> bytes | None:
    with tarfile.open(fileobj=cast(IO[bytes], _Capped(read)), mode="r|") as archive:
        has_seen_info = False
        for member in archive:
            if member.name == _RUN_EXPORTS:
                stream = archive.extractfile(member)
                if stream is None or member.size > _LARGEST_MEMBER:
                    raise ValueError(f"{_RUN_EXPORTS} is not a small regular file")
                return stream.read(_LARGEST_MEMBER)
            if member.name.startswith("info/"):
                has_seen_info = True
            elif has_seen_info and not is_info_only:
                return None  # info/ comes in one piece, and first: the payload need not be unpacked
    return None


class _Capped:
    """A reader that ends in an error where an honest package would have ended long before."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._left = _LARGEST_INFO

    def read(self, size: int = -1) -> bytes:
        data = self._read(_BLOCK if size < 0 else size)
        self._left -= len(data)
        if self._left < 0:
            raise _TooLarge(f"info/ is not within the first {_LARGEST_INFO >> 20} MiB")
        return data
