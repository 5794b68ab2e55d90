"""A sync may be stopped at any moment: nothing is broken then, and the next one makes it whole.

For each announced mutation of the volumes: a sync is stopped there, the invariants are checked on
what it left, a sync runs undisturbed, and its result is compared with that of a run that was never
stopped. Three stories are swept, each at every point by SIGKILL; other ways to die are sampled.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.mirror.crash import CrashRunner, Mode
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import (
    Volumes,
    broken_promises,
    copy_volumes,
    drop_generation,
    outcome,
    publish,
)
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

DAY = 86_400.0
TODAY = 20 * DAY


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    return memory_folder


@dataclass(frozen=True)
class Story:
    """Volumes at a moment when the next sync has something to do."""

    syncer: Syncer
    folder: Path
    unknown: frozenset[str] = frozenset()
    """Files in channels/ that the state volume lost its rows of."""

    def copy(self, folder: Path) -> Volumes:
        """The same volumes at another place, hard links included."""
        return copy_volumes(self.folder, folder)

    def environment(self, volumes: Volumes) -> dict[str, str]:
        return {
            **self.syncer.environment,
            "MIRROR_DIR": str(volumes.mirror_dir),
            "STATE_DIR": str(volumes.state_dir),
            # One worker, so that a point is (nearly) the same operation in every run.
            "SYNC_CONNECTIONS": "1",
            "CHECKPOINT_SIZE": "6kB",
        }


def made_ready(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Empty volumes beside an upstream."""
    folder = tmp_path / "story"
    volumes = Volumes(folder / "mirror", folder / "state")
    volumes.mirror_dir.mkdir(parents=True)
    volumes.state_dir.mkdir()
    return Story(Syncer(simulator, volumes), folder)


def first_sync(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Nothing is there yet."""
    story = made_ready(simulator, tmp_path)
    channel = simulator.channel("conda-forge")
    channel.publish(
        package("a", run_exports={"weak": ["a"]}),
        package("b", extension=".tar.bz2"),
        package("n", subdir="noarch"),
    )
    channel.publish(package("c", padding_bytes=4000), revision=3)
    channel.twin("linux-64", "a-1.0-0.conda", flags=["x"])
    return story


def lost_state(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Everything is there, but nothing is remembered of it."""
    story = first_sync(simulator, tmp_path)
    assert story.syncer.run().status == "success"
    shutil.rmtree(story.syncer.volumes.state_dir)
    return replace(story, unknown=frozenset(story.syncer.volumes.served()))


def busy_day(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Everything happens at once: see the last lines."""
    story = made_ready(simulator, tmp_path)
    syncer, volumes = story.syncer, story.syncer.volumes
    channel = simulator.channel("conda-forge")

    def sync(day: float) -> None:
        assert syncer.run(now=lambda: day * DAY).status == "success"
        assert broken_promises(volumes) == []

    def remove(*names: str) -> None:
        for name in names:
            channel.remove("linux-64", f"{name}-1.0-0.conda")

    stays = [package(f"stays{number}") for number in range(4)]
    leaving = ["expires", "moves", "removed", "same-back", "other-back"]
    others = [*leaving, "replaced", "twice", "settles", "hotfixed"]
    channel.publish(*stays, *(package(name) for name in others))
    sync(0)
    first = publish(volumes)
    remove("expires", "same-back", "other-back")
    channel.publish(package("settles", padding_bytes=10), package("twice", padding_bytes=10))
    sync(4)
    publish(volumes)
    sync(4)  # moves them
    drop_generation(volumes, first)
    remove("moves")
    sync(17)
    publish(volumes)
    # Today: an addition, a replacement, a second one, a hotfix, a removal, two that come back (one
    # with other bytes), two that revision 3 lists too or alone; a removed file to move, two to
    # delete, and a replacement to settle.
    with channel.editing():
        channel.publish(
            package("new", padding_bytes=4000),
            package("replaced", padding_bytes=10),
            package("twice", padding_bytes=20),
            package("same-back"),
            package("other-back", padding_bytes=10),
            package("n", subdir="noarch"),
        )
        channel.hotfix("linux-64", "hotfixed-1.0-0.conda", depends=["stays0"])
        channel.twin("linux-64", "stays1-1.0-0.conda", flags=["x"])
        channel.move_to_v3("linux-64", "stays2-1.0-0.conda")
        remove("removed")
    return story


STORIES: list[Callable[[ChannelSimulator, Path], Story]] = [first_sync, busy_day, lost_state]


class Sweep:
    """One story, stopped again and again."""

    def __init__(self, story: Story, runner: CrashRunner, folder: Path) -> None:
        self.story = story
        self.runner = runner
        self.folder = folder
        undisturbed = story.copy(folder)
        ended = runner.run(story.environment(undisturbed), now=TODAY)
        assert ended.status == "success"
        assert broken_promises(undisturbed) == []
        self.expected = outcome(undisturbed)
        self.announced = ended.announced

    def stop_at(self, *points: int, mode: Mode = "kill") -> None:
        """Stop a run at each of these points, one run after the other; then let one end."""
        volumes = self.story.copy(self.folder)
        environment = self.story.environment(volumes)
        where = []
        unknown = self.story.unknown
        for point in points:
            ended = self.runner.run(environment, now=TODAY, point=point, mode=mode)
            where.append(f"{mode} at {point}: {(ended.announced or ('nothing',))[-1]}")
            if len(ended.announced) <= point:
                assert ended.status == "success", where
            else:
                assert ended.status in {"ended with -9", "ended with 97", "raised"}, (where, ended)
            assert broken_promises(volumes, ignored=unknown) == [], where
        self._make_whole(volumes, environment, where)

    def _make_whole(self, volumes: Volumes, environment: dict[str, str], where: list[str]) -> None:
        assert broken_promises(volumes, ignored=self.story.unknown) == [], where
        again = self.runner.run(environment, now=TODAY)
        assert again.status == "success", (where, again)
        assert broken_promises(volumes) == [], where
        found = outcome(volumes)
        for key, value in self.expected.items():
            assert found[key] == value, (where, key)
        assert litter(volumes) == [], where

    def fail_at(self, point: int, mode: Mode, said: str) -> None:
        """Let the operation at a point fail; the run must say so, and the next one be whole."""
        volumes = self.story.copy(self.folder)
        environment = self.story.environment(volumes)
        ended = self.runner.run(environment, now=TODAY, point=point, mode=mode)
        where = f"{mode} at {point}: {ended.announced[-1]}"
        # Metrics never make a run fail: that they are stale is only logged.
        expected = "success" if self.announced[point].endswith("sync-metrics.json") else said
        assert expected in ended.status, (where, ended)
        self._make_whole(volumes, environment, [where])


def litter(volumes: Volumes) -> list[str]:
    """Temporary files that nobody would remove any more."""
    return [
        str(path)
        for root in (volumes.mirror_dir, volumes.state_dir)
        for path in root.rglob("*")
        if path.name.endswith((".tmp", ".part"))
    ]


@pytest.fixture(params=STORIES, ids=lambda story: story.__name__)
def sweep(
    request: pytest.FixtureRequest,
    simulator: ChannelSimulator,
    tmp_path: Path,
    runner: CrashRunner,
) -> Sweep:
    return Sweep(request.param(simulator, tmp_path), runner, tmp_path / "copy")


def test_a_sync_killed_at_any_point_breaks_nothing_and_is_made_whole(
    sweep: Sweep, record_property: Callable[[str, object], None]
) -> None:
    for point in range(len(sweep.announced)):
        sweep.stop_at(point)
    record_property("points", len(sweep.announced))
    print(f"swept {len(sweep.announced)} points by SIGKILL")


@pytest.mark.parametrize("mode", ["raise", "exit"])
def test_other_ways_to_die_are_no_worse(sweep: Sweep, mode: Mode) -> None:
    points = range(0, len(sweep.announced), 7)
    for point in points:
        sweep.stop_at(point, mode=mode)
    print(f"swept {len(points)} of {len(sweep.announced)} points by {mode}")


@pytest.mark.parametrize(
    ("mode", "said"),
    [("EIO", "reports an error"), ("ENOSPC", "is full"), ("EROFS", "mounted read-only")],
)
def test_a_disk_that_fails_at_any_point_is_named_and_breaks_nothing(
    sweep: Sweep, mode: Mode, said: str
) -> None:
    points = [point for point, line in enumerate(sweep.announced) if line.startswith("before ")][
        ::3
    ]
    for point in points:
        sweep.fail_at(point, mode, said)
    print(f"failed {len(points)} operations with {mode}")


def test_a_recovery_may_be_killed_too(sweep: Sweep) -> None:
    choose = random.Random(7)
    count = len(sweep.announced)
    for _ in range(8):
        sweep.stop_at(*(choose.randrange(count) for _ in range(3)))
    print("swept 8 triples of points by SIGKILL")


def test_a_busy_day_has_every_kind_of_mutation(
    simulator: ChannelSimulator, tmp_path: Path, runner: CrashRunner
) -> None:
    """What is not announced is not swept."""
    sweep = Sweep(busy_day(simulator, tmp_path), runner, tmp_path / "copy")
    kinds = {line.removeprefix("before ").partition(" /")[0] for line in sweep.announced}
    for kind in (
        "stage", "link", "rename", "unlink", "create", "write", "remove", "journal", "commit",
        "hotfix", "retire", "move retired", "expire", "settle", "settle run", "documents",
    ):  # fmt: skip
        assert kind in kinds
