"""Which licences a policy takes, by patterns, of what records say: SPDX expressions or words. Pure.

``MIT OR Apache-2.0`` is taken if either is, ``MIT AND PSF-2.0`` if both are; ``WITH`` and its
exception belong to the licence before it. Only the operators in capital letters count (SPDX 2.3,
annex D): ``LGPL v2.1 or later`` is the name of one licence. What is no expression is compared as a
whole. Nothing is known of licences but their names: ``GPL*`` does not match ``GNU General Public
License``.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from syncer.conda.expression import Grammar

_TOKENS = re.compile(r"\(|\)|\bAND\b|\bOR\b")
_SPDX = Grammar(both="AND", either="OR")


@dataclass(frozen=True, slots=True)
class Licenses:
    """Patterns of licences to take (none: all) and of those not to take, ``*`` is a wildcard."""

    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    _decided: dict[str | None, str | None] = field(default_factory=dict, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.taken or self.refused)

    def objection(self, license: str | None) -> str | None:
        """Why a record with this licence is not taken, None if it is."""
        if license not in self._decided:
            self._decided[license] = self._objection(license)
        return self._decided[license]

    def _objection(self, license: str | None) -> str | None:
        text = (license or "").strip()
        if not text:
            wanted = " ".join(self.taken)
            return f"licenses = {wanted}: its record names no licence" if self.taken else None
        if self.refused and not holds(text, lambda name: not self._matches(self.refused, name)):
            return f"exclude_licenses = {' '.join(self.refused)}: its licence is {text!r}"
        if not holds(text, self._takes):
            return f"licenses = {' '.join(self.taken)}: its licence is {text!r}"
        return None

    def _takes(self, name: str) -> bool:
        wanted = not self.taken or self._matches(self.taken, name)
        return wanted and not self._matches(self.refused, name)

    def _matches(self, patterns: tuple[str, ...], name: str) -> bool:
        # "X WITH exception" is matched by what matches X as well.
        names = {name.lower(), name.lower().partition(" with ")[0]}
        return any(_pattern(pattern).match(one) for pattern in patterns for one in names)


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.lower()))


def holds(text: str, takes: Callable[[str], bool]) -> bool:
    """Whether a licence expression holds, given which single licences do."""
    parts = [part.strip() for part in re.split(f"({_TOKENS.pattern})", text)]
    tokens = [part for part in parts if part]
    if not {"AND", "OR"} & set(tokens):
        return takes(_without_brackets(text))
    try:
        return _SPDX.holds(tokens, takes)
    except ValueError:
        return takes(text)


def _without_brackets(text: str) -> str:
    inner = text[1:-1].strip()
    if text.startswith("(") and text.endswith(")") and not set(inner) & set("()"):
        return inner
    return text
