"""How fast the mirror grows, and when its volume will be full. Pure but for reading the ledgers.

The rate comes from the history of the last thirty days. The first day of a channel is left out: it
is the first sync, which will not come again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from volume.ledger.ledger import Ledger

_DAY = 86400.0
_WINDOW_DAYS = 30.0
_SHORTEST_DAYS = 2.0  # a shorter past says nothing


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes by which a channel grew in ``days``."""

    size: int
    days: float


def measure(ledger: Ledger, now: float) -> Growth:
    """A channel's growth, from its history."""
    first = ledger.first_event()
    if first is None:
        return Growth(0, 0.0)
    since = max(first + _DAY, now - _WINDOW_DAYS * _DAY)
    return Growth(ledger.growth(since), max(0.0, (now - since) / _DAY))


def bytes_per_day(growths: Iterable[Growth]) -> float | None:
    """What all channels together grow by, or None if their past is too short to tell."""
    rates = [growth.size / growth.days for growth in growths if growth.days >= _SHORTEST_DAYS]
    return sum(rates) if rates else None


def full_on(rate: float | None, room: int, now: float) -> float | None:
    """When ``room`` bytes will be used up, in seconds since the epoch; None if never or unknown.

    Args:
        rate: bytes per day.
    """
    if rate is None or rate <= 0:
        return None
    return now + _DAY * max(0, room) / rate
