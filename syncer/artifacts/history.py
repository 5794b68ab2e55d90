"""The history of what entered and left: ``syncer history``. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from syncer.settings.policy import approved_in
from syncer.settings.settings import Settings
from volume.layout import State
from volume.ledger.artifact import Event
from volume.ledger.ledger import Ledger
from volume.program.durations import moment
from volume.program.sizes import amount


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
