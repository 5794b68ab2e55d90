"""Versions and MatchSpecs: what conda means by them, as py-rattler says. Pure.

Guaranteed: every text has an answer or is refused, in a time that grows with its length: rattler
gets only what ``volume.limits`` lets pass, and it bounds what a pattern may cost. Tested for
equality with conda's own on every version and dependency of real repodata (tests/engine).
Not read are specs without an exact name, and two sorts of text that conda alone takes for versions:
with a ``*`` in it (in a record), and patterns among other constraints (``1.*.3|2``).
A spec that names a channel fits nothing, as in ``conda index``, which gives its records none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from rattler import BuildString, MatchSpec, PackageRecord, Version, VersionSpec
from rattler.exceptions import (
    InvalidMatchSpecError,
    InvalidPackageNameError,
    InvalidVersionError,
    InvalidVersionSpecError,
)

from volume import limits
from volume.names import EXTENSIONS

# What conda takes for a pattern where a version stands: with * inside, or between ^ and $.
_PATTERN = re.compile(r"\^[^\"\[]*\$|[a-zA-Z0-9_.+!*-]+")
# What makes an expression more than regular, and its search more than linear.
_IRREGULAR = re.compile(r"\\[1-9k]|\(\?[^:]")
_SUBDIR = "noarch"  # a record must have one, and nothing here asks for it

Test = Callable[[str, str, int], bool]
"""Whether an artifact of this version, build and build number fits."""


class MalformedError(ValueError):
    """A text that is no version or MatchSpec, or a record that is odd; never leaves the indexer."""


@functools.lru_cache(maxsize=65536)
def version_order(text: str) -> Version:
    """A version, to be compared.

    Raises:
        MalformedError: it is none.
    """
    if problem := limits.version_problem(text):
        raise MalformedError(problem)
    try:
        return Version(text.strip())
    except InvalidVersionError as error:
        raise MalformedError(str(error)) from error


@functools.lru_cache(maxsize=65536)
def is_of_series(version: str, series: str) -> bool:
    """Whether a version is what ``name=series`` asks for: of 1.2.0 are 1.2.0rc1 and 1.2.

    And 1.2rc2 is not: conda fills up with zeros after the end only, rattler also within.

    Raises:
        MalformedError: one of them is no version.
    """
    one, two = version_order(version), version_order(series)
    if one == two:
        return True
    before = two.segment_count - 1
    return one.starts_with(two) and one.segments()[:before] == two.segments()[:before]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A name, with what an artifact of that name must be; ``test`` is None if any will do."""

    name: str
    test: Test | None = None

    def fits(self, name: str, version: str, build: str, build_number: int) -> bool:
        """Whether an artifact satisfies it.

        Raises:
            MalformedError: its version is none.
        """
        if name != self.name:
            return False
        return self.test is None or self.test(version, build, build_number)


@functools.lru_cache(maxsize=65536)
def parse(text: str) -> Dependency:
    """Read a dependency, as far as records have them.

    Raises:
        MalformedError: it is not understood.
    """
    if problem := limits.spec_problem(text):
        raise MalformedError(problem)
    if _IRREGULAR.search(text):
        raise MalformedError(f"{text!r} has a pattern that can't be bounded")
    plain = _without_brackets(text.split("#", 1)[0].split(" if ", 1)[0]).strip()
    if plain.endswith(EXTENSIONS):
        raise MalformedError(f"{text!r} is a file")
    try:
        return _read(plain)
    except (InvalidMatchSpecError, InvalidPackageNameError, InvalidVersionSpecError) as error:
        if (found := _read_pattern(plain)) is not None:
            return found
        raise MalformedError(f"{text!r} is not understood: {error}") from error


def _without_brackets(text: str) -> str:
    """As conda reads it: what stands in the last round brackets does not count."""
    if "[" in text:
        return text
    end = text.rfind(")")
    start = text.rfind("(", 0, max(end, 0))
    return text if start < 0 else text.replace(text[start : end + 1], "")


def _read(text: str) -> Dependency:
    spec = MatchSpec(text)
    name = spec.name.normalized
    if spec.channel or spec.subdir or spec.namespace or spec.file_name:
        return Dependency(name, lambda version, build, number: False)
    if spec.build is not None or "[" in str(spec):
        return Dependency(name, functools.partial(_is_match, spec))
    if spec.version is None:
        return Dependency(name)
    constraint = VersionSpec(spec.version)
    return Dependency(
        name, lambda version, build, number: constraint.matches(version_order(version))
    )


def _is_match(spec: MatchSpec, version: str, build: str, build_number: int) -> bool:
    version_order(version)
    try:
        record = PackageRecord(
            spec.name.normalized,
            version.strip(),
            BuildString.new_unchecked(build),
            build_number,
            _SUBDIR,
        )
    except OverflowError as error:
        raise MalformedError(f"{build_number} is no build number") from error
    return spec.matches(record)


def _read_pattern(text: str) -> Dependency | None:
    """``name pattern`` or ``name pattern build``; rattler has patterns for builds only.

    So the version is asked as if it were one.
    """
    name, _, rest = text.partition(" ")
    version, _, build = rest.strip().partition(" ")
    if not _PATTERN.fullmatch(version):
        return None
    try:
        pattern = MatchSpec(f'x[build="{version}"]')
        others = MatchSpec(f"{name} * {build}")
    except (InvalidMatchSpecError, InvalidPackageNameError):
        return None
    return Dependency(
        others.name.normalized,
        lambda version, build, number: (
            _is_match(pattern, "0", version, 0) and _is_match(others, version, build, number)
        ),
    )
