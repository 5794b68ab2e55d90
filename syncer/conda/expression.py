"""Whether an expression of names, AND, OR and brackets holds, given which names do. Pure.

AND binds closer than OR. Both kinds that upstream writes have this form: SPDX licence expressions,
and conditions of dependencies (CEP 43), such as ``python >=3.12 and (__unix or __osx)``, whose
names are MatchSpecs. There is no *not* in them: whatever comes to a set of packages, a condition
that holds for it goes on to hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_DEEPEST = 100  # brackets; each takes three levels of Python's stack


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the operators are called."""

    both: str
    either: str

    def holds(self, tokens: Iterable[str], takes: Callable[[str], bool]) -> bool:
        """Whether an expression holds; every name in it is asked about.

        Args:
            tokens: names, operators and brackets, in their order.
            takes: whether a name holds.

        Raises:
            ValueError: it is no expression, or nested absurdly deep.
        """
        given = list(tokens)
        if given.count("(") > _DEEPEST:
            raise ValueError(f"it has more than {_DEEPEST} brackets")
        value, following = self._either(iter([*given, ""]), takes)
        if following:
            raise ValueError(f"{following!r} follows where it ends")
        return value

    def _either(self, tokens: Iterator[str], takes: Callable[[str], bool]) -> tuple[bool, str]:
        value, following = self._both(tokens, takes)
        while following == self.either:
            other, following = self._both(tokens, takes)
            value = value or other
        return value, following

    def _both(self, tokens: Iterator[str], takes: Callable[[str], bool]) -> tuple[bool, str]:
        value, following = self._one(tokens, takes)
        while following == self.both:
            other, following = self._one(tokens, takes)
            value = value and other
        return value, following

    def _one(self, tokens: Iterator[str], takes: Callable[[str], bool]) -> tuple[bool, str]:
        """One name or a bracket, and the token behind it."""
        word = next(tokens, "")
        if word == "(":
            value, closing = self._either(tokens, takes)
            if closing != ")":
                raise ValueError("a bracket is not closed")
            return value, next(tokens, "")
        if word in {"", ")", self.both, self.either}:
            raise ValueError("a name is missing")
        return takes(word), next(tokens, "")


_CONDITION = Grammar(both="and", either="or")
# An operator stands for itself, with blanks or round brackets around it: pandoc is a package.
_PIECES = re.compile(
    r"(?P<stop>[()]|(?<![^\s()])(?:and|or)(?![^\s()]))"
    r"|(?P<opens>\[)|(?P<closes>\])|\"[^\"]*\"|'[^']*'|[^\"'\[\]()\s]+|\s+|."
)


def may_hold(condition: str, holds: Callable[[str], bool]) -> bool:
    """Whether a condition may hold; one that can't be read may.

    Args:
        condition: as py-rattler writes that of a MatchSpec which it has read.
        holds: whether a MatchSpec of it may match something.
    """
    try:
        return _CONDITION.holds(_tokens(condition), holds)
    except ValueError:
        return True


def specs_of(condition: str) -> list[str]:
    """The MatchSpecs that a condition is made of."""
    return [token for token in _tokens(condition) if token not in {"(", ")", "and", "or"}]


def _tokens(condition: str) -> Iterator[str]:
    """MatchSpecs, operators and round brackets; what is in square ones is a MatchSpec's own."""
    spec, depth = "", 0
    for piece in _PIECES.finditer(condition):
        depth = max(depth + bool(piece["opens"]) - bool(piece["closes"]), 0)
        if piece["stop"] and not depth:
            yield from filter(None, (spec.strip(), piece["stop"]))
            spec = ""
        else:
            spec += piece[0]
    yield from filter(None, (spec.strip(),))
