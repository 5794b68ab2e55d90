"""Channels that build on each other (CEP 42), below one time, with a client that follows it."""

from pathlib import Path

import pytest
import requests

from tests.support.clients.clients import Variant, rattler_solve
from tests.support.clients.nginx import Nginx
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume import generations
from volume.layout import Mirror

SAMTOOLS = package("samtools", depends=("zlib",))
WAYS: list[tuple[Variant, str]] = [("shards", ""), ("zst", "/cloud"), ("json", "/anaconda/cloud")]


@pytest.fixture
def site(
    mirror_dir: Path, state_dir: Path, simulator: ChannelSimulator, conda_exe: Path
) -> Appliance:
    """bioconda builds on conda-forge, which publishes once more later."""
    bioconda = simulator.channel("bioconda")
    bioconda.publish(SAMTOOLS)
    for subdir in ("linux-64", "noarch"):
        bioconda.put_info(subdir, channel_relations={"base": "../conda-forge"})
    simulator.channel("conda-forge").publish(package("zlib", "1.0"))
    settings = {"CHANNELS": "bioconda conda-forge"}
    made = Appliance(mirror_dir, state_dir, simulator.url, conda_exe, settings)
    made.update()
    simulator.channel("conda-forge").publish(package("zlib", "2.0"))
    made.update()
    return made


def test_a_base_is_found_as_it_was_at_that_time(site: Appliance, nginx: Nginx) -> None:
    mirror = Mirror(site.mirror)
    times = {
        channel: [one.snapshot for one in generations.kept(mirror, channel)]
        for channel in ("bioconda", "conda-forge")
    }
    assert len(times["bioconda"]) == 1
    then, later = times["conda-forge"]
    assert then > times["bioconda"][0], "neither is the other's own time"
    for time, version in ((then, "1.0"), (later, "2.0"), ("2099-01-01", "2.0")):
        for variant, prefix in WAYS:
            url = f"{nginx.url}/snapshots/{time}{prefix}/bioconda"
            found = rattler_solve(url, "linux-64", ["samtools"], variant=variant)
            assert set(found.files) == {f"zlib-{version}-0.conda", SAMTOOLS.filename}, found
    url = f"{nginx.url}/snapshots/{times['bioconda'][0]}/conda-forge/linux-64/repodata.json"
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 404, "it is older than all that is kept"
    assert "No index of that time" in answer.text


def test_the_doctor_sees_whether_times_are_found(site: Appliance, nginx: Nginx) -> None:
    well = site.syncer("doctor", MIRROR_URL=nginx.url)
    assert "conda-forge for clients" in well.out
    assert "/snapshots/" not in well.out
    times = Mirror(site.mirror).times("conda-forge")
    times.unlink()
    ill = site.syncer("doctor", MIRROR_URL=nginx.url)
    assert "leads to nothing and not to generation 1" in ill.out
    assert "conda-forge/linux-64/repodata.json answered 404" in ill.out
    assert ill.code == 1
    site.indexer("--once")
    assert "/snapshots/" not in site.syncer("doctor", MIRROR_URL=nginx.url).out
