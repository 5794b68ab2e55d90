"""Channels that a mirrored channel builds on: whether they are mirrored too (CEP 42). Pure.

A client follows ``channel_relations`` of what it reads here to the same path on this mirror: what
is not here is a 404 there, and what it builds on is missing to every solve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncer.settings.address import bare
from syncer.settings.settings import Settings
from volume import relations
from volume.ledger.ledger import Ledger
from volume.relations import Relation, Relations


def of_ledger(channel: str, ledger: Ledger) -> Relations:
    """What is committed of a channel's relations."""
    return relations.read(channel, ledger.said_of(relations.CARRIED))


def of_indexes(channel: str, other_keys: Mapping[str, Mapping[str, str]]) -> Relations:
    """What upstream says now, given what stands beside the records, by subdir."""
    texts = {
        subdir: keys[relations.CARRIED]
        for subdir, keys in other_keys.items()
        if relations.CARRIED in keys
    }
    return relations.read(channel, texts)


@dataclass(frozen=True, slots=True)
class Missing:
    """That a channel is not mirrored on which another builds, and what to do."""

    fact: str
    step: str


def missing(settings: Settings, channel: str, found: Relations) -> list[Missing]:
    """The channels that one builds on, or overrides, and that are not mirrored."""
    return [
        Missing(
            f"{one}, which is not mirrored",
            f"add {_word(settings, channel, one)} to CHANNELS",
        )
        for one in found.missing({*settings.channels})
    ]


def notes(settings: Settings, channel: str, found: Relations) -> list[str]:
    """What a person should know of a channel's relations, each with the next step."""
    gaps = missing(settings, channel, found)
    return [*found.problems, *(f"{one.fact}: {one.step}" for one in gaps)]


def circle_note(all_of: Mapping[str, Relations]) -> str | None:
    """That relations lead in a circle, if they do."""
    circle = relations.circle(all_of)
    if circle is None:
        return None
    return f"channel_relations lead in a circle, on which clients end: {' -> '.join(circle)}"


def _word(settings: Settings, channel: str, one: Relation) -> str:
    """The word of CHANNELS for the channel that is missing: with an address if it needs its own."""
    if not settings.policy(channel).upstreams:
        return one.channel
    url = relations.beside(bare(settings.channel_urls(channel)[0]), one.reference)
    return one.channel if url is None else f"{one.channel}={url}"
