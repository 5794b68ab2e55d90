"""The outcome of a selection: what is wanted, left out and held, each with why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Reason(StrEnum):
    """The kinds, in the order in which they are looked at: the first that applies is given."""

    DENIED = "denied"
    EXCLUDED = "excluded"
    NOT_INCLUDED = "not included"
    PINNED = "built for another version of a pinned package"
    LICENSE = "licence"
    TOO_LARGE = "too large"
    TOO_OLD = "too old"
    TOO_NEW = "too new"
    COOLDOWN = "in its cooldown"
    OTHER_FORMAT = "the .conda of the same build is there"
    OLDER_VERSION = "an older version"
    OLDER_BUILD = "an older build"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why one artifact is left out. ``detail`` names the setting and the value that did it."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def day(moment: float) -> str:
    """A moment (seconds since the epoch) as its day in UTC."""
    try:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return "a date beyond the calendar"


ONLY_HERE = "on_demand = yes, and it is here"
"""Why something is wanted that nothing asks for, in a channel on demand."""


@dataclass(frozen=True, slots=True)
class SubdirSelection:
    """What is selected of one subdir, by filename.

    ``wanted`` says why; filenames that upstream does not list are in it too if ``keep`` names them.
    ``held`` says until when the cooldown holds the bytes that upstream lists now, in seconds since
    the epoch; a held artifact that is also wanted is here with other bytes, which stay.
    ``promised`` are listed and downloaded when somebody asks; None if it is not on demand.
    ``unused`` are those of all these that nobody asked for in PRUNE_UNUSED_DAYS, and nothing else
    needs.
    """

    wanted: Mapping[str, str]
    left_out: Mapping[str, LeftOut]
    held: Mapping[str, float]
    promised: Set[str] | None = None
    unused: Set[str] = frozenset()

    def promises(self, filename: str) -> bool:
        """Whether it is listed without being here."""
        return self.promised is not None and filename in self.promised


@dataclass(frozen=True, slots=True)
class Selected:
    """What is selected of a channel, by subdir, and what a person should know about the policy.

    ``emptied`` says why nothing at all is selected although upstream lists what is asked for.
    ``approved`` are those of ``--approve`` that match something that upstream lists.
    ``due`` is when a cooldown ends that environments wait for, in seconds since the epoch; 0 for
    none.
    """

    by_subdir: Mapping[str, SubdirSelection]
    warnings: tuple[str, ...]
    due: float = 0.0
    emptied: str = ""
    approved: frozenset[str] = frozenset()
