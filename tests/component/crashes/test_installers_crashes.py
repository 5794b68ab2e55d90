"""A run that publishes installers may be stopped at any moment: what is published is whole then,
and the next run makes it what an undisturbed one would have made it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mirror.collection_sweep import CollectionSweep, Story
from tests.support.mirror.crash import CrashRunner, Mode
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.installers import (
    LATEST,
    NEW,
    OLD,
    Folder,
    broken_installers,
    content,
    published,
)
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

DAY = 86_400.0
TODAY = 20 * DAY
NEWER = "Miniconda3-py312_25.1.0-0-Linux-x86_64.sh"


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    return memory_folder


def first_sync(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Two names of one content and another content, none of them here."""
    volumes = Volumes(tmp_path / "story/mirror", tmp_path / "story/state")
    volumes.mirror_dir.mkdir(parents=True)
    volumes.state_dir.mkdir()
    simulator.channel("conda-forge").publish(package("zlib"))
    syncer = Syncer(simulator, volumes, {"INSTALLERS": "miniconda", "INSTALLER_NEWEST": "0"})
    assert syncer.run(INSTALLERS="", now=lambda: 0.0).status == "success"
    folder = Folder(simulator)
    folder.put(**{OLD: content("old"), NEW: content("new"), LATEST: content("new")})
    folder.list_json()
    return Story(syncer, tmp_path / "story")


def busy_day(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """One comes, one changes, one is due to go."""
    story = first_sync(simulator, tmp_path)
    folder = Folder(simulator)
    folder.put(**{NEW: content("new"), LATEST: content("new")})
    assert story.syncer.run(now=lambda: 0.0).status == "success"
    folder.list_json()
    assert story.syncer.run(now=lambda: DAY).installers[0].retired == 1
    folder.put(**{NEWER: content("newer"), LATEST: content("newer")})
    folder.list_json()
    return story


def damage(simulator: ChannelSimulator, tmp_path: Path) -> Story:
    """Something rotted; verify takes it out and a sync gets it again."""
    story = first_sync(simulator, tmp_path)
    assert story.syncer.run(now=lambda: 0.0).status == "success"
    path = story.folder / "mirror/installers/miniconda/current" / OLD
    path.write_bytes(b"x" + path.read_bytes()[1:])
    return Story(story.syncer, story.folder, verify=True)


class Sweep(CollectionSweep):
    place = "installers/miniconda"
    now = TODAY

    def __init__(self, story: Story, runner: CrashRunner, folder: Path) -> None:
        super().__init__(story, runner, folder)
        assert self.expected

    def outcome(self, volumes: Volumes) -> dict[str, bytes]:
        return published(volumes.mirror_dir)

    def broken(self, volumes: Volumes) -> list[str]:
        return broken_installers(volumes.mirror_dir)

    def is_rotten(self, volumes: Volumes) -> bool:
        return published(volumes.mirror_dir).get(OLD, b"") == b"x" + content("old")[1:]


@pytest.fixture(params=[first_sync, busy_day, damage], ids=lambda story: str(story.__name__))
def sweep(
    request: pytest.FixtureRequest,
    simulator: ChannelSimulator,
    tmp_path: Path,
    runner: CrashRunner,
) -> Sweep:
    story: Callable[[ChannelSimulator, Path], Story] = request.param
    return Sweep(story(simulator, tmp_path), runner, tmp_path / "copy")


def test_a_run_killed_at_any_point_leaves_whole_installers(sweep: Sweep) -> None:
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
    assert OLD not in sweep.expected
