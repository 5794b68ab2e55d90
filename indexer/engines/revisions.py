"""``info.repodata_revisions``: what a document says of the revisions that it has (CEP 48). Pure.

Upstream's ``message`` and keys that nobody here knows are carried. What is counted is counted anew,
for the document that says it, as a selection has other records than upstream, and each variant
others than the next: so counts that lie, or are missing, come out right. A revision that nothing
here knows (``v4``) keeps its message, which may ask for a newer client, and counts no records, as
none are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from volume.sections import V3

KEY = "repodata_revisions"
LONGEST_MESSAGE = 8192
"""Bytes of a ``message``, by the CEP."""

_NAME = re.compile(r"v([3-9]|[1-9][0-9]+)")
_COUNTED = ("n_packages", "oldest", "newest")

Revisions = dict[str, dict[str, Any]]
"""By name, such as ``v3``."""


@dataclass(slots=True)
class Tally:
    """Records of revision 3 in a document, and the ``indexed_timestamp`` of its oldest and newest.

    In milliseconds; None where no record has one (CEP 47).
    """

    records: int = 0
    oldest: int | None = None
    newest: int | None = None

    def add(self, indexed: int | None) -> None:
        """Count a record."""
        self.records += 1
        if indexed is not None:
            self.oldest = indexed if self.oldest is None else min(self.oldest, indexed)
            self.newest = indexed if self.newest is None else max(self.newest, indexed)


def carried(value: Any, refuse: Callable[[str], None]) -> Revisions:
    """What of upstream's revisions is carried; each thing that is not, is given to ``refuse``.

    py-rattler takes no document whose revisions are no map: conda-index 0.12 wrote a list.
    """
    if not isinstance(value, dict):
        refuse("it is no map of revisions by name")
        return {}
    found: Revisions = {}
    for name, said in value.items():
        if not _NAME.fullmatch(name):
            refuse(f"{name!a:.60} is no revision")
        elif not isinstance(said, dict):
            refuse(f"{name:.60} is no map")
        else:
            found[name] = {key: said[key] for key in said if key not in _COUNTED}
            message = said.get("message")
            if problem := message_problem(message):
                refuse(f"the message of {name:.60} {problem}")
                del found[name]["message"]
    return found


def message_problem(message: Any) -> str | None:
    """What is wrong with a ``message``, if anything."""
    if message is None:
        return None
    if not isinstance(message, str):
        return "is no text"
    size = len(message.encode(errors="replace"))
    return (
        None
        if size <= LONGEST_MESSAGE
        else f"has {size:,} bytes, and {LONGEST_MESSAGE:,} are the most"
    )


def counted(found: Mapping[str, Mapping[str, Any]], tally: Tally) -> Revisions:
    """What a document with these records says; nothing if there is nothing to say."""
    made: Revisions = {name: {**said, "n_packages": 0} for name, said in found.items()}
    if tally.records:
        times = {"oldest": tally.oldest, "newest": tally.newest}
        made[V3] = {
            **found.get(V3, {}),
            "n_packages": tally.records,
            **{key: time for key, time in times.items() if time is not None},
        }
    return made
