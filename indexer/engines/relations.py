"""``info.channel_relations``: which channels a channel builds on (CEP 42). Pure.

A client follows them unasked, so one that leads anywhere but to another channel of this mirror's
tree is left out: an absolute address, a path above the root, the channel itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from volume.errors import NameRefusedError
from volume.names import check_channel

KEY = "channel_relations"

_KINDS = ("base", "overrides")


def carried(value: Any, channel: str, refuse: Callable[[str], None]) -> dict[str, str]:
    """What of upstream's relations is carried; each thing that is not, is given to ``refuse``.

    Keys that later CEPs may add are not: clients must ignore them, and they may hold addresses.
    """
    if not isinstance(value, dict):
        refuse("it is no map")
        return {}
    found: dict[str, str] = {}
    for kind, reference in value.items():
        if kind not in _KINDS:
            refuse(f"{kind!a:.60} is no relation that is known")
        elif problem := relation_problem(channel, reference):
            refuse(f"{kind} {problem}")
        else:
            found[kind] = reference
    if are_one(channel, found):
        refuse("base and overrides are the same channel")
        return {}
    return found


def relation_problem(channel: str, reference: Any) -> str | None:
    """Why a channel's relation leads nowhere that a client may go, or None."""
    if not isinstance(reference, str) or not reference.startswith("../"):
        return f"is {reference!a:.80}, and no path that begins with ../"
    try:
        related = resolved(channel, reference)
    except NameRefusedError as error:
        return f"is {reference!a:.80}, which leads out of the tree of channels ({error})"
    return f"is {reference!a:.80}, the channel itself" if related == channel else None


def resolved(channel: str, reference: str) -> str:
    """The channel that a relation of another one means.

    Raises:
        NameRefusedError: it is above the root, or can't be a channel.
    """
    segments = channel.split("/")
    for segment in reference.rstrip("/").split("/"):
        if segment != "..":
            segments.append(segment)
        elif segments:
            segments.pop()
        else:
            raise NameRefusedError("it is above the root")
    return check_channel("/".join(segments))


def are_one(channel: str, found: dict[str, str]) -> bool:
    """Whether both relations are to the same channel, on which every client ends."""
    return (
        len(found) == len(_KINDS) and len({resolved(channel, one) for one in found.values()}) == 1
    )
