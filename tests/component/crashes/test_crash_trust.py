"""Strays, a state that was lost after a publication, damaged rows: stopped at any point, too."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.component.crashes.test_crash_sweep import Story, Sweep, first_sync
from tests.support.mirror.crash import CrashRunner
from tests.support.mirror.tree import files, publish
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

KEPT = package("kept")
STRAY = package("stray")


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    return memory_folder


def published(simulator: ChannelSimulator, folder: Path) -> Story:
    """Everything is published, with one artifact that only the policy keeps."""
    story = first_sync(simulator, folder)
    story.syncer.environment["KEEP"] = "kept"
    simulator.channel("conda-forge").publish(KEPT)
    assert story.syncer.run().status == "success"
    simulator.channel("conda-forge").remove("linux-64", KEPT.filename)
    assert story.syncer.run().status == "success"
    publish(story.syncer.volumes)
    return story


def lost_state(simulator: ChannelSimulator, folder: Path) -> Story:
    """What was published is on the mirror volume, and nothing else is known."""
    story = published(simulator, folder)
    shutil.rmtree(story.syncer.volumes.state_dir)
    return replace(story, unknown=frozenset(story.syncer.volumes.served()))


def strays(simulator: ChannelSimulator, folder: Path) -> Story:
    """Files that nobody knows, one of which upstream lists by now."""
    story = published(simulator, folder)
    channel = story.syncer.volumes.mirror_dir / "channels/conda-forge/linux-64"
    (channel / STRAY.filename).write_bytes(STRAY.data)
    (channel / "repodata.json").write_bytes(b"{}")
    wanted = package("wanted")
    (channel / wanted.filename).write_bytes(wanted.data)
    simulator.channel("conda-forge").publish(wanted)
    names = (STRAY.filename, "repodata.json", wanted.filename)
    return replace(story, unknown=frozenset(f"linux-64/{name}" for name in names))


def damaged_rows(simulator: ChannelSimulator, folder: Path) -> Story:
    """A disk flipped bits of the ledger, and upstream has news."""
    story = published(simulator, folder)
    simulator.channel("conda-forge").publish(package("news"))
    connection = sqlite3.connect(story.syncer.volumes.state.ledger("conda-forge"))
    with connection:
        connection.execute("UPDATE artifact SET record = replace(record, 'a', 'e') WHERE rowid < 3")
    connection.close()
    return replace(story, unknown=frozenset(story.syncer.volumes.served()))


@pytest.mark.parametrize("made", [lost_state, strays, damaged_rows])
def test_whatever_is_made_whole_may_be_killed_at_any_point(
    made: Callable[[ChannelSimulator, Path], Story],
    simulator: ChannelSimulator,
    tmp_path: Path,
    runner: CrashRunner,
) -> None:
    sweep = Sweep(made(simulator, tmp_path), runner, tmp_path / "copy")
    for point in range(len(sweep.announced)):
        sweep.stop_at(point)
    print(f"swept {len(sweep.announced)} points by SIGKILL")


def test_a_stray_that_was_half_moved_is_in_one_place(
    simulator: ChannelSimulator, tmp_path: Path, runner: CrashRunner
) -> None:
    sweep = Sweep(strays(simulator, tmp_path), runner, tmp_path / "copy")
    renames = [
        point
        for point, line in enumerate(sweep.announced)
        if "quarantine/" in line and line.split()[1] == "rename"
    ]
    assert renames
    for point in renames:
        sweep.stop_at(point)
        names = [Path(name).name for name in files(tmp_path / "copy/mirror/quarantine")]
        assert sorted(names) == ["repodata.json", STRAY.filename]
