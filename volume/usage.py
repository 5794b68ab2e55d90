"""What the LAN asked for of late, as the page shows it: ``usage.json`` on the state volume.

The syncer writes it when it has counted requests; the indexer reads it. It holds no client's
address. Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from volume.disk import documents, typed
from volume.layout import State


@dataclass(frozen=True, slots=True)
class Asked:
    """A package that was asked for, in so many ``artifacts``; ``bytes`` were sent."""

    name: str = ""
    requests: int = 0
    bytes: int = 0
    artifacts: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Program:
    """A client program, as it calls itself."""

    program: str = ""
    requests: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ChannelUsage:
    """One channel: what was served of it, and what was asked for and is not here."""

    channel: str = ""
    is_mirrored: bool = False
    requests: int = 0
    bytes: int = 0
    used: tuple[Asked, ...] = ()
    missing: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """All channels over the last ``days``; ``since`` is when watching began."""

    since: float = 0.0
    days: int = 0
    channels: tuple[ChannelUsage, ...] = ()
    programs: tuple[Program, ...] = ()

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.channels)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.channels)


def read(state: State) -> Usage | None:
    """What was written last, or None if nothing was counted yet.

    Raises:
        StateError: it can't be read.
    """
    document = documents.read(state.usage_document)
    return None if document is None else typed.record(Usage, document)


def write(state: State, usage: Usage) -> None:
    """Write it. Only the syncer does.

    Raises:
        VolumeError: the state volume refused.
    """
    documents.write(state.usage_document, asdict(usage), is_durable=False)
