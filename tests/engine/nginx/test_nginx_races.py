"""What clients see while the volume changes under the real nginx: never an error.

The changes are those that production makes, in its order; each waits until every client has begun
and finished a request, so a lookup meets at most one change; in production they are days apart.
"""

import http.client
import os
from pathlib import Path

import pytest

from indexer.generations.snapshots import converge
from tests.support.clients.nginx import Nginx
from tests.support.clients.poller import Pollers
from volume import snapshots
from volume.generations import Generation
from volume.layout import Mirror

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


def test_times_are_found_while_generations_come_and_go(nginx: Nginx, mirror_dir: Path) -> None:
    """What the indexer does to ``.times``: today, now and a fixed time always have an answer."""
    mirror = Mirror(mirror_dir)
    start = snapshots.moment_of("20261128T115800Z")
    assert start
    kept: list[Generation] = []
    old = generation(mirror_dir, 1)
    complete = {old}

    def publish(number: int) -> None:
        complete.add(generation(mirror_dir, number)) if number > 1 else None
        name = snapshots.name_of(start + 7 * (number - 1))
        kept.append(Generation(number, number, "", name, 0.0, "", {}, pinned=number == 1))
        converge(mirror, "conda-forge", kept)

    def is_whole(path: str, status: int, body: bytes) -> str | None:
        is_right = body == old if "11:58:06" in path else body in complete
        return None if status == 200 and is_right else f"{path}: {status}, {body[:6]!r}"

    publish(1)
    paths = [
        f"/snapshots/{time}/conda-forge/{path}"
        for time in ("2026-11-28", "2026-11-28T12", "2026-12-01", "2026-11-28T11:58:06")
        for path in ("linux-64/repodata.json", "channeldata.json")
    ]
    with Pollers(nginx.port, paths, is_whole) as clients:
        for number in range(2, 60):
            publish(number)
            clients.turn()
            if number > 4:
                gone = kept.pop(1)
                kept[0] = kept[0] if kept[0].followed else kept[0].followed_by(gone)
                converge(mirror, "conda-forge", kept)
                remove_generation(mirror.generation("conda-forge", gone.number))
                clients.turn()
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
