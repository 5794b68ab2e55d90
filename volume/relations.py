"""``info.channel_relations``: which channels a channel builds on (CEP 42). Pure.

A channel may name one ``base``, searched before it, and one that it ``overrides``, searched after
it; each is a path from its own address. A client follows them unasked. So one that leads anywhere
but to another channel of this mirror's tree is left out of what is published: an absolute address,
a path above the root, the channel itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from volume.errors import NameRefusedError
from volume.names import check_channel

KEY = "channel_relations"
CARRIED = f"info.{KEY}"
"""The key among what the ledger carries of a subdir's repodata."""

_KINDS = ("base", "overrides")


@dataclass(frozen=True, slots=True)
class Relation:
    """What a channel says of another: ``kind`` is base or overrides, ``reference`` the path."""

    kind: str
    reference: str
    channel: str

    def __str__(self) -> str:
        verb = "builds on" if self.kind == "base" else "overrides"
        return f"it {verb} {self.channel} ({self.kind} {self.reference}, CEP 42)"


@dataclass(frozen=True, slots=True)
class Relations:
    """All relations of one channel, of whatever subdir, and what is wrong with others."""

    sound: tuple[Relation, ...] = ()
    problems: tuple[str, ...] = ()

    def missing(self, channels: set[str]) -> tuple[Relation, ...]:
        """Those to a channel that is not among ``channels``."""
        return tuple(one for one in self.sound if one.channel not in channels)


def read(channel: str, texts: Mapping[str, str]) -> Relations:
    """A channel's relations, from the JSON texts of ``channel_relations`` by subdir."""
    sound: dict[Relation, None] = {}
    problems: dict[str, None] = {}

    def refuse(why: str) -> None:
        problems[f"{KEY}: {why}; it is left out of what is published"] = None

    for _, text in sorted(texts.items()):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            refuse(f"it is no JSON ({error})")
            continue
        for kind, reference in carried(value, channel, refuse).items():
            sound[Relation(kind, reference, resolved(channel, reference))] = None
    return Relations(tuple(sound), tuple(problems))


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
    segments = _follow(channel.split("/"), reference)
    if segments is None:
        raise NameRefusedError("it is above the root")
    return check_channel("/".join(segments))


def are_one(channel: str, found: Mapping[str, str]) -> bool:
    """Whether both relations are to the same channel, on which every client ends."""
    return (
        len(found) == len(_KINDS) and len({resolved(channel, one) for one in found.values()}) == 1
    )


def beside(url: str, reference: str) -> str | None:
    """The address that a reference means to a channel at ``url``; None if it is above the host."""
    scheme, separator, rest = url.rstrip("/").partition("://")
    host, *segments = rest.split("/")
    followed = _follow(segments, reference)
    return None if followed is None else "/".join([f"{scheme}{separator}{host}", *followed])


def circle(all_of: Mapping[str, Relations]) -> tuple[str, ...] | None:
    """Channels whose relations lead back to where they began, in order, or None.

    Every client that meets them ends with an error (CEP 42).
    """
    before = {channel: sorted(_after(channel, found, all_of)) for channel, found in all_of.items()}
    done: set[str] = set()
    for start in sorted(before):
        path: list[str] = [start]
        pending: list[Iterator[str]] = [iter(before[start])]
        while pending:
            following = next(pending[-1], None)
            if following is None:
                pending.pop()
                done.add(path.pop())
            elif following in path:
                return (*path[path.index(following) :], following)
            elif following not in done:
                path.append(following)
                pending.append(iter(before.get(following, ())))
    return None


def _after(channel: str, found: Relations, all_of: Mapping[str, Relations]) -> set[str]:
    """Which channels are searched after this one, as this one and the others say."""
    own = {one.channel for one in found.sound if one.kind == "overrides"}
    theirs = {
        other
        for other, said in all_of.items()
        if any(one.kind == "base" and one.channel == channel for one in said.sound)
    }
    return own | theirs


def _follow(segments: list[str], reference: str) -> list[str] | None:
    found = list(segments)
    for segment in reference.rstrip("/").split("/"):
        if segment != "..":
            found.append(segment)
        elif found:
            found.pop()
        else:
            return None
    return found
