"""Fixtures of the component level: a syncer beside a simulated upstream."""

from pathlib import Path

import pytest

from tests.support.simulator import ChannelSimulator
from tests.support.sync_harness import Syncer
from tests.support.tree import Volumes


@pytest.fixture
def syncer(simulator: ChannelSimulator, tmp_path: Path) -> Syncer:
    """A syncer with empty volumes and an empty upstream."""
    volumes = Volumes(tmp_path / "mirror", tmp_path / "state")
    volumes.mirror_dir.mkdir()
    volumes.state_dir.mkdir()
    return Syncer(simulator, volumes)
