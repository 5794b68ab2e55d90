"""A mirror volume with everything that nginx may be asked for, and a client to ask it.

Guaranteed: each file's content is its own path, so that an answer tells which file it came from.
"""

from collections.abc import Mapping
from pathlib import Path

import requests

from volume import snapshots
from volume.disk import files
from volume.generations import Generation

SHARD = "0123456789abcdef" * 4 + ".msgpack.zst"
SNAPSHOT = "20261122T100000Z"
NEWER = "20261125T031700Z"
INDEX_FILES = (
    "repodata.json",
    "repodata.json.zst",
    "repodata.json.bz2",
    "current_repodata.json",
    "repodata_shards.msgpack.zst",
    "run_exports.json.zst",
    SHARD,
)
INSTALLERS = (
    ("archive", "Anaconda3-2026.07-Linux-x86_64.sh"),
    ("miniconda", "Miniconda3-latest-Linux-x86_64.sh"),
    ("miniforge", "Miniforge3-Windows-x86_64.exe"),
)
CHANNELS = ("conda-forge", "conda-forge/label/rc", "pkgs/main")


def write(path: Path, content: str | bytes | None = None) -> Path:
    """Write a file; without content, its own path is its content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = str(path) if content is None else content
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def fill(mirror: Path) -> None:
    """Three channels with two generations each, and installers; no site."""
    for channel in CHANNELS:
        for generation in ("gen-000001", "gen-000002"):
            folder = mirror / "index" / channel / generation
            for name in INDEX_FILES:
                write(folder / "linux-64" / name)
            write(folder / "channeldata.json")
        index = mirror / "index" / channel
        (index / "current").symlink_to("gen-000002")
        link_times(index, SNAPSHOT, NEWER)
        write(mirror / "channels" / channel / "linux-64/zlib-1.3-0.conda")
        write(mirror / "channels" / channel / "linux-64/a-1!2.0+g1-0.tar.bz2")
        write(mirror / "retired" / channel / "linux-64/old-1.0-0.conda")
    for kind, name in INSTALLERS:
        for generation in ("gen-000001", "gen-000002"):
            folder = mirror / "installers" / kind / generation
            for document in (name, ".files.json", "SHA256SUMS", "index.html"):
                write(folder / document)
    for kind in dict(INSTALLERS):
        (mirror / "installers" / kind / "current").symlink_to("gen-000002")


def link_times(index: Path, *times: str) -> None:
    """Generations from 1 on are found by these times, as the indexer writes it."""
    kept = [Generation(n, n, "", time, 0.0, "", {}) for n, time in enumerate(times, 1)]
    files.make_links(index / ".times-1", snapshots.links(kept))
    (index / ".times").symlink_to(".times-1")


class Asker:
    """Asks nginx for paths; redirects are not followed."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def __call__(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> requests.Response:
        return self._session.request(
            method, self._url + path, headers=headers, allow_redirects=False
        )
