"""What the settings say of each other and can't all hold: channels, environments, specs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syncer.conda.matchspec import channel_of, is_channel
from syncer.settings.policy import Environment

if TYPE_CHECKING:
    from syncer.settings.settings import Settings

_SPEC_KEYS = ("include", "exclude", "deny", "keep", "cooldown_exempt", "canary")


def problems(settings: Settings, own: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What can't be meant.

    Args:
        own: what mirror.toml says of single channels, by field name.
    """
    found = [line for one in settings.environments for line in _of_environment(settings, one)]
    for key in _SPEC_KEYS:
        found += _of_common_specs(settings, key)
        for channel, values in own.items():
            found += _of_own_specs(channel, key, values.get(key, ()))
    return found


def _of_environment(settings: Settings, environment: Environment) -> Iterator[str]:
    where = f"mirror.toml: environment {environment.name}"
    known = [name for name in environment.channels if name in settings.policies]
    for channel in environment.channels:
        if channel not in known:
            yield (f'{where}: {channel} is not mirrored; add it to CHANNELS or as [channels."..."]')
    for subdir in environment.subdirs if known else ():
        if not any(subdir in settings.policies[channel].subdirs for channel in known):
            yield (
                f"{where}: {subdir} is mirrored of none of its channels; write subdirs = [...] for"
                " the environment, or for a channel"
            )


def _of_common_specs(settings: Settings, key: str) -> Iterator[str]:
    """Specs for all channels may name one of them."""
    for spec in getattr(settings, key):
        named = channel_of(spec)
        if named and not any(is_channel(channel, named) for channel in settings.channels):
            yield (
                f"{key.upper()}: {spec} is for channel {named}, which is not mirrored; mirrored"
                f" are {', '.join(settings.channels)}"
            )


def _of_own_specs(channel: str, key: str, specs: tuple[str, ...]) -> Iterator[str]:
    for spec in specs:
        named = channel_of(spec)
        if named and not is_channel(channel, named):
            yield (
                f"mirror.toml [channels.{channel}]: {key}: {spec} is for channel {named}, so"
                f" nothing here can match; write it below [channels.{named}]"
            )
