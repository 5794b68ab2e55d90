"""Which artifacts the mirror wants: package names with ``*`` as a wildcard. Pure.

An empty include list wants everything; exclude always wins.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Selection:
    """Names to include and to exclude, such as ``numpy`` or ``lib*``."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    _decided: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    def wants(self, name: str) -> bool:
        """Whether packages of this name are wanted."""
        decided = self._decided.get(name)
        if decided is None:
            included = not self.include or _matches(self.include, name)
            decided = included and not _matches(self.exclude, name)
            self._decided[name] = decided
        return decided

    @property
    def fingerprint(self) -> str:
        """Changes when the selection does."""
        return f"include={sorted(self.include)} exclude={sorted(self.exclude)}"


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


_PATTERN = re.compile(r"[A-Za-z0-9_.*-]+")


def check_pattern(pattern: str) -> str:
    """Return ``pattern`` if it is a package name, with or without ``*``.

    Raises:
        ValueError: it contains anything else.
    """
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{pattern!r} is not a package name: letters, digits, '-', '_', '.' and '*' as wildcard"
        )
    return pattern
