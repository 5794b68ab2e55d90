"""Dependencies as MatchSpecs, as far as records use them (conda/models/match_spec.py). Pure.

Not understood are specs without an exact name and files; nothing that a record depends on is one.
A spec that names a channel fits nothing, as in ``conda index``, which gives its records none.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from indexer.engines.own.version_spec import MalformedSpecError, Matcher, version_matcher
from volume.names import EXTENSIONS

_BRACKETS = re.compile(r".*(\[.*\])")
_PARENTHESES = re.compile(r".*(\(.*\))")
_PAIR = re.compile(r"([a-zA-Z0-9_-]+?)=([\"']?)([^'\"]*?)(\2)(?:[, ]|$)")
_NAMED = re.compile(r"([^ =<>!~]+)?([><!=~ ].+)?")
_VERSION_AND_BUILD = re.compile(r"((?:.+?)[^><!,|]?)(?:(?<![=!|,<>~])(?:[ =])([^-=,|<>~]+?))?$")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A name with what its version, build and build number must be; None means anything."""

    name: str
    version: Matcher | None = None
    build: Matcher | None = None
    build_number: Callable[[int], bool] | None = None
    is_elsewhere: bool = False

    def fits(self, name: str, build: str, build_number: int) -> bool:
        """Whether an artifact satisfies it, if its version does."""
        return (
            name == self.name
            and not self.is_elsewhere
            and (self.build is None or self.build(build))
            and (self.build_number is None or self.build_number(build_number))
        )


@functools.lru_cache(maxsize=65536)
def parse(text: str) -> Dependency:
    """Read a dependency.

    Raises:
        MalformedSpecError: it is not understood.
        MalformedVersionError: a version in it is none.
    """
    rest = text.split("#", 1)[0].split(" if ", 1)[0]
    if rest.endswith(EXTENSIONS) or rest.endswith("@"):
        raise MalformedSpecError(f"{text!r} is a file or a feature")
    rest, pairs = _strip_brackets(rest)
    if found := _PARENTHESES.match(rest):
        rest = rest.replace(found[1], "")
    channel, _, rest = rest.rpartition(":")
    channel = pairs.pop("channel", channel.rpartition(":")[0])
    named = _NAMED.match(rest)
    if named is None or named[1] is None or "*" in named[1]:
        raise MalformedSpecError(f"{text!r} names no package")
    version, build = _version_and_build((named[2] or "").strip())
    version, build = pairs.pop("version", version), pairs.pop("build", build)
    number = pairs.pop("build_number", None)
    if pairs.keys() - {"name"} or "*" in channel:
        raise MalformedSpecError(f"{text!r} is not understood")
    return Dependency(
        name=named[1].lower(),
        version=None if version is None else version_matcher(version),
        build=None if build is None else _build_matcher(build),
        build_number=None if number is None else _number_matcher(number),
        is_elsewhere=bool(channel),
    )


def _strip_brackets(text: str) -> tuple[str, dict[str, str]]:
    found = _BRACKETS.match(text)
    if found is None:
        return text, {}
    pairs = {match[1]: match[3] for match in _PAIR.finditer(found[1][1:-1])}
    rest = text.replace(found[1], "")
    if "[" in rest or not all(pairs.values()):
        raise MalformedSpecError(f"{text!r} is not understood")
    return rest, pairs


def _version_and_build(text: str) -> tuple[str | None, str | None]:
    """``>=1.0 , <2.0 py34_0`` in its two parts; ``=1.2`` means the series."""
    if not text:
        return None, None
    found = _VERSION_AND_BUILD.search(text)
    version, build = (found[1], found[2]) if found else (text, None)
    version = version.replace(" ", "")
    build = build and build.strip()
    if version.startswith("=") and version not in {"=", "=="}:
        if version.startswith("==") and build is None:
            version = version[2:]
        elif not any(letter in version[1:] for letter in "=,|"):
            is_series = build is None and not version.endswith("*")
            version = version[1:] + ("*" if is_series else "")
    return version, build


def _build_matcher(text: str) -> Matcher:
    try:
        if text.startswith("^") and text.endswith("$"):
            pattern = re.compile(text)
        elif "*" in text:
            escaped = re.escape(text).replace("\\*", ".*")
            pattern = re.compile(f"^(?:{escaped})$")
        else:
            return lambda build: build == text
    except re.error as error:
        raise MalformedSpecError(f"{text!r} is not a pattern: {error}") from error
    return lambda build: pattern.match(build) is not None


def _number_matcher(text: str) -> Callable[[int], bool]:
    if text.isdigit():
        wanted = int(text)
        return lambda number: number == wanted
    matcher = version_matcher(text)
    return lambda number: matcher(str(number))
