"""Links on the mirror volume: those to a generation work, and none leads out of the volume."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import NOBODY, Nginx
from tests.support.clients.served_volume import INSTALLERS, SHARD, SNAPSHOT, fill, write

SECRET = "-----BEGIN PRIVATE KEY-----"
INDEX = "index/conda-forge/gen-000002"


@pytest.fixture
def volume(mirror_dir: Path) -> Path:
    fill(mirror_dir)
    return mirror_dir


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder beside the volume, with a file that the web server can read, of another user's."""
    if os.geteuid() != 0:
        pytest.skip("only root can make files of another user")
    with tempfile.TemporaryDirectory(prefix="elsewhere-") as made:
        folder = Path(made)
        (folder / "linux-64").mkdir()
        for name in ("privkey.pem", "x-1-0.conda", "x.sh", "index.html", "linux-64/privkey.pem"):
            path = write(folder / name, SECRET)
            path.chmod(0o400)
            os.chown(path, NOBODY, NOBODY)
        for path in (folder, folder / "linux-64"):
            path.chmod(0o755)
            os.chown(path, NOBODY, NOBODY)
        yield folder


FILES = [
    ("channels/conda-forge/linux-64/x-1-0.conda", "/conda-forge/linux-64/x-1-0.conda"),
    ("retired/conda-forge/linux-64/x-1-0.conda", "/conda-forge/linux-64/x-1-0.conda"),
    (f"{INDEX}/linux-64/x-1-0.conda", "/conda-forge/linux-64/x-1-0.conda"),
    (f"{INDEX}/linux-64/extra.json", "/conda-forge/linux-64/extra.json"),
    (f"{INDEX}/linux-64/{'f' * 64}.msgpack.zst", f"/conda-forge/linux-64/{'f' * 64}.msgpack.zst"),
    (f"{INDEX}/notices.json", "/conda-forge/notices.json"),
    ("installers/archive/gen-000002/x.sh", "/archive/x.sh"),
    ("installers/miniconda/gen-000002/x.sha256", "/miniconda/x.sha256"),
    ("site/condarc", "/condarc"),
    ("site/status.json", "/status.json"),
    ("site/index.html", "/"),
    ("site/icon.svg", "/icon.svg"),
    ("site/page-0123456789abcdef.js", "/site/page-0123456789abcdef.js"),
]


@pytest.mark.parametrize(("place", "url"), FILES)
def test_a_link_to_a_file_elsewhere_is_not_followed(
    nginx: Nginx, volume: Path, elsewhere: Path, place: str, url: str
) -> None:
    link = volume / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere / "privkey.pem")
    answer = requests.get(nginx.url + url)
    assert SECRET not in answer.text
    assert answer.status_code == 404


FOLDERS = [
    ("channels/evil", "/evil/linux-64/x-1-0.conda"),
    ("retired/evil", "/evil/linux-64/x-1-0.conda"),
    ("index/evil/current", "/evil/linux-64/privkey.pem"),
    ("index/evil/.times/2026", f"/snapshots/{SNAPSHOT}/evil/linux-64/privkey.pem"),
    ("index/evil/.times/2026", f"/snapshots/{SNAPSHOT}/evil/linux-64/x-1-0.conda"),
    (f"{INDEX}/win-64", "/conda-forge/win-64/privkey.pem"),
    ("index/evil/current/linux-64", "/evil/linux-64/privkey.pem"),
    ("site/search/x", "/site/search/x/privkey.pem"),
]


@pytest.mark.parametrize(("place", "url"), FOLDERS)
def test_a_link_to_a_folder_elsewhere_is_not_followed(
    nginx: Nginx, volume: Path, elsewhere: Path, place: str, url: str
) -> None:
    (elsewhere / "linux-64/x-1-0.conda").write_text(SECRET)
    link = volume / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    answer = requests.get(nginx.url + url)
    assert SECRET not in answer.text
    assert answer.status_code == 404


def test_an_installers_link_elsewhere_is_not_followed(
    nginx: Nginx, volume: Path, elsewhere: Path
) -> None:
    current = volume / "installers/archive/current"
    current.unlink()
    current.symlink_to(elsewhere)
    for name in ("", "index.html", "x.sh", "privkey.pem"):
        assert requests.get(f"{nginx.url}/archive/{name}").status_code == 404


def test_whoever_owns_the_volume_may_be_anybody(nginx: Nginx, volume: Path) -> None:
    if os.geteuid() == 0:
        for path in (volume, *volume.rglob("*")):
            os.chown(path, 1234, 1234, follow_symlinks=False)
    urls = [f"/conda-forge/linux-64/{SHARD}", "/conda-forge/linux-64/zlib-1.3-0.conda"]
    urls += [f"/snapshots/{SNAPSHOT}/conda-forge/linux-64/repodata.json"]
    urls += [f"/{kind}/{name}" for kind, name in INSTALLERS]
    for url in urls:
        assert requests.get(nginx.url + url).status_code == 200, url
