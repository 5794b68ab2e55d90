"""What lies beside artifacts: a sync, and a repair, may be stopped at any point."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.component.crashes.test_crash_sweep import DAY, Story, Sweep, made_ready
from tests.support.mirror.crash import CrashRunner, Mode
from tests.support.mirror.tree import drop_generation, publish
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

ONE, TWO, THREE = b'[{"one": 1}]', b'[{"one": 1}, {"two": 2}]', b'[{"one": 1}, {"three": 3}]'


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    return memory_folder


def sign(channel: Channel, one: Package, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    channel.put_artifact(one.subdir, f"{one.filename}.sigs.{digest}", data)
    channel.hotfix(one.subdir, one.filename, attestations_sha256=digest)


def first_sync(simulator: ChannelSimulator, folder: Path) -> Story:
    """Nothing is there yet; one is asked for that no record promises."""
    story = made_ready(simulator, folder)
    story.syncer.environment["SIDECARS"] = "probe"
    channel = simulator.channel("conda-forge")
    a, b, c = package("a"), package("b", padding_bytes=7000), package("c")
    channel.publish(a, b, c)
    sign(channel, a, ONE)
    sign(channel, b, TWO)
    channel.put_artifact("linux-64", f"{c.filename}.v0.sigs", ONE)
    return story


def another_day(simulator: ChannelSimulator, folder: Path) -> Story:
    """Attestations are added, of old and of new bytes; one artifact's time is over."""
    story = made_ready(simulator, folder)
    syncer, volumes = story.syncer, story.syncer.volumes
    channel = simulator.channel("conda-forge")
    stays = [package(f"stays{number}") for number in range(4)]
    later, again, leaves = package("later"), package("again"), package("leaves")
    replaced = package("replaced")
    channel.publish(*stays, later, again, leaves, replaced)
    for one in (again, leaves, replaced):
        sign(channel, one, ONE)
    assert syncer.run(now=lambda: 0.0).status == "success"
    first = publish(volumes)
    channel.remove("linux-64", leaves.filename)
    assert syncer.run(now=lambda: DAY).status == "success"
    publish(volumes)
    assert syncer.run(now=lambda: DAY).status == "success"
    drop_generation(volumes, first)
    with channel.editing():
        sign(channel, later, TWO)
        sign(channel, again, THREE)
        other = package("replaced", padding_bytes=10)
        channel.publish(other, package("new"))
        sign(channel, other, TWO)
    return story


def lost_state(simulator: ChannelSimulator, folder: Path) -> Story:
    """Everything is there, and nothing is known of it."""
    story = another_day(simulator, folder)
    assert story.syncer.run().status == "success"
    publish(story.syncer.volumes)
    shutil.rmtree(story.syncer.volumes.state_dir)
    return replace(story, unknown=frozenset(story.syncer.volumes.served()))


def strange_files(simulator: ChannelSimulator, folder: Path) -> Story:
    """Some are gone, and one is nobody's."""
    story = another_day(simulator, folder)
    assert story.syncer.run().status == "success"
    files = story.syncer.volumes.mirror_dir / "sidecars/conda-forge/linux-64"
    digest = hashlib.sha256(TWO).hexdigest()
    gone = (f"later-1.0-0.conda.sigs.{digest}", "again-1.0-0.conda.sigs")
    for name in gone:
        (files / name).unlink()
    (files / "nobody-1.0-0.conda.sigs").write_bytes(ONE)
    return replace(story, unknown=frozenset(f"linux-64/{name}" for name in gone))


STORIES: list[Callable[[ChannelSimulator, Path], Story]] = [
    first_sync, another_day, lost_state, strange_files,
]  # fmt: skip


@pytest.fixture(params=STORIES, ids=lambda story: story.__name__)
def sweep(
    request: pytest.FixtureRequest,
    simulator: ChannelSimulator,
    tmp_path: Path,
    runner: CrashRunner,
) -> Sweep:
    return Sweep(request.param(simulator, tmp_path), runner, tmp_path / "copy")


def points_of(sweep: Sweep) -> list[int]:
    """Those at which something happens to a sidecar, and those beside them."""
    found = {
        point + beside
        for point, line in enumerate(sweep.announced)
        if "sidecar" in line
        for beside in (-1, 0, 1)
    }
    assert found
    return sorted(found & set(range(len(sweep.announced))))


def test_a_sync_killed_at_any_point_is_made_whole(sweep: Sweep) -> None:
    points = points_of(sweep)
    for point in points:
        sweep.stop_at(point)
    print(f"swept {len(points)} of {len(sweep.announced)} points by SIGKILL")


@pytest.mark.parametrize(
    ("mode", "said"),
    [("EIO", "reports an error"), ("ENOSPC", "is full"), ("EROFS", "mounted read-only")],
)
def test_a_disk_that_fails_is_named_and_breaks_nothing(sweep: Sweep, mode: Mode, said: str) -> None:
    points = [p for p in points_of(sweep) if sweep.announced[p].startswith("before ")]
    for point in points[::4]:
        sweep.fail_at(point, mode, said)
