"""Rollback: publish an older generation again, the one way in which the index goes back (I6).

A rollback holds: the indexer publishes nothing newer for what was already committed. It ends when
something new is committed (or local files change) after the newest generation, which publishes a
new generation as usual, or with ``release``, which publishes the newest generation again.
Shards that only the newer index names are linked into the older generation, as clients may use an
index for a day after they fetched it.
"""

from __future__ import annotations

from indexer.generations import generation, hold, shards
from indexer.generations.choice import before, named
from indexer.generations.hold import Hold
from indexer.story.index import Volumes
from volume import generations, locks
from volume.disk import files
from volume.errors import ConfigError, StateError
from volume.generations import Generation


def rollback(
    volumes: Volumes, channel: str, *, to: int | None = None, wait_seconds: float = 0.0
) -> Generation:
    """Publish generation ``to``, or the one before the published one; return it.

    Raises:
        ConfigError: there is no such generation.
        LockBusyError: somebody else holds the channel.
        VolumeError: a volume refuses.
    """
    mirror, state = volumes.mirror, volumes.state
    with locks.Held(
        state.channel_lock(channel), role="indexer's rollback", wait_seconds=wait_seconds
    ):
        generation.converge(mirror, state, channel)
        kept = generations.kept(state, channel)
        current = generations.current_number(mirror, channel)
        target = before(channel, kept, current) if to is None else named(channel, kept, to)
        if target.number == kept[-1].number:
            return _release(volumes, channel, target)
        _keep_shards_reachable(volumes, channel, target, current)
        hold.write(state, channel, Hold(target.number, kept[-1].number, volumes.clock()))
        _swap(volumes, channel, target)
        return target


def release(volumes: Volumes, channel: str, *, wait_seconds: float = 0.0) -> Generation:
    """End a rollback: publish the newest generation again, and return it.

    Raises:
        ConfigError: there is no generation.
        LockBusyError: somebody else holds the channel.
        VolumeError: a volume refuses.
    """
    mirror, state = volumes.mirror, volumes.state
    with locks.Held(
        state.channel_lock(channel), role="indexer's rollback", wait_seconds=wait_seconds
    ):
        generation.converge(mirror, state, channel)
        kept = generations.kept(state, channel)
        if not kept:
            raise ConfigError([f"{channel} has no generation yet"])
        return _release(volumes, channel, kept[-1])


def _release(volumes: Volumes, channel: str, newest: Generation) -> Generation:
    current = generations.current_number(volumes.mirror, channel)
    _keep_shards_reachable(volumes, channel, newest, current)
    hold.release(volumes.state, channel)
    _swap(volumes, channel, newest)
    return newest


def _keep_shards_reachable(
    volumes: Volumes, channel: str, target: Generation, current: int | None
) -> None:
    if current is None or current == target.number:
        return
    served = volumes.mirror.generation(channel, current)
    folder = volumes.mirror.generation(channel, target.number)
    for subdir in target.subdirs:
        missing = shards.names(served / subdir) - shards.names(folder / subdir)
        for name in sorted(missing):
            files.link(served / subdir / name, folder / subdir / name)
        if missing:
            files.sync_directory(folder / subdir)


def _swap(volumes: Volumes, channel: str, target: Generation) -> None:
    folder = volumes.mirror.generation(channel, target.number)
    if not folder.is_dir():
        raise StateError(f"{folder} is gone; choose another generation")
    files.swap_link(volumes.mirror.current(channel), folder.name)
