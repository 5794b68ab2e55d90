"""Artifacts as the ledger knows them: committed, promised, on the volume, retired.

Pure data, without the file that it comes from; and the events of their history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

Home = Literal["channels", "replaced", "retired", "promised", "sidecars"]
"""The folder that bytes are in; ``promised`` if they are not here, and fetched when asked for."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One committed artifact, or one that is about to be.

    ``digest`` is a short hash of upstream's record as it was sent: equal means unchanged.
    ``source`` is the URL that it came from, without credentials. ``size`` is in bytes. ``md5`` is
    what upstream's record says; where it has no sha256, that is what the bytes were verified by,
    and ``sha256`` is our own. ``section`` is where upstream lists ``record``; ``twin`` is a second
    record, in revision 3, of what is listed in an old section too (``volume/sections.py``). Of what
    is promised ``sha256`` is empty and ``size`` 0 if the record does not tell.
    """

    subdir: str
    filename: str
    section: str
    size: int
    sha256: str
    digest: bytes
    record: str
    home: Home
    entered: float
    source: str
    md5: str | None = None
    twin: str | None = None


_PROMISED = 0x80  # beside the length of a sha256, which is asked for less than the digest


class Known(bytes):
    """What a plan needs to know of a committed artifact; ``size`` is in bytes, hashes are in hex.

    What is promised is committed too, and its bytes are not here. Packed into one object, because a
    large channel has a million of them: with a str or bytes for each value they take three times
    the memory.

    Raises:
        ValueError: a hash is not hex.
    """

    __slots__ = ()

    def __new__(
        cls,
        size: int,
        sha256: str,
        digest: bytes,
        md5: str | None = None,
        is_promised: bool = False,  # by its place: made of a million rows
    ) -> Self:
        hashes = bytes.fromhex(sha256 + (md5 or ""))
        promised = _PROMISED if is_promised else 0
        lengths = bytes((len(digest), len(sha256) // 2 | promised))
        return bytes.__new__(cls, size.to_bytes(8, "big") + lengths + digest + hashes)

    @property
    def is_promised(self) -> bool:
        return bool(self[9] & _PROMISED)

    @property
    def _end(self) -> int:
        """Where the sha256 ends."""
        return 10 + self[8] + (self[9] & ~_PROMISED)

    @property
    def size(self) -> int:
        return int.from_bytes(self[:8], "big")

    @property
    def digest(self) -> bytes:
        return self[10 : 10 + self[8]]

    @property
    def sha256(self) -> str:
        return self[10 + self[8] : self._end].hex()

    @property
    def md5(self) -> str | None:
        return self[self._end :].hex() or None

    def __repr__(self) -> str:
        shown = f"Known({self.size}, {self.sha256!r}, {self.digest!r}, {self.md5!r}"
        return f"{shown}, is_promised=True)" if self.is_promised else f"{shown})"


def promised_of(known: Mapping[str, Known]) -> set[str]:
    """Those of many that are promised; a property for each takes a quarter of a plan's time."""
    return {name for name, one in known.items() if one[9] & _PROMISED}


@dataclass(frozen=True, slots=True)
class Placed:
    """Bytes on the volume, and what they must be; ``md5`` is what a record says beside that.

    Where ``home`` is ``sidecars`` they are what lies beside an artifact, under its own name.
    """

    subdir: str
    filename: str
    sha256: str
    size: int
    home: Home
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Retired:
    """Bytes out of the index since ``serial``; ``left`` is in seconds since the epoch."""

    subdir: str
    filename: str
    sha256: str
    size: int
    home: Home
    serial: int
    left: float
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What a clean run has dealt with.

    ``inputs`` changes when the outcome of a run may; ``due`` is when the first cooldown ends, in
    seconds since the epoch, 0 if nothing is held.
    """

    inputs: str = ""
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """The content of a document of upstream's, and the commit up to which it was looked through."""

    digest: str
    serial: int


@dataclass(frozen=True, slots=True)
class Unproven:
    """A row that is not what was written; ``name`` is its key, as far as it can be read."""

    table: str
    name: str

    def __str__(self) -> str:
        return self.name if self.table == "artifact" else f"{self.table} of {self.name}"


@dataclass(frozen=True, slots=True)
class WrongMd5:
    """A record whose sha256 is that of the bytes, and whose ``md5`` is not: theirs is ``found``."""

    subdir: str
    filename: str
    md5: str
    found: str

    def __str__(self) -> str:
        return f"{self.subdir}/{self.filename} has md5 {self.found}, its record says {self.md5}"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history. ``moment`` is in seconds since the epoch, ``size`` in bytes.

    ``event`` is entered, fetched (entered on demand), evicted (its bytes went, and are promised),
    replaced, hotfixed, damaged (its bytes), doubted (its row), expired, or why the artifact was
    retired. Of promises there is none: it is about bytes.
    """

    moment: float
    event: str
    subdir: str
    filename: str
    sha256: str
    size: int
    source: str
    run: str
    policy: str
