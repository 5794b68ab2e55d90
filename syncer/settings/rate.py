"""How many bytes per second may be transferred, by the time of day. Pure.

``2MB 08:00-18:00 500KB 22:00-06:00 unlimited`` is a rate and then, as often as needed, a window and
the rate in it. The first rate holds outside of all windows. A window may cross midnight; where two
overlap the later one in the text holds. Times are local (TZ), on the clock on the wall: when it is
changed, windows move with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from volume.program.parsers import size

_UNLIMITED = "unlimited"
# Less than this, shared by all connections, and upstreams would take each of them for dead.
SLOWEST = 64_000
_WINDOW = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")
_SPACED_UNIT = re.compile(r"(\d) +([KMGT]i?B?(?:/s)?)\b", re.IGNORECASE)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day, in minutes since midnight; ``rate`` in bytes per second or None."""

    begin: int
    end: int
    rate: int | None

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day is in it."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Bytes per second, None for unlimited, and the windows in which it is another."""

    usual: int | None = None
    windows: tuple[Window, ...] = ()

    @property
    def is_unlimited(self) -> bool:
        """Whether there never is a limit."""
        return self.slowest is None

    @property
    def slowest(self) -> int | None:
        """The lowest rate of the day."""
        rates = [self.usual, *(window.rate for window in self.windows)]
        return min((rate for rate in rates if rate is not None), default=None)

    def at(self, minute: int) -> int | None:
        """Bytes per second in a minute of the day."""
        for window in reversed(self.windows):
            if window.holds(minute):
                return window.rate
        return self.usual

    def __str__(self) -> str:
        words = [_shown(self.usual)]
        for window in self.windows:
            words += [f"{_clock(window.begin)}-{_clock(window.end)}", _shown(window.rate)]
        return " ".join(words)


def parse(text: str) -> RateLimit:
    """Understand a rate and its windows.

    Raises:
        ValueError: with the fact and an example.
    """
    first, *rest = _SPACED_UNIT.sub(r"\1\2", text).split()
    if _WINDOW.fullmatch(first):
        raise ValueError(f"begin with the usual rate, such as: unlimited {text}")
    usual = _rate(first)
    windows = []
    for position in range(0, len(rest), 2):
        window = _WINDOW.fullmatch(rest[position])
        if window is None:
            raise ValueError(f"{rest[position]!r} is not a part of the day, such as 22:00-06:00")
        if position + 1 == len(rest):
            raise ValueError(f"write a rate behind {rest[position]}, such as unlimited")
        begin = int(window[1]) * 60 + int(window[2])
        end = int(window[3]) * 60 + int(window[4])
        if max(begin, end) > _DAY or begin % _DAY == end % _DAY:
            raise ValueError(f"{rest[position]!r} is not a part of the day, such as 22:00-06:00")
        windows.append(Window(begin % _DAY, end % _DAY, _rate(rest[position + 1])))
    return RateLimit(usual, tuple(windows))


def _rate(word: str) -> int | None:
    if word.lower() == _UNLIMITED:
        return None
    try:
        found = size(word.removesuffix("/s"))
    except ValueError:
        raise ValueError(
            f"{word!r} is not a rate: write bytes per second such as 10MB, or unlimited"
        ) from None
    if found < SLOWEST:
        raise ValueError(
            f"{word!r} is less than {SLOWEST // 1000}KB per second, on which connections starve;"
            " to sync at certain times only, set SYNC_SCHEDULE"
        )
    return found


def _shown(rate: int | None) -> str:
    if rate is None:
        return _UNLIMITED
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if rate % unit == 0:
            return f"{rate // unit}{letter}B"
    return f"{rate}B"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
