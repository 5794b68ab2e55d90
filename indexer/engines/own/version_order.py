"""The order of versions, as conda has it (conda/models/version.py; CEP 45 describes it). Pure.

``conda index`` chooses by it what ``current_repodata.json`` lists. Tested for equality with conda's
own on every version of real repodata (tests/engine).
"""

from __future__ import annotations

import functools
import re
from itertools import zip_longest

_ALLOWED = re.compile(r"[*.+!_0-9a-z]+")
_RUNS = re.compile(r"[0-9]+|[*]+|[^0-9*]+")
Part = int | float | str
_Parts = list[list[Part]]

_WORDS: dict[str, Part] = {"post": float("inf"), "dev": "DEV"}
_FILL = 0  # what a missing part counts as, so that 1.1 equals 1.1.0


class MalformedVersionError(ValueError):
    """A text that is no version; never leaves the indexer."""


@functools.total_ordering
class VersionOrder:
    """One version, to be compared."""

    __slots__ = ("_local", "_version")

    def __init__(self, text: str) -> None:
        version = text.strip().lower()
        if not _ALLOWED.fullmatch(version) and "-" in version and "_" not in version:
            version = version.replace("-", "_")
        if not _ALLOWED.fullmatch(version):
            raise MalformedVersionError(f"{text!r} is not a version")
        epoch, found, rest = version.rpartition("!")
        if found and not epoch.isdigit():
            raise MalformedVersionError(f"{text!r} has no number as its epoch")
        public, found, local = rest.partition("+")
        if not public or "+" in local:
            raise MalformedVersionError(f"{text!r} is not a version")
        # A trailing underscore stays with what is before it: openssl's 1.0.1_ < 1.0.1a.
        parts = public.removesuffix("_").replace("_", ".").split(".")
        parts[-1] += "_" if public.endswith("_") else ""
        self._version = [_split(part, text) for part in (epoch or "0", *parts)]
        self._local = (
            [_split(part, text) for part in local.replace("_", ".").split(".")] if found else []
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VersionOrder):
            return NotImplemented
        return _equal(self._version, other._version) and _equal(self._local, other._local)

    __hash__ = None  # type: ignore[assignment]  # equal versions have different parts

    def __lt__(self, other: VersionOrder) -> bool:
        for ours, theirs in ((self._version, other._version), (self._local, other._local)):
            for left, right in zip_longest(ours, theirs, fillvalue=()):
                for one, two in zip_longest(left, right, fillvalue=_FILL):
                    if one == two:
                        continue
                    if isinstance(one, str):
                        return one < two if isinstance(two, str) else True
                    return False if isinstance(two, str) else one < two
        return False

    def startswith(self, other: VersionOrder) -> bool:
        """Whether this version belongs to the series of another: 1.2.3 to 1.2."""
        if other._local:
            if not _equal(self._version, other._version):
                return False
            ours, theirs = self._local, other._local
        else:
            ours, theirs = self._version, other._version
        last = len(theirs) - 1
        if not _equal(ours[:last], theirs[:last]):
            return False
        left = ours[last] if len(ours) > last else []
        right = theirs[last]
        end = len(right) - 1
        if not _equal([left[:end]], [right[:end]]):
            return False
        one: Part = left[end] if len(left) > end else _FILL
        two = right[end]
        if isinstance(two, str):
            return isinstance(one, str) and one.startswith(two)
        return one == two


@functools.lru_cache(maxsize=65536)
def version_order(text: str) -> VersionOrder:
    """A version, parsed once.

    Raises:
        MalformedVersionError: it is none.
    """
    return VersionOrder(text)


def _split(part: str, text: str) -> list[Part]:
    runs = _RUNS.findall(part)
    if not runs:
        raise MalformedVersionError(f"{text!r} has an empty part")
    parts = [_part(run) for run in runs]
    # Numbers and letters stay in phase: 1.1.a1 equals 1.1.0a1.
    return parts if part[0].isdigit() else [_FILL, *parts]


def _part(run: str) -> Part:
    if run.isdigit():
        return int(run)
    # post is after every number, dev before everything else (capitals are before small letters).
    return _WORDS.get(run, run)


def _equal(ours: _Parts, theirs: _Parts) -> bool:
    return all(
        one == two
        for left, right in zip_longest(ours, theirs, fillvalue=())
        for one, two in zip_longest(left, right, fillvalue=_FILL)
    )
