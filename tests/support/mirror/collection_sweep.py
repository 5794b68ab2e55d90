"""Runs that publish a collection (installers, wheels), stopped at any moment.

Guaranteed: after each stop what is published is whole, and the next run makes it what an
undisturbed one would have made it, with nothing left over.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.mirror.crash import CrashRunner, Mode
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes, copy_volumes


@dataclass(frozen=True)
class Story:
    """Volumes at a moment when the next run has something to do with a collection."""

    syncer: Syncer
    folder: Path
    verify: bool = False

    def copy(self, folder: Path) -> Volumes:
        """The same volumes at another place, hard links included."""
        return copy_volumes(self.folder, folder)

    def environment(self, volumes: Volumes) -> dict[str, str]:
        return {
            **self.syncer.environment,
            "MIRROR_DIR": str(volumes.mirror_dir),
            "STATE_DIR": str(volumes.state_dir),
            "SYNC_CONNECTIONS": "1",
        }


class CollectionSweep(ABC):
    """One story, stopped again and again. ``place`` is the collection's folder on the mirror."""

    place: str
    now: float

    def __init__(self, story: Story, runner: CrashRunner, folder: Path) -> None:
        self.story, self.runner, self.folder = story, runner, folder
        volumes = story.copy(folder)
        environment = story.environment(volumes)
        ended = runner.run(environment, now=self.now, verify=story.verify)
        assert ended.status == "success"
        self.announced = ended.announced
        self.expected = self.outcome(volumes)
        assert self.broken(volumes) == []

    @abstractmethod
    def outcome(self, volumes: Volumes) -> Any:
        """What is published, to compare."""

    @abstractmethod
    def broken(self, volumes: Volumes) -> list[str]:
        """What of it is not whole."""

    @abstractmethod
    def is_rotten(self, volumes: Volumes) -> bool:
        """Whether the damage that the story begins with is still there."""

    @property
    def mutations(self) -> dict[int, str]:
        """What is announced of the collection, by its point; the rest is swept elsewhere."""
        top = f"/{self.place.partition('/')[0]}/"
        return {point: line for point, line in enumerate(self.announced) if top in line}

    @property
    def first(self) -> int:
        """Where the collection's part begins."""
        return min(self.mutations)

    @property
    def kinds(self) -> set[str]:
        """Which kinds of mutations the collection has."""
        return {line.removeprefix("before ").partition(" /")[0] for line in self.mutations.values()}

    def stop_at(self, *points: int, mode: Mode = "kill") -> None:
        volumes = self.story.copy(self.folder)
        environment = self.story.environment(volumes)
        where = []
        for point in points:
            ended = self.runner.run(
                environment, now=self.now, point=point, mode=mode, verify=self.story.verify
            )
            where.append(f"{mode} at {point}: {(ended.announced or ('nothing',))[-1]}")
            if mode == "kill" and len(ended.announced) > point:
                assert ended.status == "ended with -9", (where, ended)
            # Damage that the story begins with is none of the run's doing.
            assert self.is_rotten(volumes) or self.broken(volumes) == [], where
        again = self.runner.run(environment, now=self.now, verify=self.story.verify)
        assert again.status == "success", (where, again)
        if self.story.verify:  # a repair that was stopped goes on with the next sync
            assert self.runner.run(environment, now=self.now).status == "success", where
        assert self.outcome(volumes) == self.expected, where
        assert self.broken(volumes) == [], where
        collection = volumes.mirror_dir / self.place
        assert len(list(collection.iterdir())) == 2, (where, "a generation and the link to it")
        staging = volumes.mirror_dir / "staging" / self.place
        assert not staging.exists() or list(staging.iterdir()) == [], where
