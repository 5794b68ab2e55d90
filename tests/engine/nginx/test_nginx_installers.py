"""Installers from the syncer to a client: published by the one, served by the real nginx."""

import hashlib
from pathlib import Path

import requests

from tests.support.clients.nginx import Nginx
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.installers import LATEST, NEW, Folder, content, published
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator


def test_installers_are_served_and_can_be_mirrored_from_here(
    nginx: Nginx, simulator: ChannelSimulator, mirror_dir: Path, state_dir: Path, tmp_path: Path
) -> None:
    simulator.channel("conda-forge").publish(package("zlib"))
    folder = Folder(simulator)
    folder.put(**{NEW: content("new", 200_000), LATEST: content("new", 200_000)})
    folder.list_page()
    syncer = Syncer(simulator, Volumes(mirror_dir, state_dir), {"INSTALLERS": "miniconda"})
    assert requests.get(f"{nginx.url}/miniconda/", timeout=10).status_code == 404
    assert syncer.run().status == "success"

    page = requests.get(f"{nginx.url}/anaconda/miniconda/", timeout=10)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<a href="{LATEST}">' in page.text
    listed = requests.get(f"{nginx.url}/miniconda/.files.json", timeout=10).json()
    first = requests.get(f"{nginx.url}/miniconda/{LATEST}", timeout=10)
    assert hashlib.sha256(first.content).hexdigest() == listed[LATEST]["sha256"]

    # A download that began before -latest- changed must not be completed with other bytes.
    folder.put(**{LATEST: content("newer", 250_000)})
    folder.list_page()
    assert syncer.run().status == "success"
    rest = {"Range": "bytes=100000-", "If-Range": first.headers["ETag"]}
    second = requests.get(f"{nginx.url}/miniconda/{LATEST}", headers=rest, timeout=10)
    assert (second.status_code, second.content) == (200, content("newer", 250_000))
    sums = requests.get(f"{nginx.url}/miniconda/SHA256SUMS", timeout=10).text
    assert f"{hashlib.sha256(second.content).hexdigest()}  {LATEST}\n" in sums

    other = Volumes(tmp_path / "mirror", tmp_path / "other-state")
    other.mirror_dir.mkdir()
    settings = {"INSTALLERS": "miniconda", "INSTALLER_NEWEST": "0", "CONDA_REPO_URL": nginx.url}
    mirror_of_it = Syncer(simulator, other, settings)
    assert mirror_of_it.run().status == "success"
    assert published(other.mirror_dir) == published(mirror_dir)
    assert mirror_of_it.run().installers[0].unchanged
