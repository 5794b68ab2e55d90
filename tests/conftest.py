"""Fixtures that every level shares, and the rules for skipping.

A test is skipped only for something that the machine lacks, and says what.
"""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.clients.clients import CONDA_CLIENT, conda_client
from tests.support.clients.nginx import Nginx, executable, serving
from tests.support.upstream.simulator import ChannelSimulator

# Enough to notice, few enough to wait for: `./test unit` is run while working, with other examples
# each time. Where CI is set, hypothesis itself tries the same ones whenever it runs.
hypothesis.settings.register_profile("working", max_examples=40, deadline=None)
hypothesis.settings.load_profile("working")

# A shell without job control has its background jobs ignore these, and what they start inherits it:
# no program that the tests stop could take them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

REPOSITORY = Path(__file__).resolve().parents[1]
REALDATA = REPOSITORY.parent / "shared" / "realdata"


@pytest.fixture
def simulator() -> Iterator[ChannelSimulator]:
    """An empty upstream, serving on loopback."""
    with ChannelSimulator() as running:
        yield running


@pytest.fixture
def mirror_dir() -> Iterator[Path]:
    """An empty mirror volume."""
    # Not below tmp_path: pytest lets only its own user in there, and nginx runs as another one.
    with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """An empty state volume."""
    directory = tmp_path / "state"
    directory.mkdir()
    return directory


@pytest.fixture
def nginx(mirror_dir: Path) -> Iterator[Nginx]:
    """The appliance's nginx over `mirror_dir`."""
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with serving(mirror_dir) as running:
        yield running


@pytest.fixture(scope="session")
def conda_exe() -> Path:
    """A real conda client."""
    path = conda_client()
    if path is None:
        pytest.skip(f"no conda client on this machine ({CONDA_CLIENT}); ./test makes one")
    return path


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real conda data."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real conda data on this machine ({REALDATA})")
    return REALDATA
