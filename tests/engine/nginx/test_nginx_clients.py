"""Real clients install from a volume that the real nginx serves, by every path they know."""

import json
import subprocess
from pathlib import Path

import pytest
import requests

from tests.support.clients.clients import Variant, conda_create, rattler_install, rattler_solve
from tests.support.clients.faithful_reader import FaithfulReader, records_of
from tests.support.clients.nginx import Nginx
from tests.support.mirror.generation import publish
from tests.support.upstream.demo_channel import demo_packages
from tests.support.upstream.packages import Package, hotfixed

INSTALLED = (
    "greeting-2.0-0.conda",
    "greeting-recipient-1.1-0.conda",
    "hello-mirror-1.0-0.conda",
)
SPECS = ["hello-mirror"]


@pytest.fixture
def channel(nginx: Nginx, mirror_dir: Path) -> str:
    """The demo's channel, served; its URL."""
    publish(mirror_dir, "conda-forge", demo_packages())
    return f"{nginx.url}/cloud/conda-forge"


def says_hello(prefix: Path) -> bool:
    result = subprocess.run(
        [prefix / "bin/hello-mirror"], capture_output=True, text=True, check=True
    )
    return result.stdout == "Hello from your mirror!\n"


@pytest.mark.parametrize("variant", ["shards", "zst", "bz2", "json"])
def test_rattler_installs(channel: str, tmp_path: Path, variant: Variant, nginx: Nginx) -> None:
    result = rattler_install(channel, "linux-64", SPECS, tmp_path / "prefix", variant=variant)
    assert result.error is None
    assert result.files == INSTALLED
    assert says_hello(tmp_path / "prefix")
    nginx.stop()
    asked = nginx.access_log.read_text()
    name = {"shards": "repodata_shards.msgpack.zst", "json": "repodata.json"}.get(
        variant, f"repodata.json.{variant}"
    )
    assert f'"uri":"/cloud/conda-forge/linux-64/{name}","status":200' in asked


@pytest.mark.parametrize("variant", ["zst", "json"])
def test_conda_installs(
    channel: str, tmp_path: Path, conda_exe: Path, variant: Variant, nginx: Nginx
) -> None:
    result = conda_create(conda_exe, channel, SPECS, tmp_path / "prefix", variant=variant)
    assert result.error is None
    assert result.files == INSTALLED
    assert says_hello(tmp_path / "prefix")
    nginx.stop()
    asked_zst = "repodata.json.zst" in nginx.access_log.read_text()
    assert asked_zst == (variant == "zst")


def test_failures_come_in_the_clients_words(channel: str, tmp_path: Path, conda_exe: Path) -> None:
    missing = rattler_solve(channel, "linux-64", ["no-such-package"])
    assert missing.error is not None
    assert "no-such-package" in missing.error
    assert not missing.succeeded
    conda = conda_create(conda_exe, channel, ["no-such-package"], tmp_path / "prefix")
    assert conda.error is not None
    assert "no-such-package" in conda.error


def test_without_the_hotfix_the_program_has_no_solution(nginx: Nginx, mirror_dir: Path) -> None:
    """The demo's claim, which is what a mirror that rebuilds records would do to it."""
    rebuilt = [
        hotfixed(made, depends=["greeting >=3"]) if "recipient" in made.filename else made
        for made in demo_packages()
    ]
    publish(mirror_dir, "conda-forge", rebuilt)
    assert not rattler_solve(f"{nginx.url}/conda-forge", "linux-64", SPECS).succeeded


def test_a_faithful_reader_finds_nothing_wrong(channel: str) -> None:
    with requests.Session() as session:
        reader = FaithfulReader(channel.removesuffix("/conda-forge"), session=session)
        for subdir in ("linux-64", "noarch"):
            assert reader.check_artifacts(reader.read("conda-forge", subdir)) > 1


def test_real_packages_solve_and_install(
    nginx: Nginx, mirror_dir: Path, realdata: Path, tmp_path: Path
) -> None:
    """Packages and records that nobody here made, by the requests named in their README."""
    publish(mirror_dir, "conda-forge", real_packages(realdata / "upstream/conda-forge"))
    url = f"{nginx.url}/cloud/conda-forge"
    assert rattler_solve(url, "linux-64", ["libmamba"]).error is None
    assert rattler_solve(url, "linux-aarch64", ["libcurl"]).error is None
    specs = ["libarchive", "zstd", "krb5"]
    installed = rattler_install(url, "linux-64", specs, tmp_path / "prefix")
    assert installed.error is None
    version = subprocess.run(
        [tmp_path / "prefix/bin/zstd", "--version"], capture_output=True, text=True, check=True
    )
    assert "Zstandard" in version.stdout


def real_packages(channel: Path) -> list[Package]:
    return [
        Package(filename, (path.parent / filename).read_bytes(), record, path.parent.name)
        for path in channel.glob("*/repodata.json")
        for filename, record in records_of(json.loads(path.read_text())).items()
    ]
