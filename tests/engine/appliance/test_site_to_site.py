"""Site to site: one appliance mirrors another one, over its real nginx, also while it changes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import Nginx
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

MANY = [package(f"p{number}", padding_bytes=2_000) for number in range(12)]
GONE = package("gone", padding_bytes=5_000)
OLD = package("swapped", license="old")
NEW = package("swapped", license="new")
LATER = package("later", timestamp=1_700_000_000_000)


@pytest.fixture
def head(
    mirror_dir: Path, state_dir: Path, simulator: ChannelSimulator, conda_exe: Path
) -> Appliance:
    """The first site, with one generation published."""
    simulator.channel("conda-forge").publish(*MANY, GONE, OLD, package("n", subdir="noarch"))
    simulator.channel("conda-forge").put_file("notices.json", b'{"notices": []}')
    made = Appliance(mirror_dir, state_dir, simulator.url, conda_exe)
    made.update()
    return made


@pytest.fixture
def branch(head: Appliance, nginx: Nginx, tmp_path: Path) -> Iterator[Appliance]:
    """The second site, with the first as its upstream."""
    mirror, state = tmp_path / "branch-mirror", tmp_path / "branch-state"
    mirror.mkdir()
    state.mkdir()
    settings = {"CONDA_CLOUD_URL": f"{nginx.url}/cloud"}
    yield Appliance(mirror, state, "", head.conda_exe, settings)


def records(site: Appliance) -> dict[str, dict[str, object]]:
    """What a site publishes."""
    current = site.mirror / "index/conda-forge/current"
    found = {}
    for path in sorted(current.glob("*/repodata.json")):
        document = json.loads(path.read_bytes())
        found[path.parent.name] = {**document["packages"], **document["packages.conda"]}
    return found


def test_a_site_follows_another_one(
    head: Appliance, branch: Appliance, simulator: ChannelSimulator
) -> None:
    branch.update()
    assert records(branch) == records(head)
    assert len(records(branch)["linux-64"]) == 14
    assert (branch.mirror / "index/conda-forge/current/notices.json").read_bytes() == (
        b'{"notices": []}'
    )
    again = branch.syncer("--once", "--json")
    assert again.document["channels"][0]["unchanged"]
    channel = simulator.channel("conda-forge")
    channel.remove("linux-64", GONE.filename)
    channel.publish(NEW, LATER)
    head.update()
    branch.update()
    assert records(branch) == records(head)
    assert GONE.filename not in records(branch)["linux-64"]


def test_a_generation_that_changes_in_between_does_no_harm(
    head: Appliance, branch: Appliance, nginx: Nginx, simulator: ChannelSimulator
) -> None:
    """The index was fetched, then the other site rotates: retired artifacts are still there, and
    replaced bytes are noticed and fetched with a fresh index."""
    first = requests.get(f"{nginx.url}/cloud/conda-forge/linux-64/repodata.json.zst", timeout=10)
    with ChannelSimulator() as between:
        # The second site sees the index of before, and the artifacts that it then asks for are
        # those of after.
        path = "/conda-forge/linux-64/repodata.json"
        between.put_file("/conda-forge/noarch/repodata.json", b'{"packages": {}, "info": {}}')
        between.put_file(f"{path}.zst", first.content)
        channel = simulator.channel("conda-forge")
        channel.remove("linux-64", GONE.filename)
        channel.publish(NEW, LATER)
        head.update()

        def freshen() -> None:
            after = f"{nginx.url}/cloud/conda-forge/linux-64/repodata.json.zst"
            between.put_file(f"{path}.zst", requests.get(after, timeout=10).content)

        between.after(f"{path}.zst", 1, freshen)
        branch.update(CONDA_CLOUD_URL=f"{between.url} {nginx.url}/cloud")
    found = records(branch)["linux-64"]
    expected = records(head)["linux-64"]
    assert found[NEW.filename] == expected[NEW.filename] == NEW.record
    assert LATER.filename in found


def test_a_site_may_stay_at_a_snapshot(
    head: Appliance, branch: Appliance, nginx: Nginx, simulator: ChannelSimulator
) -> None:
    (snapshot,) = (head.mirror / "index/conda-forge/snapshots").iterdir()
    before = records(head)
    channel = simulator.channel("conda-forge")
    channel.remove("linux-64", GONE.filename)
    channel.publish(NEW, LATER)
    head.update()
    pinned = f"{nginx.url}/snapshots/{snapshot.name}/conda-forge"
    branch.update(CHANNELS=pinned)
    assert records(branch) == before
    branch.update(CHANNELS=pinned)
    branch.update()  # and may be let go
    assert records(branch) == records(head)
