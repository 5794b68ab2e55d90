"""What nginx must not serve: anything unfinished, anything internal, any listing of a channel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import Nginx
from tests.support.clients.served_volume import Asker, fill, write


@pytest.fixture
def volume(mirror_dir: Path) -> Path:
    fill(mirror_dir)
    return mirror_dir


@pytest.fixture
def get(nginx: Nginx, volume: Path) -> Iterator[Asker]:
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        yield Asker(nginx.url, session)


HIDDEN = [
    "channels/conda-forge/linux-64/.downloading.x-1.0-0.conda",
    "channels/conda-forge/linux-64/x-1.0-0.conda.part",
    "channels/conda-forge/linux-64/.cache/cache.db",
    "index/conda-forge/gen-000002/linux-64/.cache/cache.db",
    "index/conda-forge/gen-000002/linux-64/.repodata.json.0123456789abcdef.tmp",
    "index/conda-forge/gen-000002/linux-64/cache.db",
    "index/conda-forge/gen-000002/linux-64/repodata.json~",
    "index/conda-forge/gen-000002/linux-64/repodata.json.0b0e5bc7-3b2a-4c1e-9a57-0123456789ab",
    "index/conda-forge/gen-000002/.generation.json",
    "index/conda-forge/.hold.json",
    "local/conda-forge/linux-64/x-1.0-0.conda",
    "local/our/tools/linux-64/x-1.0-0.conda",
    "staging/conda-forge/linux-64/x-1.0-0.conda",
    "replaced/conda-forge/linux-64/x-1.0-0.conda",
    "owner.json",
    "site/.index.html.0123456789abcdef.tmp",
]


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden_files(get: Asker, volume: Path, path: str) -> None:
    write(volume / path, "secret")
    inner = path.partition("/")[2]
    generation = inner.replace("/gen-000002", "")
    current = inner.replace("gen-000002", "current")
    for url in filter(None, (path, inner, generation, current)):
        for prefix in ("/", "/cloud/", "/snapshots/../", "/%2e%2e/", "/archive/%2e%2e/"):
            answer = get(prefix + url)
            # 400: nginx refuses a path that leaves the root.
            assert answer.status_code in (400, 404), prefix + url
            assert "secret" not in answer.text


def test_indexes_come_from_the_generation_only(get: Asker, volume: Path) -> None:
    for place in ("channels", "retired"):
        write(volume / place / "conda-forge/win-64/repodata.json")
        write(volume / place / "conda-forge/channeldata.json")
    assert get("/conda-forge/win-64/repodata.json").status_code == 404
    assert "index/" in get("/conda-forge/channeldata.json").text


def test_what_is_not_there_is_404_and_never_403(get: Asker, volume: Path) -> None:
    (volume / "index/conda-forge/gen-000002/linux-64/repodata.json").chmod(0)
    (volume / "channels/conda-forge/linux-64/zlib-1.3-0.conda").chmod(0)
    for url in (
        "/conda-forge/linux-64/repodata.json",
        "/conda-forge/linux-64/zlib-1.3-0.conda",
        "/conda-forge/linux-64/missing-1.0-0.conda",
        "/conda-forge/linux-64/current_repodata.json.zst",
        "/conda-forge/win-64/repodata.json",
        "/unknown/noarch/repodata.json",
        "/conda-forge/notices.json",
        "/status.json",
        "/condarc",
        "/" + "x" * 300,
        "/conda-forge/linux-64/" + "x" * 300 + ".conda",
    ):
        answer = get(url)
        assert answer.status_code == 404, url
        assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    "folder",
    [
        "conda-forge",
        "conda-forge/linux-64",
        "pkgs",
        "pkgs/main",
        "cloud",
        "channels",
        "index",
        "cloud/conda-forge",
        "conda-forge/label/rc/linux-64",
    ],
)
def test_channels_are_never_listed(get: Asker, folder: str) -> None:
    for url in (f"/{folder}", f"/{folder}/"):
        answer = get(url)
        assert answer.status_code == 404, url
        assert "Location" not in answer.headers


@pytest.mark.parametrize("kind", ["archive", "miniconda", "miniforge"])
def test_installers_redirect_to_their_page(get: Asker, kind: str) -> None:
    for prefix in ("", "/anaconda"):
        redirect = get(f"{prefix}/{kind}")
        # Relative: nginx does not know the port that the container is published on.
        assert (redirect.status_code, redirect.headers["Location"]) == (301, f"/{kind}/")


@pytest.mark.parametrize("kind", ["archive", "miniconda", "miniforge"])
def test_installers_without_a_generation_are_404(get: Asker, volume: Path, kind: str) -> None:
    (volume / "installers" / kind / "current").unlink()
    for path in ("", "index.html", ".files.json", "SHA256SUMS", "gen-000002", "current/x.sh"):
        assert get(f"/{kind}/{path}").status_code == 404, path


def test_ranges_of_installers(get: Asker, volume: Path) -> None:
    content = bytes(range(256)) * 300
    write(volume / "installers/archive/gen-000002/Anaconda3-2026.07-Linux-x86_64.sh", content)
    url = "/archive/Anaconda3-2026.07-Linux-x86_64.sh"
    tag = get(url, method="HEAD").headers["ETag"]
    rest = get(url, headers={"Range": "bytes=70000-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, content[70_000:])
    changed = get(url, headers={"Range": "bytes=70000-", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, content)
