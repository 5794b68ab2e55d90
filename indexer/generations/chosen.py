"""The generation that a person chose: to go back to it, to keep it, or to look at it.

A rollback is the one way in which the index goes back (I6), and it holds: the indexer publishes
nothing newer for what was already committed. It ends when something new is committed (or local
files change) after the newest generation, which publishes a new generation as usual, or with
``release``, which publishes the newest generation again. Shards that only the newer index names
are linked into the older generation, as clients may use an index for a day after they fetched it.

A pin keeps a generation, its snapshot and all that it lists, until it is released: the indexer does
not prune it, so the syncer, which deletes nothing that left the index after the oldest generation
that is kept, keeps what it lists.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from indexer.base.volumes import Volumes
from indexer.generations import generation, rolled_back, shards
from indexer.generations.rolled_back import Rollback
from volume import generations, locks
from volume.disk import files
from volume.errors import ConfigError, StateError
from volume.generations import Generation


def named(channel: str, kept: Sequence[Generation], name: str | int) -> Generation:
    """The kept generation of this number, or with this snapshot.

    Raises:
        ConfigError: there is none.
    """
    for one in kept:
        if str(name) in {str(one.number), one.snapshot}:
            return one
    shown = ", ".join(str(one.number) for one in kept) or "none"
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
    with _kept(volumes, channel, "indexer's pin", wait_seconds) as kept:
        wanted = generations.current_number(volumes.mirror, channel) if name is None else name
        if wanted is None:
            raise ConfigError([f"{channel} has no generation yet"])
        chosen = named(channel, kept, wanted)
        changed = replace(chosen, pinned=not release)
        if changed != chosen:
            generations.write(volumes.mirror, channel, changed)
        return changed


def rollback(
    volumes: Volumes, channel: str, *, to: int | None = None, wait_seconds: float = 0.0
) -> Generation:
    """Publish generation ``to``, or the one before the published one; return it.

    Raises:
        ConfigError: there is no such generation.
        LockBusyError: somebody else holds the channel.
        VolumeError: a volume refuses.
    """
    with _kept(volumes, channel, "indexer's rollback", wait_seconds) as kept:
        current = generations.current_number(volumes.mirror, channel)
        target = before(channel, kept, current) if to is None else named(channel, kept, to)
        if target.number == kept[-1].number:
            return _release(volumes, channel, target)
        _keep_shards_reachable(volumes, channel, target, current)
        rolled_back.write(
            volumes.mirror, channel, Rollback(target.number, kept[-1].number, volumes.clock())
        )
        _swap(volumes, channel, target)
        return target


def release(volumes: Volumes, channel: str, *, wait_seconds: float = 0.0) -> Generation:
    """End a rollback: publish the newest generation again, and return it.

    Raises:
        ConfigError: there is no generation.
        LockBusyError: somebody else holds the channel.
        VolumeError: a volume refuses.
    """
    with _kept(volumes, channel, "indexer's rollback", wait_seconds) as kept:
        if not kept:
            raise ConfigError([f"{channel} has no generation yet"])
        return _release(volumes, channel, kept[-1])


@contextlib.contextmanager
def _kept(
    volumes: Volumes, channel: str, role: str, wait_seconds: float
) -> Iterator[list[Generation]]:
    """The channel's generations, under its lock."""
    lock = volumes.state.channel_lock(channel)
    with locks.Held(lock, role=role, wait_seconds=wait_seconds):
        generation.converge(volumes.mirror, channel)
        yield generations.kept(volumes.mirror, channel)


def _release(volumes: Volumes, channel: str, newest: Generation) -> Generation:
    current = generations.current_number(volumes.mirror, channel)
    _keep_shards_reachable(volumes, channel, newest, current)
    rolled_back.release(volumes.mirror, channel)
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
