"""Whether an expression of names, AND, OR and brackets holds, given which names do. Pure.

AND binds closer than OR. Both kinds that upstream writes have this form: SPDX licence expressions,
and the conditions of dependencies (CEP 43), which only differ in what they call the operators.
"""

from __future__ import annotations

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
