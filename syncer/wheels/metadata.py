"""A wheel's METADATA (PEP 427, PEP 643), read out of its archive without trusting it.

Guaranteed: limits of ``volume.limits`` are met before memory is: of the table of contents, and of
what METADATA unpacks to. A wheel that has none, or not within these, is served without.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import zipfile
import zlib
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from volume import limits

_LONGEST_SPECIFIER = 200  # characters
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# RuntimeError: it is encrypted, or packed by a method that nobody knows.
_MALFORMED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, KeyError,
    OverflowError,
)  # fmt: skip
_LONGEST_HEADERS = 1 << 20  # bytes
_DIST_INFO = re.compile(r"([^/]+?)-[^/-]+\.dist-info/METADATA")


class _Guarded(io.FileIO):
    """A file of which no piece is read that is longer than a table of contents may be."""

    def read(self, size: int | None = -1, /) -> Any:
        if size is None or size < 0:
            size = self._rest()
        if size > limits.WHEEL_DIRECTORY:
            raise zipfile.BadZipFile("its table of contents is too long")
        return super().read(size)

    def _rest(self) -> int:
        return max(0, os.fstat(self.fileno()).st_size - self.tell())


def read(path: Path, project: str) -> bytes | None:
    """The METADATA of a wheel of this project, None if it has none that can be read.

    Raises:
        OSError: the file can't be read.
    """
    try:
        with _Guarded(str(path)) as stream, zipfile.ZipFile(stream) as archive:
            found = [one for one in archive.infolist() if _is_of(one.filename, project)]
            # What other methods unpack to is not bounded by how much of it is asked for.
            if len(found) != 1 or found[0].compress_type not in _METHODS:
                return None
            with archive.open(found[0]) as member:
                data = member.read(limits.WHEEL_METADATA + 1)
    except _MALFORMED:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # it leads to a place before the beginning
            return None
        raise
    return data if 0 < len(data) <= limits.WHEEL_METADATA else None


def _is_of(name: str, project: str) -> bool:
    found = _DIST_INFO.fullmatch(name)
    return found is not None and canonicalize_name(found[1]) == project


def requires_python(metadata: bytes) -> str:
    """What METADATA says of the versions of Python that it is for; empty if nothing."""
    lines = metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    headers = BytesHeaderParser().parsebytes(lines[:_LONGEST_HEADERS])
    return specifier(str(headers.get("Requires-Python", "")))


def specifier(text: str) -> str:
    """A specifier of Python's version (PEP 440); empty for what is none."""
    text = text.strip()
    if len(text) > _LONGEST_SPECIFIER:
        return ""
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return ""
    return text
