"""A run that publishes wheels may be stopped at any moment: what is published is whole then, and
the next run makes it what an undisturbed one would have made it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mirror.collection_sweep import CollectionSweep, Story
from tests.support.mirror.crash import CrashRunner, Mode
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import (
    DAY,
    Index,
    broken_wheels,
    listed,
    published,
    sdist,
    wheel,
)

TODAY = 20 * DAY
STAYS, GOES, LEAVES, COMES = wheel("stays"), wheel("goes"), wheel("leaves"), wheel("comes")


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    return memory_folder


def first_sync(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """The channel is here, the wheels are not."""
    volumes = Volumes(tmp_path / "story/mirror", tmp_path / "story/state")
    volumes.mirror_dir.mkdir(parents=True)
    volumes.state_dir.mkdir()
    index = Index(simulator)
    index.put(STAYS, sdist("source"))
    syncer = Syncer(simulator, volumes, index.settings)
    assert syncer.run(WHEELS="no", now=lambda: 0.0).status == "success"
    return Story(syncer, tmp_path / "story")


def busy_day(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """One comes, one leaves the index, one is due to go."""
    story = first_sync(simulator, tmp_path)
    index = Index(simulator)
    index.put(STAYS, GOES, LEAVES)
    assert story.syncer.run(now=lambda: 0.0).status == "success"
    index.put(STAYS, LEAVES)
    assert story.syncer.run(now=lambda: DAY).wheels[0].retired == 1
    index.put(STAYS, COMES)
    return story


def damage(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Something rotted; verify takes it out and a sync gets it again."""
    story = first_sync(simulator, tmp_path)
    assert story.syncer.run(now=lambda: 0.0).status == "success"
    path = story.folder / "mirror/pypi/current" / STAYS.place
    path.write_bytes(b"x" + STAYS.data[1:])
    return Story(story.syncer, story.folder, verify=True)


class Sweep(CollectionSweep):
    place = "pypi"
    now = TODAY

    def __init__(self, story: Story, runner: CrashRunner, folder: Path) -> None:
        super().__init__(story, runner, folder)
        assert self.expected[0]

    def outcome(self, volumes: Volumes) -> tuple[dict[str, bytes], dict[str, list[str]]]:
        return published(volumes.mirror_dir), listed(volumes.mirror_dir)

    def broken(self, volumes: Volumes) -> list[str]:
        return broken_wheels(volumes.mirror_dir)

    def is_rotten(self, volumes: Volumes) -> bool:
        return published(volumes.mirror_dir).get(STAYS.place, b"")[:1] == b"x"


@pytest.fixture(params=[first_sync, busy_day, damage], ids=lambda story: str(story.__name__))
def sweep(
    request: pytest.FixtureRequest,
    simulator: ChannelSimulator,
    tmp_path: Path,
    runner: CrashRunner,
) -> Sweep:
    story: Callable[[ChannelSimulator, Path], Story] = request.param
    return Sweep(story(simulator, tmp_path), runner, tmp_path / "copy")


def test_a_run_killed_at_any_point_leaves_whole_wheels(sweep: Sweep) -> None:
    begins = sweep.first
    for point in range(begins, len(sweep.announced)):
        sweep.stop_at(point)
    print(f"swept {len(sweep.announced) - begins} points by SIGKILL")


@pytest.mark.parametrize("mode", ["EIO", "ENOSPC", "raise"])
def test_other_trouble_is_no_worse(sweep: Sweep, mode: Mode) -> None:
    for point in range(sweep.first, len(sweep.announced), 4):
        sweep.stop_at(point, mode=mode)


def test_a_recovery_may_be_killed_too(sweep: Sweep) -> None:
    choose = random.Random(3)
    for _ in range(6):
        sweep.stop_at(*(choose.randrange(sweep.first, len(sweep.announced)) for _ in range(3)))


def test_a_busy_day_has_every_kind_of_mutation(
    simulator: ChannelSimulator, tmp_path: Path, runner: CrashRunner
) -> None:
    """What is not announced is not swept."""
    sweep = Sweep(busy_day(simulator, tmp_path), runner, tmp_path / "copy")
    assert sweep.kinds >= {"stage", "create", "link", "write", "swap", "remove", "unlink"}
    files, projects = sweep.expected
    assert set(files) == {STAYS.place, COMES.place, LEAVES.place}, "one left, one is on its way"
    assert set(projects) == {"stays", "comes"}
