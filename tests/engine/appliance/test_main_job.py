"""The main job on real input: 77 real packages, from upstream to a real client's installation."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clients.clients import Variant, conda_create, rattler_install, rattler_solve
from tests.support.clients.faithful_reader import FaithfulReader
from tests.support.clients.nginx import Nginx, executable, serving
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.packages import Record
from tests.support.upstream.simulator import ChannelSimulator

SUBDIRS = ("linux-64", "linux-aarch64", "win-64", "osx-64", "noarch")

# What has a solution with upstream's records, and none on an index made of the packages alone.
HOTFIX_REQUESTS = [
    ("linux-64", ["libmamba"]),
    ("linux-64", ["libarchive", "zstd", "krb5"]),
    ("linux-aarch64", ["libcurl"]),
]


@dataclass(frozen=True, slots=True)
class Running:
    appliance: Appliance
    upstream: ChannelSimulator
    nginx: Nginx
    records: dict[str, dict[str, Record]]

    @property
    def channel_url(self) -> str:
        return f"{self.nginx.url}/conda-forge"


@pytest.fixture(scope="module")
def running(
    realdata: Path, conda_exe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    source = realdata / "upstream"
    records = {}
    with ChannelSimulator() as upstream, tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                upstream.put_file(f"/{path.relative_to(source)}", path.read_bytes())
        for subdir in SUBDIRS:
            document = json.loads((source / "conda-forge" / subdir / "repodata.json").read_bytes())
            records[subdir] = {**document["packages"], **document["packages.conda"]}
        mirror = Path(folder)
        mirror.chmod(0o755)
        appliance = Appliance(
            mirror,
            tmp_path_factory.mktemp("state"),
            upstream.url,
            conda_exe,
            {"SUBDIRS": " ".join(SUBDIRS)},
        )
        appliance.update()
        with serving(mirror) as nginx:
            yield Running(appliance, upstream, nginx, records)


def test_every_served_record_is_upstreams_in_every_variant_and_resolves(running: Running) -> None:
    reader = FaithfulReader(running.nginx.url)
    artifacts = 0
    for subdir in SUBDIRS:
        published = reader.read("conda-forge", subdir)
        assert published.records == running.records[subdir]
        artifacts += reader.check_artifacts(published)
    assert artifacts == 77


@pytest.mark.parametrize("variant", ["shards", "zst", "json"])
@pytest.mark.parametrize(("subdir", "specs"), HOTFIX_REQUESTS)
def test_requests_that_need_upstreams_hotfixes_solve(
    running: Running, subdir: str, specs: list[str], variant: Variant
) -> None:
    result = rattler_solve(running.channel_url, subdir, specs, variant=variant)
    assert result.error is None


@pytest.mark.parametrize(
    "url", ["/conda-forge", "/cloud/conda-forge", "/anaconda/cloud/conda-forge"]
)
def test_a_rattler_client_installs_a_program_that_runs(
    running: Running, url: str, tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    specs = ["libarchive", "zstd", "krb5"]
    result = rattler_install(f"{running.nginx.url}{url}", "linux-64", specs, prefix)
    assert result.error is None
    said = subprocess.run(
        [prefix / "bin" / "zstd", "--version"], capture_output=True, text=True, check=True
    )
    assert "Zstandard" in said.stdout


@pytest.mark.parametrize("variant", ["zst", "json"])
def test_a_conda_client_installs_a_program_that_runs(
    running: Running, conda_exe: Path, variant: Variant, tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    result = conda_create(conda_exe, running.channel_url, ["zstd"], prefix, variant=variant)
    assert result.error is None
    said = subprocess.run(
        [prefix / "bin" / "zstd", "--version"], capture_output=True, text=True, check=True
    )
    assert "Zstandard" in said.stdout


def test_a_second_sync_makes_one_conditional_request_for_each_subdir(running: Running) -> None:
    with running.upstream.recording() as requests:
        running.appliance.update()
    assert sorted(request.path for request in requests) == sorted(
        f"/conda-forge/{subdir}/repodata.json.zst" for subdir in SUBDIRS
    )
    assert all(request.is_conditional for request in requests)
    assert {request.status for request in requests} == {304}


def test_what_plain_conda_index_changes_is_what_we_keep(running: Running, tmp_path: Path) -> None:
    """The reason for seeding: the same engine on the same packages, without upstream's records."""
    channel = tmp_path / "conda-forge"
    for subdir in SUBDIRS:
        (channel / subdir).mkdir(parents=True)
        for filename in running.records[subdir]:
            artifact = running.appliance.mirror / "channels" / "conda-forge" / subdir / filename
            (channel / subdir / filename).symlink_to(artifact)
    subprocess.run(
        [running.appliance.conda_exe, "index", str(channel)], check=True, capture_output=True
    )
    changed = broken = 0
    for subdir in SUBDIRS:
        document = json.loads((channel / subdir / "repodata.json").read_bytes())
        for filename, record in {**document["packages"], **document["packages.conda"]}.items():
            theirs = running.records[subdir][filename]
            changed += record != theirs
            broken += any(record.get(key) != theirs.get(key) for key in ("depends", "constrains"))
    assert changed >= 35
    assert broken >= 15
