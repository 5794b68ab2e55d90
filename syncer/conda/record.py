"""The facts of a record that selection looks at, decoded from upstream's JSON text. Pure.

Decoding is lenient: selection must not fail on a record that ``wanted`` will refuse with a
better message. What is malformed counts as not given.
"""

from __future__ import annotations

import msgspec

from syncer.conda.repodata import Entry


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a record says (CEP 36). ``size`` is in bytes, 0 if it is not given.

    ``timestamp`` is when it was built and ``indexed_timestamp`` (CEP 47) when the channel listed
    it, as upstream writes them: in seconds or in milliseconds since the epoch.
    """

    name: str
    version: str
    build: str
    build_number: int = 0
    depends: tuple[str, ...] = ()
    license: str | None = None
    timestamp: int | float = 0
    indexed_timestamp: int | float = 0
    size: int | None = 0
    sha256: str | None = None
    md5: str | None = None

    @property
    def built(self) -> float:
        """Seconds since the epoch, 0 if it is not given."""
        return seconds(self.timestamp)

    @property
    def published(self) -> float:
        """When upstream published it, as far as the record tells; seconds since the epoch."""
        return seconds(self.indexed_timestamp) or seconds(self.timestamp)


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A record of a channel's subdir, and its facts."""

    channel: str
    subdir: str
    entry: Entry
    facts: Facts

    @property
    def filename(self) -> str:
        return self.entry.filename


_decode = msgspec.json.Decoder(Facts).decode
_MILLISECONDS = 253402300799  # conda's own limit (the year 9999): larger is in milliseconds


def seconds(timestamp: float) -> float:
    """A record's timestamp in seconds since the epoch."""
    return timestamp / 1000 if timestamp > _MILLISECONDS else float(timestamp)


def facts(entry: Entry) -> Facts:
    """Decode an entry's facts; of a malformed record only what its filename tells."""
    try:
        return _decode(entry.raw)
    except (ValueError, RecursionError):
        name = entry.name
        return Facts(name=name.name, version=name.version, build=name.build)
