"""Why an artifact is not selected: the kind for counting, the words for people. Pure."""

from __future__ import annotations

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
    TWIN = "the .conda of the same build is there"
    OLDER_VERSION = "an older version"
    OLDER_BUILD = "an older build"


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
