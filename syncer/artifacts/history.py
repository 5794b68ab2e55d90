"""The history of what entered and left, and how fast the mirror grows by it. Reads only.

The rate of growth is that of the last thirty days. The first day of a channel is left out: it is
the first sync, which will not come again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from syncer.settings.policy import approved_in
from syncer.settings.settings import Settings
from volume.layout import State
from volume.ledger.artifact import Event
from volume.ledger.ledger import Ledger
from volume.program.durations import moment
from volume.program.sizes import amount

_DAY = 86400.0
_WINDOW_DAYS = 30.0
_SHORTEST_DAYS = 2.0  # a shorter past says nothing


def events(settings: Settings, pattern: str, since: float) -> Iterator[tuple[str, Event]]:
    """(channel, event) of every mirrored channel, in order.

    Raises:
        StateError: a ledger can't be read.
    """
    state = State(settings.state_dir)
    for channel in settings.channels:
        ledger = Ledger.read(state.ledger(channel))
        if ledger is not None:
            with ledger:
                for event in ledger.history(pattern, since=since):
                    yield channel, event


def describe(channel: str, event: Event) -> str:
    """One event, for people."""
    text = (
        f"{moment(event.moment)}  {event.event:<8}  {channel}/{event.subdir}/{event.filename}"
        f"  {amount(event.size)}  sha256 {event.sha256[:16]}"
    )
    if event.event == "entered" and event.source:
        text += f"  from {event.source}"
    approved = "".join(f", --approve {one}" for one in approved_in(event.policy))
    return f"{text}  (run of {event.run}{approved})" if event.run else text


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
