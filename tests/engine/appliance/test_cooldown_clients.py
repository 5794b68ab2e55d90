"""Clients' own cooldowns work against this mirror, and count from when an artifact came here."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clients.clients import Variant, rattler_records, rattler_solve
from tests.support.clients.nginx import executable, serving
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

SUBDIR = "linux-64"
VARIANTS: tuple[Variant, ...] = ("shards", "zst", "json")
OLD, NEW = package("a", "1.0"), package("a", "2.0")


@dataclass(frozen=True)
class Served:
    """An appliance that has had `OLD` since before `between`, and `NEW` since after it."""

    appliance: Appliance
    upstream: Channel
    url: str
    between: float


@pytest.fixture(params=["own", "conda-index"])
def served(request: pytest.FixtureRequest, conda_exe: Path, tmp_path: Path) -> Iterator[Served]:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with ChannelSimulator() as simulator, tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        mirror = Path(folder)
        mirror.chmod(0o755)
        channel = simulator.channel("conda-forge")
        channel.publish(OLD)
        appliance = Appliance(
            mirror, tmp_path / "state", simulator.url, conda_exe,
            {"SUBDIRS": SUBDIR, "INDEX_ENGINE": request.param, "INDEXED_TIMESTAMP": "arrival"},
        )  # fmt: skip
        appliance.update()
        between = time.time()
        channel.publish(NEW)
        appliance.update()
        with serving(mirror) as nginx:
            yield Served(appliance, channel, f"{nginx.url}/conda-forge", between)


def solved(served: Served, moment: float, variant: Variant) -> tuple[str, ...]:
    found = rattler_solve(served.url, SUBDIR, ["a"], variant=variant, exclude_newer=moment)
    return found.files if found.error is None else ()


def moments(served: Served) -> list[object]:
    found = rattler_records(served.url, SUBDIR, ["a"], variant="json")
    assert found.error is None
    return [record.get("indexed_timestamp") for record in found.records]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_client_holds_back_what_came_here_lately(served: Served, variant: Variant) -> None:
    assert solved(served, time.time(), variant) == (NEW.filename,)
    assert solved(served, served.between, variant) == (OLD.filename,)
    assert solved(served, served.between - 3600, variant) == ()


def test_a_lost_state_makes_nothing_younger(served: Served) -> None:
    before = moments(served)
    assert all(isinstance(moment, int) for moment in before) and len(set(map(str, before))) == 2
    shutil.rmtree(served.appliance.state)
    assert served.appliance.syncer("--once", "--take-over").code == 0
    assert served.appliance.indexer("--once").code == 0
    assert moments(served) == before
    served.upstream.publish(package("b"))
    served.appliance.update()
    assert moments(served) == before
