"""Parsers of settings' values. Pure.

Each takes the text that a person wrote and raises ValueError with the fact and the next step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volume.errors import NameRefusedError
from volume.names import check_subdir


def text(value: str) -> str:
    """Any text."""
    return value


def path(value: str) -> Path:
    """A path."""
    return Path(value)


def words(value: str) -> tuple[str, ...]:
    """Words separated by blanks or commas."""
    return tuple(word for word in re.split(r"[\s,]+", value) if word)


@dataclass(frozen=True)
class Words:
    """Parses a list: the words of a text, or the items of a TOML list, each once."""

    check: Callable[[str], str]
    split: Callable[[str], Sequence[str]] = words

    def __call__(self, value: str) -> tuple[str, ...]:
        return self.items(self.split(value))

    def items(self, values: Iterable[str]) -> tuple[str, ...]:
        """Check each item; all that are wrong are reported together."""
        found: dict[str, None] = {}
        problems: list[str] = []
        for value in values:
            try:
                found[self.check(value)] = None
            except (ValueError, NameRefusedError) as error:
                problems.append(str(error))
        if problems:
            raise ValueError("; ".join(problems))
        return tuple(found)


@dataclass(frozen=True)
class NamedLists:
    """Parses names with lists of values: ``python=3.11,3.12`` or a TOML table."""

    check: Callable[[str, tuple[str, ...]], tuple[str, ...]]

    def __call__(self, value: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        pairs = [word.partition("=") for word in value.split()]
        return self.table({name: values.split(",") for name, _, values in pairs})

    def table(self, values: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Check each entry."""
        found = []
        for name, listed in values.items():
            items = [listed] if isinstance(listed, str) else listed
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise ValueError(f"{name}: write a list of texts in quotes")
            found.append((name, self.check(name, tuple(item for item in items if item))))
        return tuple(found)


class _Subdirs(Words):
    def items(self, values: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*super().items(values), "noarch"]))


# Subdirs, each once, always with noarch.
subdirs = _Subdirs(check_subdir)


def yes_or_no(value: str) -> bool:
    """A switch."""
    if value.lower() in {"yes", "true", "on", "1"}:
        return True
    if value.lower() in {"no", "false", "off", "0"}:
        return False
    raise ValueError("write yes or no")


def number(low: float, high: float) -> Callable[[str], float]:
    """A number between two limits."""

    def parse(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError(f"write a number from {low:g} to {high:g}") from None
        if not low <= parsed <= high:
            raise ValueError(f"write a number from {low:g} to {high:g}")
        return parsed

    return parse


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A whole number between two limits."""

    def parse(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """One of a few words."""

    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"write one of: {', '.join(choices)}")
        return value.lower()

    return parse


_LARGEST = 2**62
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def size(value: str) -> int:
    """An amount of bytes such as ``500MB`` or ``10 GiB``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", value, re.IGNORECASE)
    if not match:
        raise ValueError("write an amount such as 500MB, 10GB or 10GiB")
    letter = match[2].upper()
    unit = 1024 ** " KMGT".index(letter) if match[3] and letter else _UNITS[letter]
    amount = float(match[1]) * unit
    if amount > _LARGEST:
        raise ValueError("write an amount such as 500MB, 10GB or 10GiB; no disk holds that much")
    return int(amount)
