"""Which records a MatchSpec matches, over many specs and many records. Pure, by py-rattler.

Guaranteed: a record that conda or rattler take for a spec is among its matches. The reverse does
not hold: of a spec's brackets only version, build, build number, flags, channel, subdir and hashes
are looked at, and a spec that rattler can't read (conda has forms that it lacks) matches by name
alone. Whoever mirrors too much loses a little space; whoever mirrors too little, an installation.

An artifact with two records (CEP 48) is in it twice: an old client reads the one, a new client the
other, and each has dependencies of its own.

Each distinct spec is parsed once and compared with each distinct version of its name once.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import msgspec

from syncer.conda.expression import may_hold
from syncer.conda.matchspec import expression_test, is_channel, parse, version_of
from syncer.conda.record import Candidate, Reader
from syncer.conda.spec import matches_record
from syncer.planning.selection.platform import may_have
from volume.limits import spec_problem

Key = tuple[str, str, str]
"""(channel, subdir, filename)"""

_CONDITION = re.compile(r"\s*;\s*if\s(?P<condition>.*)", re.DOTALL)  # CEP 43's first spelling
_FLAGS = re.compile(r"[\[,]flags=\[")
_NAME_END = re.compile(r"[\s=<>!~\[;]")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A MatchSpec, taken apart. ``name`` is a pattern if ``is_pattern``; None matches anything.

    It holds under a ``condition`` (CEP 43); ``extras`` are the groups of optional dependencies that
    it asks for (CEP 44). ``reference`` is the MatchSpec itself if it asks for flags (CEP 45).
    """

    text: str
    name: str
    is_pattern: bool = False
    condition: str | None = None
    extras: tuple[str, ...] = ()
    reference: Any = None
    version: str | None = None
    build: str | None = None
    build_number: str | None = None
    channel: str | None = None
    subdir: str | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def is_virtual(self) -> bool:
        """Whether the client itself provides it, such as ``__glibc``."""
        return self.name.startswith("__")


def read(text: str) -> Requirement:
    """Take a MatchSpec apart."""
    former = _CONDITION.search(text) if spec_problem(text) is None else None
    plain, condition = (text, None) if former is None else (text[: former.start()], former[1])
    try:
        spec = parse(plain)
    except ValueError:
        # Conda's parser takes a few forms that rattler's does not, such as "x 2.12.*mkl*"; what
        # breaks a limit is nobody's to parse, and no record that has it is mirrored.
        name = _NAME_END.split(plain.lstrip(), 1)[0].lower()
        return Requirement(text, name, condition=condition)
    name = str(spec.name.normalized)
    return Requirement(
        text=text,
        name=name,
        is_pattern=name.startswith("^") or "*" in name,
        condition=condition if spec.condition is None else spec.condition,
        extras=tuple(spec.extras or ()),
        reference=spec if "flags" in text and _FLAGS.search(spec.to_canonical_string()) else None,
        version=spec.version,
        build=spec.build,
        build_number=spec.build_number,
        channel=spec.channel.name if spec.channel else None,
        subdir=spec.subdir,
        sha256=spec.sha256.hex() if spec.sha256 else None,
        md5=spec.md5.hex() if spec.md5 else None,
    )


class Catalog:
    """Records, by name and version; in the order of channel, subdir and filename.

    Args:
        platform: the subdir whose clients see them, together with noarch; empty if not known.
    """

    def __init__(self, candidates: Iterable[Candidate], platform: str = "") -> None:
        self.platform = platform
        self.records: list[Candidate] = sorted(candidates, key=key)
        if any(record.entry.twin is not None for record in self.records):
            self.records = [part for record in self.records for part in record.parts]
        self._by_name: dict[str, dict[str, list[int]]] = {}
        for position, record in enumerate(self.records):
            versions = self._by_name.setdefault(record.facts.name.lower(), {})
            versions.setdefault(record.facts.version, []).append(position)
        self._requirements: dict[str, Requirement] = {}
        self._matches: dict[str, tuple[int, ...]] = {}
        self._versions: dict[str, Any] = {}
        self._groups: dict[int, Mapping[str, tuple[str, ...]]] = {}
        self.conditional: set[str] = set()
        """The specs under a condition, of those that were asked for so far."""

    def requirement(self, spec: str) -> Requirement:
        """The spec, taken apart; each text once."""
        found = self._requirements.get(spec)
        if found is None:
            found = self._requirements[spec] = read(spec)
            if found.condition is not None:
                self.conditional.add(spec)
        return found

    def matching(self, spec: str) -> tuple[int, ...]:
        """Positions in ``records`` of what matches the spec, ascending."""
        found = self._matches.get(spec)
        if found is None:
            found = self._matches[spec] = tuple(sorted(self._match(self.requirement(spec))))
        return found

    def may_apply(self, spec: str, impossible: Set[int] = frozenset()) -> bool:
        """Whether a dependency's condition (CEP 43) may hold on the platform; True without one.

        Args:
            impossible: positions of records that are in no solution.
        """
        condition = self.requirement(spec).condition
        return condition is None or may_hold(
            condition, lambda part: self._may_match(part, impossible)
        )

    def _may_match(self, spec: str, impossible: Set[int]) -> bool:
        wanted = self.requirement(spec)
        if wanted.is_virtual:
            return may_have(self.platform, wanted.name)
        if wanted.is_pattern or wanted.name not in self._by_name:
            return True  # a client may have it from elsewhere
        return any(position not in impossible for position in self.matching(spec))

    def groups(self, position: int) -> Mapping[str, tuple[str, ...]]:
        """A record's optional dependencies by their groups (CEP 44)."""
        found = self._groups.get(position)
        if found is None:
            raw = self.records[position].entry.raw
            if b'"extra_depends"' not in bytes(raw):
                return {}
            found = self._groups[position] = _EXTRAS.read(raw).extra_depends
        return found

    def newest(self, positions: Sequence[int], count: int) -> tuple[int, ...]:
        """Those of the newest ``count`` versions; all for 0."""
        versions = {self.records[position].facts.version for position in positions}
        if not 0 < count < len(versions):
            return tuple(positions)
        known = [version for version in versions if self._version(version) is not None]
        known.sort(key=lambda version: (self._version(version), version), reverse=True)
        kept = set(known[:count]) or versions
        return tuple(one for one in positions if self.records[one].facts.version in kept)

    def _match(self, wanted: Requirement) -> list[int]:
        fits = _test(wanted)
        return [
            position
            for name in self._names(wanted)
            for version in self._fitting(name, wanted.version)
            for position in self._by_name[name][version]
            if fits is None or fits(self.records[position])
        ]

    def _names(self, wanted: Requirement) -> Iterable[str]:
        if not wanted.is_pattern:
            return (wanted.name,) if wanted.name in self._by_name else ()
        matches = _text_test(wanted.name)
        return [name for name in self._by_name if matches(name)]

    def _fitting(self, name: str, spec: str | None) -> Iterable[str]:
        versions = self._by_name[name]
        if spec is None or spec == "*":
            return versions
        from rattler import VersionSpec

        parsed = VersionSpec(spec)
        return [
            text
            for text in versions
            if (version := self._version(text)) is not None and parsed.matches(version)
        ]

    def _version(self, text: str) -> Any:
        """The version, or None for a text that is none and so matches no version spec."""
        if text not in self._versions:
            self._versions[text] = version_of(text)
        return self._versions[text]


class _Extras(msgspec.Struct):
    extra_depends: dict[str, tuple[str, ...]] = {}


_EXTRAS = Reader(_Extras)


def key(candidate: Candidate) -> Key:
    """Where a record belongs."""
    return candidate.channel, candidate.subdir, candidate.entry.filename


def _test(wanted: Requirement) -> Callable[[Candidate], bool] | None:
    """What a record must fulfil besides name and version; None for nothing."""
    tests: list[Callable[[Candidate], bool]] = []
    if wanted.build is not None and wanted.build != "*":
        matches = _text_test(wanted.build)
        tests.append(lambda record: matches(record.facts.build))
    if wanted.build_number is not None:
        number_matches = _number_test(wanted.build_number)
        tests.append(lambda record: number_matches(record.facts.build_number))
    if wanted.channel is not None:
        channel = wanted.channel
        tests.append(lambda record: is_channel(record.channel, channel))
    if wanted.subdir is not None:
        tests.append(lambda record: record.subdir == wanted.subdir)
    if wanted.reference is not None:
        reference = wanted.reference
        tests.append(lambda record: matches_record(reference, record))
    for kind in ("sha256", "md5"):
        if (expected := getattr(wanted, kind)) is not None:
            tests.append(functools.partial(_has_hash, kind, expected))
    return (lambda record: all(test(record) for test in tests)) if tests else None


def _has_hash(kind: str, expected: str, record: Candidate) -> bool:
    given = getattr(record.facts, kind)
    return isinstance(given, str) and given.lower() == expected


def _number_test(spec: str) -> Callable[[int], bool]:
    from rattler import VersionSpec

    parsed = VersionSpec(spec)

    def matches(number: int) -> bool:
        version = version_of(str(number))
        return version is not None and bool(parsed.matches(version))

    return functools.lru_cache(matches)


def _text_test(pattern: str) -> Callable[[str], bool]:
    """How builds and name patterns match: ``^...$`` is a regular expression, ``*`` a wildcard."""
    if pattern.startswith("^") and pattern.endswith("$"):
        try:
            return expression_test(pattern)
        except ValueError:
            return lambda text: True
    if "*" in pattern:
        expression = re.compile(fnmatch.translate(pattern), re.IGNORECASE)
        return lambda text: expression.match(text) is not None
    return lambda text: text == pattern
