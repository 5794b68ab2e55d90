"""What the benchmark of a channel on demand runs: an upstream, a mirror of it, and the peer.

The upstream is nginx over files; what is named ``line...`` comes from it at 1 Gbit/s, ``slow...``
at 1 MB/s. The peer is nginx's ``proxy_cache`` with a lock for each file.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.clients.nginx import Nginx, free_port, serving, start
from tests.support.mirror import fetcher as fetchers
from tests.support.mirror.fetcher import Fetcher, wait_until_up
from tests.support.mirror.sync_harness import REPOSITORY

SUBDIR = "linux-64"

_HTTP = """
worker_processes 1;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {scratch}/access.log;
  client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f;
  uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
"""

_UPSTREAM = (
    _HTTP
    + """
  server {{
    listen 127.0.0.1:{port}; root {root};
    location ~ /slow {{ limit_rate 1m; }}
    location ~ /line {{ limit_rate 125000000; }}
  }}
}}
"""
)

_PEER = (
    _HTTP
    + """
  proxy_cache_path {scratch}/cache keys_zone=peer:10m max_size=20g inactive=1d use_temp_path=off;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {root};
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache peer; proxy_cache_valid 200 1d;
      proxy_cache_lock on; proxy_cache_lock_timeout 600s; proxy_cache_lock_age 600s;
    }}
  }}
}}
"""
)


def publish(root: Path, channel: str, artifacts: Mapping[str, Path]) -> None:
    """A channel of these artifacts, by name, and nothing for all platforms."""
    folder = root / channel / SUBDIR
    folder.mkdir(parents=True)
    noarch = {"info": {"subdir": "noarch"}, "packages": {}, "packages.conda": {}}
    (folder.parent / "noarch").mkdir()
    (folder.parent / "noarch" / "repodata.json").write_text(json.dumps(noarch))
    records = {}
    hashes: dict[Path, str] = {}
    for name, path in artifacts.items():
        filename = f"{name}-1-0.conda"
        os.link(path, folder / filename)
        if path not in hashes:
            with path.open("rb") as stream:
                hashes[path] = hashlib.file_digest(stream, "sha256").hexdigest()
        records[filename] = {
            "name": name, "version": "1", "build": "0", "build_number": 0, "depends": [],
            "size": path.stat().st_size, "sha256": hashes[path], "subdir": SUBDIR,
        }  # fmt: skip
    document = {"info": {"subdir": SUBDIR}, "packages": {}, "packages.conda": records}
    (folder / "repodata.json").write_text(json.dumps(document))


@contextmanager
def _nginx(text: str, root: str) -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
        scratch = Path(name)
        scratch.chmod(0o777)
        port = free_port()
        process = start(scratch, text.format(scratch=scratch, port=port, root=root))
        try:
            wait_until_up(process, port, scratch / "error.log")
            yield f"http://127.0.0.1:{port}", scratch / "access.log"
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def upstream(root: Path) -> Iterator[tuple[str, Path]]:
    """Its URL and its access log."""
    with _nginx(_UPSTREAM, str(root)) as found:
        yield found


@contextmanager
def peer(base: str) -> Iterator[str]:
    """The URL of a caching proxy before an upstream."""
    with _nginx(_PEER, base) as (url, _):
        yield url


@contextmanager
def far(base: str, milliseconds: float) -> Iterator[str]:
    """The URL of an upstream at a distance, told as the round trip."""
    port, target = free_port(), base.rsplit(":", 1)[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.support.delay", str(port), target, str(milliseconds)],
        cwd=REPOSITORY,
    )
    try:
        wait_until_up(process, port, Path(os.devnull))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class OnDemand:
    """A mirror on demand of which nothing is here yet."""

    fetcher: Fetcher
    nginx: Nginx
    volume: Path

    @property
    def url(self) -> str:
        return self.nginx.url


@contextmanager
def mirror(folder: Path, base: str, channels: str, connections: int) -> Iterator[OnDemand]:
    """Mirror the index of these channels, start the fetcher, and nginx before it."""
    volume, state = folder / "mirror", folder / "state"
    for one in (folder, volume, state):
        one.mkdir()
        one.chmod(0o755)
    environment = {
        "CHANNELS": channels, "CONDA_CLOUD_URL": base, "MIRROR_DIR": str(volume),
        "STATE_DIR": str(state), "ON_DEMAND": "yes", "MIN_FREE": "0",
        "DEMAND_CONNECTIONS": str(connections),
    }  # fmt: skip
    for program in ("syncer", "indexer"):
        subprocess.run(
            [sys.executable, "-m", program, "--once"],
            cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        )  # fmt: skip
    with (
        fetchers.started(folder, environment) as fetcher,
        serving(volume, fetcher=f"127.0.0.1:{fetcher.port}") as nginx,
    ):
        yield OnDemand(fetcher, nginx, volume)
