"""A branch on demand: its upstream is another appliance, whose line may be cut and come back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from tests.support.clients.clients import conda_create, rattler_install
from tests.support.clients.nginx import Nginx, configuration, serving, start, wait_until_up
from tests.support.mirror import fetcher as fetchers
from tests.support.mirror.appliance import Appliance
from tests.support.mirror.sync_harness import wait_until
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

TOOL = package("tool", depends=("lib",), padding_bytes=200_000)
LIB = package("lib", extension=".tar.bz2")
OTHER = package("other", padding_bytes=100_000)


@dataclass(frozen=True, slots=True)
class Sites:
    origin: Appliance
    branch: Appliance
    line: Nginx
    nginx: Nginx

    def get(self, one: Package) -> requests.Response:
        return requests.get(f"{self.nginx.url}/conda-forge/{one.subdir}/{one.filename}", timeout=60)

    def asked(self, one: Package) -> int:
        """How often the origin was."""
        return self.line.access_log.read_text().count(one.filename)


@pytest.fixture
def sites(
    mirror_dir: Path,
    state_dir: Path,
    nginx: Nginx,
    simulator: ChannelSimulator,
    conda_exe: Path,
    tmp_path: Path,
) -> Iterator[Sites]:
    simulator.channel("conda-forge").publish(TOOL, LIB, OTHER)
    origin = Appliance(mirror_dir, state_dir, simulator.url, conda_exe)
    origin.update()
    state = tmp_path / "branch"
    state.mkdir()
    with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        mirror = Path(folder)
        mirror.chmod(0o755)
        settings = {"CONDA_CLOUD_URL": f"{nginx.url}/cloud", "ON_DEMAND": "yes", "SYNC_TRIES": "1"}
        branch = Appliance(mirror, state, "", conda_exe, settings)
        branch.update()
        with (
            fetchers.started(tmp_path, branch.environment()) as fetcher,
            serving(mirror, fetcher=f"127.0.0.1:{fetcher.port}") as own,
        ):
            yield Sites(origin, branch, nginx, own)


@contextmanager
def line_is_back(sites: Sites) -> Iterator[None]:
    """The origin's nginx once more, at the address that it had."""
    line = sites.line
    text = configuration(sites.origin.mirror, line.scratch, line.port)
    process = start(line.scratch, text)
    try:
        wait_until_up(replace(line, process=process))
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_clients_of_a_branch_install_cold_and_warm(
    sites: Sites, tmp_path: Path, conda_exe: Path
) -> None:
    url = f"{sites.nginx.url}/conda-forge"
    for number in range(2):
        prefix, cache = tmp_path / f"prefix{number}", tmp_path / f"cache{number}"
        result = rattler_install(url, "linux-64", ["tool"], prefix, cache=cache)
        assert result.error is None
    assert conda_create(conda_exe, url, ["tool"], tmp_path / "prefix").error is None
    sites.line.stop()  # its log is whole then
    assert [sites.asked(one) for one in (TOOL, LIB, OTHER)] == [1, 1, 0]


def test_the_line_is_cut_and_comes_back(sites: Sites, tmp_path: Path) -> None:
    for one in (TOOL, LIB):
        assert sites.get(one).content == one.data
    wait_until(lambda: all("ETag" in sites.get(one).headers for one in (TOOL, LIB)), "kept")
    sites.line.stop()
    url = f"{sites.nginx.url}/conda-forge"
    result = rattler_install(url, "linux-64", ["tool"], tmp_path / "away", cache=tmp_path / "one")
    assert result.error is None
    got = sites.get(OTHER)
    assert got.status_code == 503 and int(got.headers["Retry-After"]) > 0
    assert "can't be had from upstream now" in got.text
    assert sites.branch.syncer("--once").code == 1  # and what is published stays
    assert sites.get(TOOL).content == TOOL.data
    with line_is_back(sites):
        assert sites.get(OTHER).content == OTHER.data
        again = sites.branch.syncer("--once", "--json")
        assert again.code == 0 and again.document["channels"][0]["unchanged"]
        result = rattler_install(
            url, "linux-64", ["other"], tmp_path / "back", cache=tmp_path / "two"
        )
        assert result.error is None


def test_what_the_origin_lost_leaves_the_branchs_index(sites: Sites) -> None:
    lost = sites.origin.mirror / "channels/conda-forge" / OTHER.subdir / OTHER.filename
    lost.unlink()  # somebody's hand, before the origin's own sync notices
    got = sites.get(OTHER)
    assert got.status_code == 404 and "upstream does not have it" in got.text
    wait_until(lambda: OTHER.filename in sites.branch.syncer("status").out, "it is noted")
    assert sites.branch.syncer("--once").code == 3
    assert sites.branch.indexer("--once").code == 0
    listed = requests.get(f"{sites.nginx.url}/conda-forge/linux-64/repodata.json", timeout=30)
    assert OTHER.filename not in listed.text and TOOL.filename in listed.text
