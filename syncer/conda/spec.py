"""A MatchSpec that is ready to be asked about many records. Pure.

What py-rattler's ``MatchSpec.matches`` says is what holds, and beyond it channel, subdir and ``fn``
are compared too, which that leaves out. Of an artifact with two records (CEP 48) one that matches
is enough. Names are decided without a record, versions once for each
distinct one; only for the rest a record is built for py-rattler. A record whose version is none
(CEP 36) matches no spec that asks for more than a name: no client can read it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from syncer.conda.matchspec import NAME, expression_test, is_channel, parse, version_of
from syncer.conda.record import Candidate, Reader

_NAME_IN_SPEC = re.compile(r"(?P<before>[^\[]*::)?(?P<name>[A-Za-z0-9_.*-]+)(?P<after>.*)", re.S)


class Spec:
    """One MatchSpec. Names are compared without regard to upper and lower case, as conda does."""

    __slots__ = ("_asks_more", "_name", "_reference", "_version", "_versions", "_where", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._reference: Any = None
        self._version: Any = None
        self._versions: dict[str, bool] = {}
        self._where: tuple[str | None, str | None, str | None] = (None, None, None)
        self._asks_more = False
        if NAME.fullmatch(text):
            self._name = _name_test(text.lower())
        else:
            self._read(text)

    def _read(self, text: str) -> None:
        from rattler import VersionSpec

        if found := _NAME_IN_SPEC.fullmatch(text):
            text = (found["before"] or "") + found["name"].lower() + found["after"]
        spec = parse(text)
        self._reference = spec
        self._name = _name_test(str(spec.name.normalized))
        self._where = (spec.channel.name if spec.channel else None, spec.subdir, spec.file_name)
        self._asks_more = spec.build is not None or "[" in str(spec)
        if spec.version is not None and not self._asks_more:
            self._version = VersionSpec(spec.version)

    @property
    def is_name(self) -> bool:
        """Whether a name decides it."""
        return not self._asks_more and self._version is None and self._where == (None, None, None)

    @property
    def reads_record(self) -> bool:
        """Whether it takes more than name and version to decide it."""
        return self._asks_more

    def is_of(self, channel: str) -> bool:
        """Whether anything in this channel may match."""
        return self._where[0] is None or is_channel(channel, self._where[0])

    def matches_name(self, name: str) -> bool:
        """Whether records of this name may match."""
        return self._name(name.lower())

    def matches(self, candidate: Candidate) -> bool:
        """Whether it is one of these."""
        facts = candidate.facts
        if not self._name(facts.name.lower()):
            return False
        channel, subdir, filename = self._where
        if channel is not None and not is_channel(candidate.channel, channel):
            return False
        if subdir is not None and subdir != candidate.subdir:
            return False
        if filename is not None and filename != candidate.filename:
            return False
        if self._asks_more:
            return any(matches_record(self._reference, part) for part in candidate.parts)
        return self._version is None or self._matches_version(facts.version)

    def _matches_version(self, text: str) -> bool:
        found = self._versions.get(text)
        if found is None:
            version = version_of(text)
            found = version is not None and bool(self._version.matches(version))
            self._versions[text] = found
        return found


def _name_test(pattern: str) -> Callable[[str], bool]:
    if pattern.startswith("^") and pattern.endswith("$"):
        return expression_test(pattern)
    if "*" not in pattern:
        return pattern.__eq__
    expression = re.compile(fnmatch.translate(pattern))
    return lambda name: expression.fullmatch(name) is not None


class _More(msgspec.Struct):
    """What a spec's brackets can ask for beyond the facts."""

    license_family: str | None = None
    track_features: str | list[str] | None = None
    flags: list[str] | None = None


_MORE = Reader(_More)


def matches_record(spec: Any, candidate: Candidate) -> bool:
    """Whether py-rattler takes a record for its MatchSpec; no client reads one that it can't."""
    record = _reference_record(candidate)
    return record is not None and bool(spec.matches(record))


def _reference_record(candidate: Candidate) -> Any:
    """A record as py-rattler has it, None if it is none."""
    from rattler import BuildString, PackageRecord
    from rattler.exceptions import InvalidPackageNameError, InvalidVersionError

    facts = candidate.facts
    more = _MORE.read(candidate.entry.raw)
    try:
        record = PackageRecord(
            facts.name,
            facts.version,
            BuildString.new_unchecked(facts.build),
            facts.build_number,
            candidate.subdir,
            sha256=_bytes(facts.sha256, 32),
            md5=_bytes(facts.md5, 16),
            license=facts.license,
            license_family=more.license_family,
            flags=more.flags,
        )
    except (InvalidPackageNameError, InvalidVersionError, OverflowError):
        return None
    features = more.track_features or []
    record.track_features = features.split() if isinstance(features, str) else features
    return record


def _bytes(text: str | None, length: int) -> bytes | None:
    try:
        value = bytes.fromhex(text or "")
    except ValueError:
        return None
    return value if len(value) == length else None


@dataclass(frozen=True, slots=True)
class _Named:
    """What a set of specs says of a name: decided by it, or to be asked about each record."""

    decided: Spec | None
    undecided: tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class SpecSet:
    """Several MatchSpecs: what any of them matches."""

    specs: tuple[Spec, ...]
    _named: dict[str, _Named] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, texts: Iterable[str]) -> SpecSet:
        """The specs of these texts."""
        return cls(tuple(Spec(text) for text in texts))

    def __bool__(self) -> bool:
        return bool(self.specs)

    @property
    def reads_records(self) -> bool:
        """Whether it takes more than name and version to decide some."""
        return any(spec.reads_record for spec in self.specs)

    def may_match(self, name: str) -> bool:
        """Whether records of this name may match."""
        named = self._of(name)
        return named.decided is not None or bool(named.undecided)

    def find(self, candidate: Candidate) -> Spec | None:
        """The spec that matches, if one does; one that is only a name before the others."""
        if not self.specs:
            return None
        named = self._of(candidate.facts.name)
        if named.decided is not None:
            return named.decided
        return next((spec for spec in named.undecided if spec.matches(candidate)), None)

    def _of(self, name: str) -> _Named:
        named = self._named.get(name)
        if named is None:
            matching = [spec for spec in self.specs if spec.matches_name(name)]
            decided = next((spec for spec in matching if spec.is_name), None)
            named = self._named[name] = _Named(decided, tuple(matching))
        return named
