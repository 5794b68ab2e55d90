"""What clients see while the volume changes under the real nginx: never an error.

The changes are those that production makes, in its order; each waits until every client has begun
and finished a request, so a lookup meets at most one change; in production they are days apart.
"""

import http.client
import os
from pathlib import Path

import pytest

from tests.support.clients.nginx import Nginx
from tests.support.clients.poller import Pollers

ROUNDS = 200
ARTIFACT = "/conda-forge/linux-64/zlib-1.3-0.conda"
CONTENT = b"the artifact" * 1000


def place(mirror: Path, folder: str) -> Path:
    """The artifact's path in one of its places."""
    path = mirror / folder / ARTIFACT.removeprefix("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def is_the_artifact(path: str, status: int, body: bytes) -> str | None:
    return None if (status, body) == (200, CONTENT) else f"{path}: {status}, {len(body)} bytes"


def test_retiring_and_reinstating_is_invisible(nginx: Nginx, mirror_dir: Path) -> None:
    committed, retired = place(mirror_dir, "channels"), place(mirror_dir, "retired")
    committed.write_bytes(CONTENT)
    with Pollers(nginx.port, [ARTIFACT], is_the_artifact) as clients:
        for _ in range(ROUNDS):
            for source, target in ((committed, retired), (retired, committed)):
                os.link(source, target)
                source.unlink()
                clients.turn()
    assert clients.wrong == []
    assert clients.requests > ROUNDS * 8


def test_a_plain_rename_is_invisible_too(nginx: Nginx, mirror_dir: Path) -> None:
    committed, retired = place(mirror_dir, "channels"), place(mirror_dir, "retired")
    committed.write_bytes(CONTENT)
    with Pollers(nginx.port, [ARTIFACT], is_the_artifact) as clients:
        for _ in range(ROUNDS):
            for source, target in ((committed, retired), (retired, committed)):
                source.rename(target)
                clients.turn()
    assert clients.wrong == []


def test_the_pollers_do_notice_a_gap(nginx: Nginx, mirror_dir: Path) -> None:
    committed = place(mirror_dir, "channels")
    committed.write_bytes(CONTENT)
    with Pollers(nginx.port, [ARTIFACT], is_the_artifact) as clients:
        clients.turn()
        committed.unlink()
        clients.turn()
    assert clients.wrong


def generation(mirror: Path, number: int) -> bytes:
    """Write a generation whose every file says its number, at the size of a small index."""
    folder = mirror / f"index/conda-forge/gen-{number:06d}"
    (folder / "linux-64").mkdir(parents=True)
    content = b"%06d" % number * 20_000
    for name in ("repodata.json", "repodata.json.zst", "zlib-1.3-0.conda"):
        (folder / "linux-64" / name).write_bytes(content)
    (folder / "channeldata.json").write_bytes(content)
    return content


@pytest.mark.parametrize("old", ["kept", "pruned"])
def test_publishing_a_generation_is_invisible(nginx: Nginx, mirror_dir: Path, old: str) -> None:
    """Every answer is one whole generation's file; a replaced artifact switches with the index."""
    complete = {generation(mirror_dir, 0)}
    index = mirror_dir / "index/conda-forge"
    (index / "current").symlink_to("gen-000000")
    place(mirror_dir, "channels").write_bytes(b"bytes of an older record")

    def is_whole(path: str, status: int, body: bytes) -> str | None:
        good = status == 200 and body in complete
        return None if good else f"{path}: {status}, {body[:6]!r}, {len(body)} bytes"

    paths = [
        "/conda-forge/linux-64/repodata.json",
        "/conda-forge/linux-64/repodata.json.zst",
        "/conda-forge/channeldata.json",
        ARTIFACT,
    ]
    with Pollers(nginx.port, paths, is_whole) as clients:
        for number in range(1, ROUNDS):
            complete.add(generation(mirror_dir, number))
            (index / "next").symlink_to(f"gen-{number:06d}")
            (index / "next").rename(index / "current")
            clients.turn()
            if old == "pruned":
                remove_generation(index / f"gen-{number - 1:06d}")
    assert clients.wrong == []


def remove_generation(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def test_a_download_survives_replacement_and_expiry(nginx: Nginx, mirror_dir: Path) -> None:
    committed = place(mirror_dir, "channels")
    content = os.urandom(1 << 20) * 64
    committed.write_bytes(content)
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)
    connection.request("GET", ARTIFACT)
    answer = connection.getresponse()
    first = answer.read(1 << 16)
    newer = committed.with_suffix(".tmp")
    newer.write_bytes(b"other")
    newer.rename(committed)
    committed.unlink()
    assert first + answer.read() == content
    connection.close()
