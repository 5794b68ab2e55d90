"""A synthetic upstream of many packages, on disk, served by nginx on loopback.

It can be put at a distance (``benchmarks.support.delay``), and speak HTTP/2 over TLS as big
upstreams do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
import zstandard

from tests.support.clients.nginx import executable, free_port, start
from tests.support.upstream.certificates import self_signed
from tests.support.upstream.packages import package

SUBDIR = "linux-64"
_REPOSITORY = Path(__file__).resolve().parents[2]

_NGINX = """
worker_processes 1;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f;
  uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}{tls}; root {root}; }}
}}
"""


def fill(folder: Path, *, packages: int, size: int) -> int:
    """Write a channel ``bench`` below ``folder``; return its artifacts' bytes."""
    subdir = folder / "bench" / SUBDIR
    subdir.mkdir(parents=True)
    sections: dict[str, dict[str, object]] = {"packages": {}, "packages.conda": {}}
    total = 0
    for number in range(packages):
        made = package(
            f"bench-{number // 8:05d}", f"1.{number % 8}", subdir=SUBDIR, padding_bytes=size
        )
        (subdir / made.filename).write_bytes(made.data)
        sections[made.section][made.filename] = dict(made.record)
        total += len(made.data)
    _publish(subdir, SUBDIR, sections)
    noarch = folder / "bench" / "noarch"
    noarch.mkdir()
    _publish(noarch, "noarch", {"packages": {}, "packages.conda": {}})
    return total


def _publish(folder: Path, subdir: str, sections: dict[str, dict[str, object]]) -> None:
    document = {"info": {"subdir": subdir}, **sections, "removed": [], "repodata_version": 1}
    text = json.dumps(document).encode()
    (folder / "repodata.json").write_bytes(text)
    (folder / "repodata.json.zst").write_bytes(zstandard.ZstdCompressor(level=3).compress(text))


@contextmanager
def served(root: Path, *, latency: float = 0.0, certificates: Path | None = None) -> Iterator[str]:
    """Serve ``root`` with nginx; yield its URL.

    Args:
        latency: milliseconds for a round trip.
        certificates: serve HTTP/2 over TLS, with ``certificate.pem`` that is made in this folder.

    Raises:
        RuntimeError: this machine has no nginx.
    """
    if executable() is None:
        raise RuntimeError("no nginx on this machine: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as scratch_name:
        scratch = Path(scratch_name)
        scratch.chmod(0o777)
        port = free_port()
        tls, scheme = "", "http"
        trusted: str | bool = True
        if certificates is not None:
            made = self_signed(certificates)
            made.key.chmod(0o644)  # nginx is another user
            tls = f" ssl http2; ssl_certificate {made.certificate}; ssl_certificate_key {made.key}"
            scheme, trusted = "https", str(made.certificate)
        text = _NGINX.format(scratch=scratch, port=port, root=root, tls=tls)
        process = start(scratch, text)
        with ExitStack() as stack:
            stack.callback(_end, process)
            url = f"{scheme}://127.0.0.1:{port}"
            _wait(url, process, trusted)
            if latency:
                far = free_port()
                words = ["-m", "benchmarks.support.delay", str(far), str(port), str(latency)]
                proxy = subprocess.Popen([sys.executable, *words], cwd=_REPOSITORY)
                stack.callback(_end, proxy)
                url = f"{scheme}://127.0.0.1:{far}"
                _wait(url, proxy, trusted)
            yield url


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], trusted: str | bool) -> None:
    retries = requests.adapters.Retry(connect=50, backoff_factor=0.02)
    with requests.Session() as session:
        session.trust_env = False
        session.mount(
            f"{urlsplit(url).scheme}://", requests.adapters.HTTPAdapter(max_retries=retries)
        )
        session.get(url, timeout=5, verify=trusted)
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended at once")
