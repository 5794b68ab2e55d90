"""Conditions of dependencies (CEP 43): ``python >=3.12 and (__unix or __osx)``. Pure.

A condition is made of MatchSpecs, ``and``, ``or`` and brackets, without a *not*: whatever comes to
a set of packages, a condition that holds for it goes on to hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from syncer.conda.expression import Grammar

_GRAMMAR = Grammar(both="and", either="or")
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
        return _GRAMMAR.holds(_tokens(condition), holds)
    except ValueError:
        return True


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
