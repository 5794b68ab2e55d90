"""What an upstream lists of installers, whichever way it lists them. Pure.

Guaranteed: every name is a plain path segment with an installer's ending, every hash has the length
of its kind, and no name occurs twice. What does not fit is in ``refused``, with the reason; it is
never repaired or guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from volume.errors import NameRefusedError
from volume.names import INSTALLER_EXTENSIONS, check_installer_name

_LATEST_TIME = 4102444800.0  # 2100-01-01; a later "last modified" is a mistake
_LARGEST = 1 << 40  # bytes
_HASHES = {64: "sha256", 32: "md5"}


@dataclass(frozen=True, slots=True)
class ListedInstaller:
    """One installer upstream. One of ``sha256`` and ``md5`` is there at least.

    ``size`` is in bytes, None where the listing only rounds it; ``about`` is for disk space and may
    be a little wrong. ``mtime`` is in seconds since the epoch.
    """

    filename: str
    sha256: str | None
    md5: str | None
    size: int | None
    about: int
    mtime: float | None

    @property
    def digest(self) -> bytes:
        """Identifies the bytes, whatever they are called."""
        hashed = self.sha256 or self.md5 or ""
        return hashlib.blake2b(hashed.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that can't be used, and why."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstallerListing:
    """All that an upstream lists; ``rows`` counts the installers in it, refused ones included."""

    installers: tuple[ListedInstaller, ...]
    refused: tuple[RefusedRow, ...]

    @property
    def rows(self) -> int:
        return len(self.installers) + len(self.refused)


def is_installer(filename: str) -> bool:
    """Whether a name in a listing claims to be an installer's; folders and documents don't."""
    return filename.lower().endswith(INSTALLER_EXTENSIONS)


def hash_kind(text: str) -> str | None:
    """``sha256`` or ``md5`` by the length of a hash, or None if it is neither."""
    return _HASHES.get(len(text)) if re.fullmatch(r"[0-9a-fA-F]+", text) else None


def listed(
    filename: str,
    hashes: Iterable[str],
    *,
    size: int | None = None,
    about: int = 0,
    mtime: float | None = None,
) -> ListedInstaller | RefusedRow:
    """One row, checked.

    Args:
        hashes: sha256 or md5, told apart by their length.
    """
    try:
        check_installer_name(filename)
    except NameRefusedError as error:
        return RefusedRow(filename, str(error))
    known: dict[str, str] = {}
    for text in hashes:
        kind = hash_kind(text)
        if kind is None:
            return RefusedRow(filename, f"{text[:70]!r} is neither a sha256 nor an md5")
        known[kind] = text.lower()
    if not known:
        return RefusedRow(filename, "upstream lists no hash for it")
    if size is not None and not 0 < size < _LARGEST:
        return RefusedRow(filename, f"upstream says that it has {size} bytes")
    if mtime is not None and not 0 <= mtime < _LATEST_TIME:
        mtime = None
    about = size or min(max(about, 0), _LARGEST)
    return ListedInstaller(filename, known.get("sha256"), known.get("md5"), size, about, mtime)


def collect(rows: Iterable[ListedInstaller | RefusedRow]) -> InstallerListing:
    """Rows in their order; a name that comes twice with two hashes is refused altogether."""
    found: dict[str, ListedInstaller] = {}
    refused: dict[str, RefusedRow] = {}
    for row in rows:
        if isinstance(row, RefusedRow):
            refused.setdefault(row.filename, row)
        elif (other := found.setdefault(row.filename, row)) != row and (
            (other.sha256, other.md5) != (row.sha256, row.md5)
        ):
            refused[row.filename] = RefusedRow(row.filename, "listed twice, with different hashes")
    for filename in refused:
        found.pop(filename, None)
    return InstallerListing(tuple(found.values()), tuple(refused.values()))
