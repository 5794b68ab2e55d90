"""The choice of a generation: how people name one, and which they mean when they name none."""

from __future__ import annotations

from collections.abc import Sequence

from volume.errors import ConfigError
from volume.generations import Generation


def named(channel: str, kept: Sequence[Generation], name: str | int) -> Generation:
    """The kept generation of this number, or with this snapshot.

    Raises:
        ConfigError: there is none.
    """
    for generation in kept:
        if str(name) in {str(generation.number), generation.snapshot}:
            return generation
    shown = ", ".join(str(generation.number) for generation in kept) or "none"
    raise ConfigError([f"{channel} has no generation {name}; it keeps: {shown}"])


def before(channel: str, kept: Sequence[Generation], number: int | None) -> Generation:
    """The newest one that is older than ``number``.

    Raises:
        ConfigError: there is none.
    """
    older = [one for one in kept if number is not None and one.number < number]
    if not older:
        than = "the published one" if number is None else f"{number}"
        raise ConfigError([f"{channel} has no generation older than {than}"])
    return older[-1]
