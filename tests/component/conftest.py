"""Fixtures of the component level: a syncer beside a simulated upstream."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mirror.crash import CrashRunner
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.installers import LATEST, NEW, OLD, WINDOWS, Folder, content
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator


@pytest.fixture
def syncer(simulator: ChannelSimulator, tmp_path: Path) -> Syncer:
    """A syncer with empty volumes and an empty upstream."""
    volumes = Volumes(tmp_path / "mirror", tmp_path / "state")
    volumes.mirror_dir.mkdir()
    volumes.state_dir.mkdir()
    return Syncer(simulator, volumes)


@pytest.fixture
def folder(simulator: ChannelSimulator) -> Folder:
    """A miniconda folder with two versions for Linux and names whose bytes change."""
    simulator.channel("conda-forge").publish(package("zlib"))
    folder = Folder(simulator)
    folder.put(
        **{
            OLD: content("old"),
            NEW: content("new"),
            LATEST: content("new"),
            WINDOWS: content("win"),
        }
    )
    folder.list_json()
    return folder


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a sweep waits for thousands of barriers."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="crash-", dir=parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def runner() -> Iterator[CrashRunner]:
    """Runs that can be stopped at any announced point."""
    with CrashRunner() as running:
        yield running
