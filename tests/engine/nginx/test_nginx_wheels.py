"""Wheels from the syncer to a client: published by the one, served by the real nginx, and taken
from there by pip and uv."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import Nginx
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import File, Index, links, metadata, sdist, wheel

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
ONE = wheel("one")
NEWER = wheel("one", "2.0", requires_python=">=99")
LOCAL = wheel("two_words", "1.0+cu121")
SOURCE = sdist("three")


@pytest.fixture
def index(nginx: Nginx, simulator: ChannelSimulator, mirror_dir: Path, state_dir: Path) -> Index:
    """An index whose files are mirrored."""
    index = Index(simulator)
    index.put(ONE, NEWER, LOCAL, SOURCE)
    syncer = Syncer(simulator, Volumes(mirror_dir, state_dir), index.settings)
    assert syncer.run().status == "success"
    return index


def get(nginx: Nginx, path: str, accept: str = "*/*") -> requests.Response:
    return requests.get(
        f"{nginx.url}{path}", headers={"Accept": accept}, timeout=10, allow_redirects=False
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (f"{JSON}, {HTML}; q=0.1, text/html; q=0.01", JSON),
        (f"{JSON}, {HTML};q=0.2, text/html;q=0.01", JSON),
        (HTML, HTML),
        (f"{HTML}, {JSON};q=0", HTML),
        (f"{JSON}; q=0.000, text/html", "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["/pypi/simple/", "/pypi/simple/one/"])
def test_a_client_gets_the_form_that_it_asks_for(
    nginx: Nginx, index: Index, accept: str, kind: str, path: str
) -> None:
    answer = get(nginx, path, accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == "public, max-age=60, must-revalidate"
    if kind == JSON:
        json.loads(answer.text)
    else:
        assert links(answer.text)


def test_each_link_leads_to_the_bytes(nginx: Nginx, index: Index) -> None:
    assert [one["href"] for one in links(get(nginx, "/pypi/simple/", "text/html").text)] == [
        "one/", "three/", "two-words/",
    ]  # fmt: skip
    document = get(nginx, "/pypi/simple/two-words/", JSON).json()
    (file,) = document["files"]
    assert file["filename"] == LOCAL.filename
    page = f"{nginx.url}/pypi/simple/two-words/"
    answer = requests.get(requests.compat.urljoin(page, file["url"]), timeout=10)
    assert answer.content == LOCAL.data
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    beside = requests.get(requests.compat.urljoin(page, file["url"]) + ".metadata", timeout=10)
    assert beside.content == metadata("two_words", "1.0+cu121")


def test_files_have_the_paths_of_the_public_index(nginx: Nginx, index: Index) -> None:
    """What pixi's [mirrors] makes of an address in a lock file."""
    answer = get(nginx, f"/pypi/{ONE.path}")
    assert (answer.status_code, answer.content) == (200, ONE.data)
    assert get(nginx, f"/pypi/{SOURCE.path}").content == SOURCE.data


@pytest.mark.parametrize(
    "path",
    [
        "/pypi/simple/numpy/", "/pypi/.wheels.json", "/pypi/current/.wheels.json", "/pypi/x",
        "/pypi/packages/", "/pypi/packages/00/00/" + "0" * 60 + "/one-1.0-py3-none-any.whl",
        "/pypi/gen-000001/simple/index.html", "/pypi/simple/../../owner.json",
    ],
)  # fmt: skip
def test_what_is_not_locked_is_not_there(nginx: Nginx, index: Index, path: str) -> None:
    assert get(nginx, path).status_code == 404


@pytest.mark.parametrize("path", ["/pypi", "/pypi/", "/pypi/simple"])
def test_short_addresses_lead_to_the_index(nginx: Nginx, index: Index, path: str) -> None:
    answer = get(nginx, path)
    assert (answer.status_code, answer.headers["Location"]) == (301, "/pypi/simple/")
    assert get(nginx, "/pypi/simple/one").headers["Location"] == "/pypi/simple/one/"


def test_before_the_first_wheel_there_is_nothing(nginx: Nginx) -> None:
    for accept in (JSON, HTML, "text/html"):
        assert get(nginx, "/pypi/simple/", accept).status_code == 404


def pip(*words: str) -> subprocess.CompletedProcess[str]:
    """The pip of this Python, which sees nothing but what it is told."""
    return subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check",
         "--no-cache-dir", *words],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_pip_takes_what_fits_by_its_hash(nginx: Nginx, index: Index, tmp_path: Path) -> None:
    got = tmp_path / "got"
    simple = f"{nginx.url}/pypi/simple/"
    answer = pip("download", "-d", str(got), "--index-url", simple, "--no-deps", "one")
    assert answer.returncode == 0, answer.stderr
    assert [path.name for path in got.iterdir()] == [ONE.filename], "2.0 is for Python 99"
    assert (got / ONE.filename).read_bytes() == ONE.data
    hashes = tmp_path / "requirements.txt"
    hashes.write_text(f"two-words==1.0+cu121 --hash=sha256:{LOCAL.sha256}\n")
    answer = pip(
        "install", "--target", str(tmp_path / "there"), "--index-url", simple,
        "--require-hashes", "-r", str(hashes),
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "there/two_words/__init__.py").exists()
    answer = pip("download", "-d", str(got), "--index-url", simple, "--no-deps", "numpy")
    assert answer.returncode != 0 and "No matching distribution" in answer.stderr


def test_uv_resolves_from_metadata_and_installs(nginx: Nginx, index: Index, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed: requirements/dev.txt has it")
    answer = subprocess.run(
        [uv, "pip", "install", "--no-config", "--no-cache", "--python", sys.executable,
         "--default-index", f"{nginx.url}/pypi/simple", "--target", str(tmp_path / "there"),
         "one", "two-words"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "there/one/__init__.py").exists()
    nginx.stop()  # its log is complete then
    log = [json.loads(line) for line in nginx.access_log.read_text().splitlines()]
    asked = [one["uri"] for one in log if "uv/" in one["agent"]]
    assert f"/pypi/{ONE.path}.metadata" in asked


def test_a_file_with_another_path_is_not_served(nginx: Nginx, index: Index) -> None:
    other = File("one-1.0-py3-none-any.whl", b"other bytes")
    assert get(nginx, f"/pypi/{other.path}").status_code == 404
