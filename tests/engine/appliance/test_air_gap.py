"""An isolated mirror lives from a disk: the scripts of docs/air-gap.md, run as they stand there."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.faithful_reader import FaithfulReader
from tests.support.clients.nginx import Nginx, serving
from tests.support.mirror.appliance import REPOSITORY, Appliance
from tests.support.upstream.packages import Record, package
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import wheel

KEPT = [package(f"p{number}", padding_bytes=2_000) for number in range(12)]
GONE = package("gone", padding_bytes=5_000)
OLD = package("swapped", license="old")
NEW = package("swapped", license="new")
LATER = package("later", timestamp=1_700_000_000_000)
CARRY, INSTALLERS = re.findall(
    r"```sh\n(.*?)```", (REPOSITORY / "docs" / "air-gap.md").read_text(), re.DOTALL
)
CHANNELS = "conda-forge pkgs/main"


@pytest.fixture
def connected(
    mirror_dir: Path, state_dir: Path, simulator: ChannelSimulator, conda_exe: Path
) -> Appliance:
    """The site with an upstream."""
    if shutil.which("rsync") is None:
        pytest.skip("no rsync on this machine: apt-get install rsync")
    simulator.channel("conda-forge").publish(*KEPT, GONE, OLD, package("n", subdir="noarch"))
    simulator.channel("pkgs/main").publish(package("m"))
    settings = {"CHANNELS": CHANNELS}
    return Appliance(mirror_dir, state_dir, simulator.url, conda_exe, settings)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """What is carried."""
    path = tmp_path / "a disk"
    path.mkdir()
    return path


@pytest.fixture
def isolated(connected: Appliance, disk: Path, tmp_path: Path) -> Iterator[Appliance]:
    """The site that knows the disk only."""
    state = tmp_path / "isolated-state"
    state.mkdir()
    with tempfile.TemporaryDirectory(prefix="isolated-") as folder:
        mirror = Path(folder)
        mirror.chmod(0o755)  # nginx is another user
        yield Appliance(mirror, state, disk.as_uri(), connected.conda_exe, connected.settings)


def sh(script: str, **variables: Path) -> None:
    environment = {name: str(path) for name, path in variables.items()}
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run(["sh", "-euc", script], env={**path, **environment}, check=True)


def carry(connected: Appliance, disk: Path) -> None:
    connected.update()
    sh(CARRY, MIRROR=connected.mirror, DISK=disk)


def published(site: Appliance, nginx: Nginx) -> dict[str, dict[str, Record]]:
    """What clients of a site see; every artifact is fetched and hashed."""
    reader = FaithfulReader(nginx.url)
    found = {}
    for channel in CHANNELS.split():
        for subdir in ("linux-64", "noarch"):
            index = reader.read(channel, subdir)
            reader.check_artifacts(index)
            found[f"{channel}/{subdir}"] = dict(index.records)
    return found


def same(connected: Appliance, isolated: Appliance) -> dict[str, dict[str, Record]]:
    with serving(connected.mirror) as first, serving(isolated.mirror) as second:
        seen = published(isolated, second)
        assert seen == published(connected, first)
    return seen


def test_additions_removals_and_new_bytes_come_by_disk(
    connected: Appliance, isolated: Appliance, disk: Path, simulator: ChannelSimulator
) -> None:
    carry(connected, disk)
    asked = len(simulator.log)
    isolated.update()
    assert len(same(connected, isolated)["conda-forge/linux-64"]) == 14
    assert "nothing changed upstream" in isolated.syncer("--once").out
    channel = simulator.channel("conda-forge")
    channel.remove("linux-64", GONE.filename)
    channel.publish(NEW, LATER)
    assert len(simulator.log) == asked  # the isolated site asked nobody
    connected.update()
    carry(connected, disk)  # a removed artifact leaves its folder once no index lists it
    assert not (disk / "conda-forge/linux-64" / GONE.filename).exists()
    isolated.update()
    records = same(connected, isolated)["conda-forge/linux-64"]
    assert records[NEW.filename] == NEW.record
    assert LATER.filename in records and GONE.filename not in records


def test_attestations_come_by_disk(
    connected: Appliance, isolated: Appliance, disk: Path, simulator: ChannelSimulator
) -> None:
    channel = simulator.channel("conda-forge")
    bundles = b'[{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}]'
    digest = hashlib.sha256(bundles).hexdigest()
    for name in (f"{OLD.filename}.sigs.{digest}", f"{OLD.filename}.sigs"):
        channel.put_artifact("linux-64", name, bundles)
    channel.hotfix("linux-64", OLD.filename, attestations_sha256=digest)
    carry(connected, disk)
    isolated.update()
    records = same(connected, isolated)["conda-forge/linux-64"]
    assert records[OLD.filename]["attestations_sha256"] == digest
    for site in (connected, isolated):
        with serving(site.mirror) as nginx:
            for ending in (f".sigs.{digest}", ".sigs"):
                url = f"{nginx.url}/cloud/conda-forge/linux-64/{OLD.filename}{ending}"
                assert requests.get(url, timeout=10).content == bundles


def test_packages_of_peoples_own_come_by_disk(
    connected: Appliance, isolated: Appliance, disk: Path
) -> None:
    beside, alone = package("ours"), package("tool")
    for channel, ours in (("conda-forge", beside), ("our/tools", alone)):
        folder = connected.mirror / "local" / channel / "linux-64"
        folder.mkdir(parents=True)
        (folder / ours.filename).write_bytes(ours.data)
    carry(connected, disk)
    assert isolated.syncer("--once", CHANNELS=f"{CHANNELS} our/tools").code == 0
    assert isolated.indexer("--once").code == 0
    assert beside.filename in same(connected, isolated)["conda-forge/linux-64"]
    with serving(isolated.mirror) as nginx:
        reader = FaithfulReader(nginx.url)
        index = reader.read("our/tools", "linux-64")
        reader.check_artifacts(index)
        assert set(index.records) == {alone.filename}


def test_a_bad_an_old_and_no_disk(
    connected: Appliance, isolated: Appliance, disk: Path, simulator: ChannelSimulator
) -> None:
    carry(connected, disk)
    earlier = disk.with_name("earlier")
    shutil.copytree(disk, earlier)
    simulator.channel("conda-forge").publish(LATER)
    carry(connected, disk)
    (disk / "conda-forge/linux-64" / GONE.filename).write_bytes(b"x" * len(GONE.data))
    (disk / "conda-forge/linux-64" / LATER.filename).unlink()
    answer = isolated.syncer("--once")
    assert answer.code == 3
    assert GONE.filename in answer.out and LATER.filename in answer.out
    carry(connected, disk)
    isolated.update()
    seen = same(connected, isolated)
    assert LATER.filename in seen["conda-forge/linux-64"]
    shutil.rmtree(disk)
    shutil.copytree(earlier, disk)
    old = isolated.syncer("--once")
    assert old.code == 3 and "older than the" in old.out  # pkgs/main did not change
    shutil.rmtree(disk)
    none = isolated.syncer("--once")
    assert (none.code, "is it mounted into the container?" in none.out) == (1, True)
    assert same(connected, isolated) == seen


def test_the_first_disk_may_become_the_mirror(
    connected: Appliance, isolated: Appliance, disk: Path
) -> None:
    carry(connected, disk)
    incoming = isolated.mirror / "incoming"
    shutil.move(disk, incoming)
    at = {"CONDA_CLOUD_URL": incoming.as_uri(), "CONDA_REPO_URL": incoming.as_uri()}
    assert isolated.syncer("adopt", str(incoming), **at).code == 0
    taken = isolated.mirror / "channels/conda-forge/linux-64" / GONE.filename
    assert taken.samefile(incoming / "conda-forge/linux-64" / GONE.filename)
    shutil.rmtree(incoming)
    assert isolated.indexer("--once").code == 0
    same(connected, isolated)


def test_installers_and_wheels_are_carried_as_they_are(
    connected: Appliance, isolated: Appliance, disk: Path
) -> None:
    connected.update()
    isolated.indexer("--once")
    kind = connected.mirror / "installers/miniforge"
    (kind / "gen-000001").mkdir(parents=True)
    (kind / "gen-000001/Miniforge3-Linux-x86_64.sh").write_bytes(b"#!/bin/sh\n")
    (kind / "current").symlink_to("gen-000001")
    one = wheel("one")
    path = connected.mirror / "pypi/gen-000001" / one.place
    path.parent.mkdir(parents=True)
    path.write_bytes(one.data)
    (connected.mirror / "pypi/current").symlink_to("gen-000001")
    sh(INSTALLERS, MIRROR=connected.mirror, DISK=disk, ISOLATED=isolated.mirror)
    with serving(isolated.mirror) as nginx:
        answer = requests.get(f"{nginx.url}/miniforge/Miniforge3-Linux-x86_64.sh", timeout=10)
        assert requests.get(f"{nginx.url}/pypi/{one.path}", timeout=10).content == one.data
    assert answer.content == b"#!/bin/sh\n"
