"""Version constraints, as conda 24 and later read them (conda/models/version.py). Pure.

``>=1.2,<2|1.0.*``, ``~=1.4``, ``!=1.5``, ``=1.2``, ``^1\\.[0-9]+$``, ``*`` and brackets around
groups of them. Tested for equality with conda's own on every constraint of real repodata.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable

from indexer.engines.own.version_order import VersionOrder, version_order

Matcher = Callable[[str], bool]
"""Whether a version, as a text, fits."""

_TOKENS = re.compile(r"\s*\^[^$]*[$]|\s*[()|,]|[^()|,]+")
_COMBINED = re.compile(r".*[()|,^$]")
_RELATION = re.compile(r"(=|==|!=|<=|>=|<|>|~=)(?![=<>!~])(\S+)")
_STARTS = frozenset("=<>!~")


class MalformedSpecError(ValueError):
    """A constraint that is not understood; never leaves the indexer."""


@functools.lru_cache(maxsize=65536)
def version_matcher(text: str) -> Matcher:
    """What a version constraint means.

    Raises:
        MalformedSpecError: it is not understood.
        MalformedVersionError: a version in it is none.
    """
    if _COMBINED.match(text):
        tokens = [token.strip() for token in _TOKENS.findall(text)]
        matcher, rest = _either(tokens)
        if rest:
            raise MalformedSpecError(f"{text!r} is not a version constraint")
        return matcher
    return _single(text.strip())


def _either(tokens: list[str]) -> tuple[Matcher, list[str]]:
    matcher, rest = _both(tokens)
    matchers = [matcher]
    while rest and rest[0] == "|":
        matcher, rest = _both(rest[1:])
        matchers.append(matcher)
    return (_any(matchers) if len(matchers) > 1 else matcher), rest


def _both(tokens: list[str]) -> tuple[Matcher, list[str]]:
    matcher, rest = _group(tokens)
    matchers = [matcher]
    while rest and rest[0] == ",":
        matcher, rest = _group(rest[1:])
        matchers.append(matcher)
    return (_all(matchers) if len(matchers) > 1 else matcher), rest


def _group(tokens: list[str]) -> tuple[Matcher, list[str]]:
    if not tokens or tokens[0] in {")", "|", ","}:
        raise MalformedSpecError("a version constraint lacks a part")
    if tokens[0] != "(":
        return _single(tokens[0]), tokens[1:]
    matcher, rest = _either(tokens[1:])
    if not rest or rest[0] != ")":
        raise MalformedSpecError("a version constraint lacks a bracket")
    return matcher, rest[1:]


def _any(matchers: list[Matcher]) -> Matcher:
    return lambda version: any(matcher(version) for matcher in matchers)


def _all(matchers: list[Matcher]) -> Matcher:
    return lambda version: all(matcher(version) for matcher in matchers)


def _single(text: str) -> Matcher:
    if not text:
        raise MalformedSpecError("an empty version constraint")
    if text[0] == "^" or text[-1] == "$":
        return _pattern(text)
    if text[0] in _STARTS:
        return _relation(text)
    if text == "*":
        return lambda _: True
    if "*" in text.rstrip("*"):
        escaped = text.replace(".", r"\.").replace("+", r"\+").replace("*", ".*")
        return _pattern(f"^(?:{escaped})$")
    if text[-1] == "*":
        return _compared(VersionOrder.startswith, text.rstrip("*").rstrip("."))
    if "@" in text:
        return lambda version: version == text
    return _compared(operator.eq, text)


def _pattern(text: str) -> Matcher:
    if text[0] != "^" or text[-1] != "$":
        raise MalformedSpecError(f"{text!r}: a pattern begins with ^ and ends with $")
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise MalformedSpecError(f"{text!r} is not a pattern: {error}") from error
    return lambda version: compiled.match(version) is not None


def _relation(text: str) -> Matcher:
    found = _RELATION.fullmatch(text)
    if found is None:
        raise MalformedSpecError(f"{text!r} is not a version constraint")
    relation, version = found.groups()
    if version.endswith(".*"):
        if relation == "~=":
            raise MalformedSpecError(f"{text!r}: ~= takes no .*")
        version = version.removesuffix(".*")
        if relation == "!=":
            return _compared(lambda one, two: not one.startswith(two), version)
    if relation == "~=":
        minimum, series = version_order(version), version_order(_series(version))
        return lambda text: (
            version_order(text) >= minimum and version_order(text).startswith(series)
        )
    return _compared(_RELATIONS[relation], version)


def _series(version: str) -> str:
    return ".".join(version.strip().lower().split(".")[:-1])


def _compared(compare: Callable[[VersionOrder, VersionOrder], bool], version: str) -> Matcher:
    wanted = version_order(version)
    return lambda text: compare(version_order(text), wanted)


_RELATIONS: dict[str, Callable[[VersionOrder, VersionOrder], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": VersionOrder.startswith,
}
