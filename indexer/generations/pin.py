"""The pin: what keeps a generation, its snapshot and all that it lists, until it is released.

Guaranteed: the indexer does not prune a pinned generation, so the syncer, which deletes nothing
that left the index after the oldest generation that is kept, keeps what it lists.
"""

from __future__ import annotations

from dataclasses import replace

from indexer.generations import generation
from indexer.generations.choice import named
from indexer.story.index import Volumes
from volume import generations, locks
from volume.errors import ConfigError
from volume.generations import Generation


def pin(
    volumes: Volumes,
    channel: str,
    name: str | None = None,
    *,
    release: bool = False,
    wait_seconds: float = 0.0,
) -> Generation:
    """Pin the generation of this name, or the published one; return it as it is now.

    Args:
        release: end a pin instead; the next publication prunes what is too old then.

    Raises:
        ConfigError: there is no such generation.
        LockBusyError: somebody else holds the channel.
        VolumeError: a volume refuses.
    """
    mirror, state = volumes.mirror, volumes.state
    with locks.Held(state.channel_lock(channel), role="indexer's pin", wait_seconds=wait_seconds):
        generation.converge(mirror, state, channel)
        kept = generations.kept(state, channel)
        wanted = generations.current_number(mirror, channel) if name is None else name
        if wanted is None:
            raise ConfigError([f"{channel} has no generation yet"])
        chosen = named(channel, kept, wanted)
        changed = replace(chosen, pinned=not release)
        if changed != chosen:
            generations.write(state, channel, changed)
        return changed
