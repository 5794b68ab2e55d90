"""A verify or an adopt may be stopped at any moment: nothing is lost, and the next one ends it.

For each announced mutation: the command is killed there, what it left is checked, syncs and the
command itself run undisturbed, and the result is compared with that of a run that was not stopped.
"""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.mirror.crash import CrashRunner, Ended
from tests.support.mirror.damage import flip, quarantined, remove, served_rot, truncate
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import (
    Volumes,
    broken_promises,
    files,
    outcome,
    publish,
    sha256,
    snapshot,
)
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

TODAY = 20 * 86_400.0
LITTER = (".tmp", ".part", ".copy")


@pytest.fixture
def folder(memory_folder: Path) -> Path:
    return memory_folder


@dataclass(frozen=True)
class Copy:
    """A copy of the story's volumes, and of the other mirror's folder beside them."""

    root: Path
    syncer: Syncer
    runner: CrashRunner

    @property
    def volumes(self) -> Volumes:
        return Volumes(self.root / "mirror", self.root / "state")

    @property
    def other(self) -> Path:
        return self.root / "other"

    def run(
        self,
        *,
        point: int | None = None,
        verify: bool = False,
        adopt: bool = False,
        moves: bool = False,
    ) -> Ended:
        environment = {
            **self.syncer.environment,
            "MIRROR_DIR": str(self.volumes.mirror_dir),
            "STATE_DIR": str(self.volumes.state_dir),
            "SYNC_CONNECTIONS": "1",
            "SCRUB_RATE": "0",
            "CHECKPOINT_SIZE": "6kB",
        }
        return self.runner.run(
            environment,
            now=TODAY,
            point=point,
            verify=verify,
            adopt=self.other if adopt else None,
            moves=moves,
        )

    def killed(self, point: int, **what: bool) -> str:
        """Run and be killed there; says where."""
        ended = self.run(point=point, **what)
        assert ended.status == "ended with -9", (point, ended)
        return f"killed at {point}: {ended.announced[-1]}"

    def well(self, where: str = "", **what: bool) -> Ended:
        """Run to a good end."""
        ended = self.run(**what)
        assert ended.status == "success", (where, ended.status)
        return ended

    @property
    def litter(self) -> list[str]:
        return [str(path) for path in self.root.rglob("*") if path.name.endswith(LITTER)]


@dataclass
class Story:
    """Volumes at a moment when the command has something to do."""

    simulator: ChannelSimulator
    runner: CrashRunner
    folder: Path

    def __post_init__(self) -> None:
        self.volumes = Volumes(self.folder / "story/mirror", self.folder / "story/state")
        self.volumes.mirror_dir.mkdir(parents=True)
        self.volumes.state_dir.mkdir()
        self.other = self.folder / "story/other"
        self.other.mkdir()
        self.syncer = Syncer(self.simulator, self.volumes)
        self.channel = self.simulator.channel("conda-forge")

    def copy(self) -> Copy:
        """The same, hard links included, in place of the last copy."""
        root = self.folder / "copy"
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.folder / "story"), str(root)], check=True)
        return Copy(root, self.syncer, self.runner)


@pytest.fixture
def story(simulator: ChannelSimulator, runner: CrashRunner, folder: Path) -> Story:
    return Story(simulator, runner, folder)


# -- verify ----------------------------------------------------------------------------------------


def rot(story: Story) -> set[str]:
    """Every kind of place has damage in it; return the sha256 of all that is right."""
    packages = [package(name) for name in ("flipped", "cut", "lost", "swapped", "gone", "waits")]
    new = package("swapped", padding_bytes=500)
    whole = [package(f"whole{number}") for number in range(3)]
    story.channel.publish(*packages, *whole)

    def sync() -> None:
        assert story.syncer.run(now=lambda: TODAY).status == "success"

    sync()
    publish(story.volumes)
    story.channel.publish(new)
    story.channel.remove("linux-64", "gone-1.0-0.conda")
    sync()
    publish(story.volumes)
    sync()  # moves it to retired/
    story.channel.remove("linux-64", "waits-1.0-0.conda")
    sync()
    root = story.volumes.mirror_dir
    served = root / "channels/conda-forge/linux-64"
    flip(served / "flipped-1.0-0.conda")
    truncate(served / "cut-1.0-0.conda")
    remove(served / "lost-1.0-0.conda")
    flip(served / "waits-1.0-0.conda")
    flip(root / "retired/conda-forge/linux-64/gone-1.0-0.conda")
    digest = str(new.record["sha256"])
    flip(root / "replaced/conda-forge/linux-64" / digest / new.filename)
    return {one.record["sha256"] for one in (*packages, *whole, new)}


def result(copy: Copy) -> dict[str, object]:
    return {
        **outcome(copy.volumes),
        "quarantine": quarantined(copy.volumes),
        "index": files(copy.volumes.mirror_dir / "index"),
    }


def test_a_verify_killed_at_any_point_loses_nothing_and_is_made_whole(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    good = rot(story)
    undisturbed = story.copy()
    announced = undisturbed.well(verify=True).announced
    undisturbed.well()
    expected = result(undisturbed)
    assert served_rot(undisturbed.volumes, good) == []
    assert len(quarantined(undisturbed.volumes)) == 5
    for point in range(len(announced)):
        copy = story.copy()
        where = copy.killed(point, verify=True)
        for problem in broken_promises(copy.volumes):
            assert "whole" not in problem, (where, problem)
        copy.well(where)
        if any(line.startswith("after retire damaged") for line in announced[: point + 1]):
            # From here on the next sync knows what is damaged, and needs no other look.
            assert served_rot(copy.volumes, good) == [], where
            assert result(copy) == expected, where
        copy.well(where, verify=True)
        copy.well(where)
        assert served_rot(copy.volumes, good) == [], where
        assert result(copy) == expected, where
        assert copy.litter == [], where
    record_property("points", len(announced))
    print(f"swept {len(announced)} points of a verify by SIGKILL")
    kinds = {line.removeprefix("before ").partition(" /")[0] for line in announced}
    assert {"note verified", "retire damaged", "rename", "unlink", "quarantine", "commit"} <= kinds


# -- adopt -----------------------------------------------------------------------------------------


def another_mirror(story: Story) -> tuple[list[Package], set[str]]:
    """A tree to take over; returns what upstream has, and what has to be downloaded."""
    packages = [package(f"p{number}", padding_bytes=700 * number) for number in range(6)]
    story.channel.publish(*packages)
    place = story.other / "cloud/conda-forge/linux-64"
    place.mkdir(parents=True)
    for one in packages[:5]:
        (place / one.filename).write_bytes(one.data)
    flip(place / packages[0].filename)
    (place / packages[1].filename).chmod(0o600)
    (place / packages[2].filename).rename(story.other / "store")
    (place / packages[2].filename).symlink_to("../../../store")
    return packages, {packages[0].filename, packages[5].filename}


@pytest.mark.parametrize("moves", [False, True])
def test_an_adopt_killed_at_any_point_loses_nothing_and_is_made_whole(
    story: Story, moves: bool, record_property: Callable[[str, object], None]
) -> None:
    packages, missing = another_mirror(story)
    undisturbed = story.copy()
    announced = undisturbed.well(adopt=True, moves=moves).announced
    undisturbed.well()
    expected = outcome(undisturbed.volumes)
    for point in range(len(announced)):
        copy = story.copy()
        before = snapshot(copy.other)
        where = copy.killed(point, adopt=True, moves=moves)
        assert broken_promises(copy.volumes) == [], where
        if moves:
            assert intact(copy) >= {one.record["sha256"] for one in packages[1:5]}, where
        else:
            assert snapshot(copy.other) == before, where
        with story.simulator.recording() as requests:
            copy.well(where, adopt=True, moves=moves)
            copy.well(where)
        fetched = {one.path.rpartition("/")[2] for one in requests if ".conda" in one.path}
        assert fetched == missing, where
        assert broken_promises(copy.volumes) == [], where
        assert outcome(copy.volumes) == expected, where
        assert copy.litter == [], where
        if not moves:
            assert snapshot(copy.other) == before, where
    record_property("points", len(announced))
    print(f"swept {len(announced)} points of an adopt by SIGKILL")


def intact(copy: Copy) -> set[str]:
    """The sha256 of all that is in either mirror."""
    folders = (copy.other, copy.volumes.mirror_dir / "channels")
    return {sha256(path) for one in folders for path in one.rglob("*") if path.is_file()}
