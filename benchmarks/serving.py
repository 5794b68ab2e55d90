"""Serving: our nginx configuration against nginx's stock one and against loopback itself, by wrk.

    .venv/bin/python -m benchmarks.serving [--seconds 3] [--rounds 3] [--connections 32]

A shard of 2 kB, ``repodata.json.zst`` of 40 MB, the same answered with 304, an artifact of 200 MB.
The stock server has nginx's defaults (``sendfile`` and an access log of one line a request), two
workers like ours, and finds each file at its plain path, where ours looks into a generation first.
The limits are an nginx that answers 204 without a file, and a bare socket that sends memory.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.support.process import machine
from tests.support.clients.nginx import executable, free_port, serving, start

SHARD, INDEX, ARTIFACT = 2_000, 40_000_000, 200_000_000
CHANNEL = "conda-forge"

_STOCK = """
worker_processes 2;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
events {{ worker_connections 768; }}
http {{
  access_log {scratch}/access.log;
  client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f;
  uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  sendfile on; tcp_nopush on; keepalive_timeout 65;
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    location = /limit {{ access_log off; return 204; }}
  }}
}}
"""


def fill(mirror: Path) -> dict[str, str]:
    """A published channel; the path of each case below its subdir."""
    generation = mirror / "index" / CHANNEL / "gen-000001" / "linux-64"
    artifacts = mirror / "channels" / CHANNEL / "linux-64"
    for folder in (generation, artifacts):
        folder.mkdir(parents=True)
    shard = f"{'ab' * 32}.msgpack.zst"
    (generation / shard).write_bytes(os.urandom(SHARD))
    (generation / "repodata.json.zst").write_bytes(os.urandom(INDEX))
    (artifacts / "large-1.0-0.conda").write_bytes(os.urandom(1 << 20) * (ARTIFACT >> 20))
    (mirror / "index" / CHANNEL / "current").symlink_to("gen-000001")
    return {"shard": shard, "index": "repodata.json.zst", "artifact": "large-1.0-0.conda"}


@contextmanager
def stock(mirror: Path) -> Iterator[str]:
    """nginx as distributed, over links to the same files at plain paths."""
    with tempfile.TemporaryDirectory(prefix="bench-stock-") as name:
        scratch = Path(name)
        scratch.chmod(0o777)
        root = scratch / "root" / CHANNEL
        shutil.copytree(mirror / "index" / CHANNEL / "gen-000001", root, copy_function=os.link)
        for path in (mirror / "channels" / CHANNEL / "linux-64").iterdir():
            (root / "linux-64" / path.name).hardlink_to(path)
        port = free_port()
        text = _STOCK.format(scratch=scratch, port=port, root=scratch / "root")
        process = start(scratch, text)
        try:
            adapter = requests.adapters.HTTPAdapter(
                max_retries=requests.adapters.Retry(connect=50, backoff_factor=0.02)
            )
            with requests.Session() as session:
                session.mount("http://", adapter)
                session.get(f"http://127.0.0.1:{port}/limit", timeout=5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def wrk(url: str, options: argparse.Namespace, connections: int, etag: str = "") -> float:
    """Requests per second.

    Raises:
        SystemExit: wrk failed, or answers were errors.
    """
    header = ["-H", f"If-None-Match: {etag}"] if etag else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{options.seconds}s", *header, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if done.returncode or found is None or "Non-2xx" in done.stdout:
        raise SystemExit(f"wrk on {url} failed:\n{done.stdout}{done.stderr}")
    return float(found[1])


def bare_socket(seconds: float) -> float:
    """Bytes per second from one end of a loopback connection to the other."""
    block = bytes(1 << 20)
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            sender, _ = server.accept()
            with sender:
                while not ending.is_set():
                    sender.sendall(block)

        thread = threading.Thread(target=send)
        thread.start()
        received, begin = 0, time.perf_counter()
        with socket.create_connection(server.getsockname()) as receiver:
            while time.perf_counter() - begin < seconds:
                received += len(receiver.recv(1 << 20))
            elapsed = time.perf_counter() - begin
            ending.set()
            while receiver.recv(1 << 20):
                pass
        thread.join()
    return received / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if executable() is None or shutil.which("wrk") is None:
        raise SystemExit("needs nginx and wrk: apt-get install nginx-light wrk")
    print(machine())
    rates: dict[str, list[tuple[float, float]]] = {}
    limits: list[float] = []
    sockets: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as name:
        mirror = Path(name)
        mirror.chmod(0o755)
        paths = fill(mirror)
        with serving(mirror) as nginx, stock(mirror) as other:
            for _ in range(options.rounds):
                for case, path in {**paths, "index, 304": paths["index"]}.items():
                    connections = 4 if case in {"index", "artifact"} else options.connections
                    pair = []
                    for base in (nginx.url, other):
                        url = f"{base}/{CHANNEL}/linux-64/{path}"
                        tag = requests.head(url, timeout=30).headers["ETag"]
                        is_304 = case.endswith("304")
                        pair.append(wrk(url, options, connections, tag if is_304 else ""))
                    rates.setdefault(case, []).append((pair[0], pair[1]))
                limits.append(wrk(f"{other}/limit", options, options.connections))
                sockets.append(bare_socket(options.seconds))
    sizes = {"index": INDEX, "artifact": ARTIFACT}
    limit, bandwidth = statistics.median(limits), statistics.median(sockets)
    print(f"limits: {limit:,.0f} empty answers/s, {bandwidth / 1e6:,.0f} MB/s over a bare socket")
    for case, pairs in rates.items():
        own, ratio = (
            statistics.median(pair[0] for pair in pairs),
            statistics.median(pair[0] / pair[1] for pair in pairs),
        )
        size = sizes.get(case)
        share = own * size / bandwidth if size else own / limit
        rate = f"{own * size / 1e6:,.0f} MB/s" if size else f"{own:,.0f} answers/s"
        print(f"{case:12} {rate:>18}, {ratio:.2f} x stock nginx, {share:.0%} of the limit")


if __name__ == "__main__":
    main()
