"""What lies beside artifacts, served: as CEP 50 has it, wherever the artifact itself is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import Nginx
from tests.support.clients.served_volume import CHANNELS, SNAPSHOT, Asker, fill, write

HASH = "0123456789abcdef" * 4
ASK = "public, no-cache"
FOREVER = "public, max-age=31536000, immutable"
BUNDLES = b'[{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}]'

ENDINGS = {f".sigs.{HASH}": FOREVER, ".sigs": ASK, ".v0.sigs": ASK}
# One is in channels/, one in retired/; the third is nowhere any more but in a generation.
ARTIFACTS = ("zlib-1.3-0.conda", "old-1.0-0.conda", "a-1!2.0+g1-0.tar.bz2")


@pytest.fixture
def volume(mirror_dir: Path) -> Path:
    fill(mirror_dir)
    for channel in CHANNELS:
        folder = mirror_dir / "sidecars" / channel / "linux-64"
        for artifact in ARTIFACTS:
            for ending in ENDINGS:
                write(folder / f"{artifact}{ending}", BUNDLES)
    return mirror_dir


@pytest.fixture
def get(nginx: Nginx, volume: Path) -> Iterator[Asker]:
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        yield Asker(nginx.url, session)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "prefix", ["", "/cloud", "/anaconda/cloud", f"/snapshots/{SNAPSHOT}", "/snapshots/1999-01-01"]
)
def test_they_are_served_wherever_artifacts_are(get: Asker, prefix: str, ending: str) -> None:
    for artifact in ARTIFACTS:
        answer = get(f"{prefix}/conda-forge/linux-64/{artifact}{ending}")
        assert answer.status_code == 200
        assert answer.content == BUNDLES
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == ENDINGS[ending]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Encoding" not in answer.headers
        part = get(answer.request.path_url, {"Range": "bytes=-5"})
        assert (part.status_code, part.content) == (206, BUNDLES[-5:])
        same = get(answer.request.path_url, {"If-None-Match": answer.headers["ETag"]})
        assert same.status_code == 304


def test_in_channels_of_every_kind(get: Asker) -> None:
    assert get(f"/pkgs/main/linux-64/zlib-1.3-0.conda.sigs.{HASH}").status_code == 200
    assert get("/anaconda/pkgs/main/linux-64/zlib-1.3-0.conda.sigs").status_code == 200
    assert get("/conda-forge/label/rc/linux-64/zlib-1.3-0.conda.v0.sigs").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "zlib-1.3-0.conda.sigs." + "f" * 64,  # none with this hash
        f"zlib-1.3-0.conda.sigs.{HASH.upper()}",
        f"zlib-1.3-0.conda.sigs.{HASH[:-1]}",
        f"zlib-1.3-0.conda.sigs.{HASH}0",
        f"zlib-1.3-0.conda.sigs.{HASH}%0a",
        "zlib-1.3-0.conda.sigs%0a",
        f"..%2f..%2fsidecars%2fconda-forge%2flinux-64%2fzlib-1.3-0.conda.sigs.{HASH}x",
        f".zlib-1.3-0.conda.sigs.{HASH}",
        ".zlib-1.3-0.conda.sigs.0123456789abcdef.tmp",
        "zlib-1.3-0.conda.v1.sigs",
        "secret.sigs",
        "secret.txt",
    ],
)
def test_nothing_else_of_their_tree_is(get: Asker, volume: Path, name: str) -> None:
    folder = volume / "sidecars/conda-forge/linux-64"
    for secret in ("secret.sigs", "secret.txt", ".zlib-1.3-0.conda.sigs.0123456789abcdef.tmp"):
        write(folder / secret, "secret")
    for prefix in ("", "/sidecars", "/cloud", f"/snapshots/{SNAPSHOT}"):
        answer = get(f"{prefix}/conda-forge/linux-64/{name}")
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_no_link_of_their_tree_is_followed(get: Asker, volume: Path, tmp_path: Path) -> None:
    path = volume / f"sidecars/conda-forge/linux-64/zlib-1.3-0.conda.sigs.{HASH}"
    path.unlink()
    path.symlink_to(write(tmp_path / "elsewhere", "secret"))
    answer = get(f"/conda-forge/linux-64/{path.name}")
    assert answer.status_code == 404
