"""The name mapping, from a service to what pixi is led to."""

import json
import tomllib
from pathlib import Path

import requests

from tests.support.clients.nginx import Nginx
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.mapping_service import MappingService, of_artifact, sha256_of
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

NUMPY, ZLIB = package("numpy"), package("zlib")


def test_pixi_is_led_to_what_is_served(
    mirror_dir: Path,
    state_dir: Path,
    simulator: ChannelSimulator,
    conda_exe: Path,
    nginx: Nginx,
    tmp_path: Path,
) -> None:
    simulator.channel("conda-forge").publish(NUMPY, ZLIB)
    service = MappingService(simulator)
    service.put_names(numpy="numpy", zlib=None)
    service.put(NUMPY, "numpy")
    site = Appliance(mirror_dir, state_dir, simulator.url, conda_exe)
    site.update()
    assert "mapping" not in requests.get(f"{nginx.url}/pixi.toml", timeout=10).text
    site.settings |= {"NAME_MAPPING": "yes", "NAME_MAPPING_URL": service.url}
    site.update()
    text = requests.get(f"{nginx.url}/pixi.toml", timeout=10).text
    (base,) = tomllib.loads(text)["mirrors"]["https://conda-mapping.prefix.dev"]
    assert base == f"{nginx.url}/mapping"
    names = requests.get(f"{base}/compressed-v0/compressed_mapping.json", timeout=10)
    assert names.json() == {"numpy": "numpy", "zlib": None}
    found = requests.get(f"{base}/hash-v0/{sha256_of(NUMPY)}", timeout=10)
    assert (found.headers["Content-Type"], found.json()) == (
        "application/json", of_artifact(NUMPY, "numpy"),
    )  # fmt: skip
    assert requests.get(f"{base}/hash-v0/{sha256_of(ZLIB)}", timeout=10).status_code == 404
    # A mirror of this mirror has it from here.
    branch = Appliance(
        tmp_path / "branch-mirror", tmp_path / "branch-state", "", conda_exe,
        {"CONDA_CLOUD_URL": f"{nginx.url}/cloud", "NAME_MAPPING": "yes", "NAME_MAPPING_URL": base},
    )  # fmt: skip
    for folder in (branch.mirror, branch.state):
        folder.mkdir()
    branch.update()
    path = branch.mirror / "mapping/compressed-v0/compressed_mapping.json"
    assert json.loads(path.read_bytes()) == {"numpy": "numpy", "zlib": None}
    assert (branch.mirror / "mapping/hash-v0").is_dir()
