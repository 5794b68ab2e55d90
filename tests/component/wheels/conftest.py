"""Fixtures of wheels: a syncer whose lock file is at an upstream that has wheels."""

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import Index


@pytest.fixture
def index(simulator: ChannelSimulator) -> Index:
    return Index(simulator)


@pytest.fixture
def syncer(syncer: Syncer, index: Index) -> Syncer:
    syncer.environment |= index.settings
    return syncer
