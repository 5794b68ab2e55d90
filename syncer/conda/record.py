"""The facts of a record that selection looks at, decoded from upstream's JSON text. Pure.

Decoding is lenient: selection must not fail on a record that ``wanted`` will refuse with a
better message. What is malformed counts as not given, each field for itself.
"""

from __future__ import annotations

import contextlib
from typing import Any, Generic, TypeVar

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

    def published(self, now: float) -> float:
        """When upstream published it, as far as the record tells; seconds since the epoch.

        The channel's word counts before the builder's, unless it can't be true: it is in the
        future, or from before there was conda.
        """
        indexed = seconds(self.indexed_timestamp)
        if _CONDA_BEGAN <= indexed <= now + _CLOCKS_DIFFER:
            return indexed
        return seconds(self.timestamp)


class TwinFacts(Facts, frozen=True, gc=False, kw_only=True):
    """What the first of an artifact's two records says (CEP 48); ``second``, what the other."""

    second: Facts


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An artifact of a channel's subdir, and what its record says, or its records say."""

    channel: str
    subdir: str
    entry: Entry
    facts: Facts

    @property
    def filename(self) -> str:
        return self.entry.filename

    @property
    def twin(self) -> Facts | None:
        """What a second record says, if there is one and it was read."""
        # No field: a large channel has a million of these, and nearly all have one record.
        if self.entry.twin is None or not isinstance(self.facts, TwinFacts):
            return None
        return self.facts.second

    @property
    def parts(self) -> tuple[Candidate, ...]:
        """One for each of its records, as if it had no other."""
        if (twin := self.twin) is None:
            return (self,)
        first, second = self.entry.parts
        return (
            Candidate(self.channel, self.subdir, first, self.facts),
            Candidate(self.channel, self.subdir, second, twin),
        )


_T = TypeVar("_T", bound=msgspec.Struct)


class Reader(Generic[_T]):
    """Reads what a record says; a field that is not what it must be counts as not given.

    Else one malformed field would hide the others from a policy.

    Args:
        kind: the fields, with their types.
    """

    def __init__(self, kind: type[_T]) -> None:
        self._kind = kind
        self.decode = msgspec.json.Decoder(kind).decode
        self._each = {
            one.name: msgspec.json.Decoder(one.type) for one in msgspec.structs.fields(kind)
        }

    def read(self, raw: msgspec.Raw) -> _T:
        """What a record says."""
        try:
            return self.decode(raw)
        except (ValueError, RecursionError):
            return self.salvage(raw)

    def salvage(self, raw: msgspec.Raw, **told: str) -> _T:
        """What can be read of a record that can't be read as a whole; ``told`` holds instead."""
        found: dict[str, Any] = {}
        with contextlib.suppress(ValueError, RecursionError):
            for name, value in _decode_object(raw).items():
                if name in self._each:
                    with contextlib.suppress(ValueError, RecursionError):
                        found[name] = self._each[name].decode(value)
        return self._kind(**found | told)


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FACTS = Reader(Facts)
_decode = _FACTS.decode
_MILLISECONDS = 253402300799  # conda's own limit (the year 9999): larger is in milliseconds
_BEYOND = 1 << 63  # a record with such a number is refused
_CONDA_BEGAN = 1_325_376_000  # 2012
_CLOCKS_DIFFER = 3600  # seconds


def seconds(timestamp: float) -> float:
    """A record's timestamp in seconds since the epoch; 0 for one that no clock has."""
    if not -_BEYOND < timestamp < _BEYOND:
        return 0.0
    return timestamp / 1000 if timestamp > _MILLISECONDS else float(timestamp)


def candidate(channel: str, subdir: str, entry: Entry) -> Candidate:
    """An artifact, and what its records say."""
    if entry.twin is None:
        return Candidate(channel, subdir, entry, facts(entry))
    first, second = map(facts, entry.parts)
    # They are of the same bytes: what one of them does not tell of these, the other may.
    told = msgspec.structs.asdict(first) | {
        name: getattr(first, name) or getattr(second, name) for name in ("size", "sha256", "md5")
    }
    return Candidate(channel, subdir, entry, TwinFacts(**told, second=second))


def facts(entry: Entry) -> Facts:
    """What an entry's record says, of two the first."""
    try:
        return _decode(entry.raw)
    except (ValueError, RecursionError):
        name = entry.name
        told = {"name": name.name, "version": name.version, "build": name.build}
        return _FACTS.salvage(entry.raw, **told)
