"""On demand: what a miss costs a client, against curl that asks the same upstream directly.

    .venv/bin/python -m benchmarks.demand [--rounds 3] [--size 200] [--flights 100]

Rows: the time to the first byte of a small miss and of a large one; an artifact of ``--size`` MB on
loopback; 100 clients that ask at once for the same 50 artifacts, with the requests that upstream
saw; the fetcher's memory with ``--flights`` transfers of 100 MB under way at 1 MB/s each. The
clients are curl, through our nginx; the upstream is an nginx of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support.process import machine
from tests.support.clients.nginx import free_port, serving, start
from tests.support.mirror import fetcher as fetchers
from tests.support.mirror.fetcher import Fetcher
from tests.support.mirror.sync_harness import REPOSITORY

CHANNEL, SUBDIR = "bench", "linux-64"
SMALL = 60_000
SHARED, CLIENTS = 50, 100

_UPSTREAM = """
worker_processes 1;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {scratch}/access.log;
  client_body_temp_path {scratch}/b; proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f;
  uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port}; root {root};
    location ~ /slow {{ limit_rate 1m; }}
  }}
}}
"""


def publish(root: Path, artifacts: dict[str, Path]) -> None:
    """A channel of these artifacts, by name."""
    folder = root / CHANNEL / SUBDIR
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
def upstream(root: Path) -> Iterator[tuple[str, Path]]:
    """Its URL and its access log."""
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
        scratch = Path(name)
        scratch.chmod(0o777)
        port = free_port()
        process = start(scratch, _UPSTREAM.format(scratch=scratch, port=port, root=root))
        try:
            time.sleep(0.5)
            yield f"http://127.0.0.1:{port}", scratch / "access.log"
        finally:
            process.terminate()
            process.wait(30)


def curl(url: str) -> tuple[float, float]:
    """Milliseconds to the first byte, and to the last."""
    told = "%{http_code} %{time_starttransfer} %{time_total}"
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-o", os.devnull, "-w", told, url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    status, first, last = done.stdout.split()
    if status != "200":
        raise SystemExit(f"{url} answered {status}")
    return 1000 * float(first), 1000 * float(last)


def peak(fetcher: Fetcher) -> float:
    """The fetcher's largest resident size so far, in MiB."""
    status = Path(f"/proc/{fetcher.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Bench:
    """One mirror on demand, of which nothing is here."""

    def __init__(self, base: str, ours: str, log: Path, fetcher: Fetcher) -> None:
        self._base, self._ours, self._log, self._fetcher = base, ours, log, fetcher

    def direct(self, name: str) -> tuple[float, float]:
        return curl(f"{self._base}/{CHANNEL}/{SUBDIR}/{name}-1-0.conda")

    def mirrored(self, name: str) -> tuple[float, float]:
        return curl(f"{self._ours}/{CHANNEL}/{SUBDIR}/{name}-1-0.conda")

    def first_byte(self, kind: str, rounds: int) -> str:
        direct = statistics.median(self.direct(f"{kind}{one}")[0] for one in range(rounds))
        miss = statistics.median(self.mirrored(f"{kind}{one}")[0] for one in range(rounds))
        return f"{direct:.1f} ms directly, {miss:.1f} ms as a miss"

    def large(self, rounds: int) -> str:
        direct = statistics.median(self.direct(f"whole{one}")[1] for one in range(rounds))
        miss = statistics.median(self.mirrored(f"whole{one}")[1] for one in range(rounds))
        time.sleep(1.0)
        hit = statistics.median(self.mirrored(f"whole{one}")[1] for one in range(rounds))
        return (
            f"{direct:.0f} ms directly, {miss:.0f} ms as a miss ({direct / miss:.2f} x),"
            f" {hit:.0f} ms as a hit"
        )

    def shared(self) -> str:
        names = [f"shared{number}" for number in range(SHARED)]
        before = self._requests()
        with ThreadPoolExecutor(CLIENTS) as clients:
            began = time.perf_counter()
            list(clients.map(lambda _: [self.mirrored(name) for name in names], range(CLIENTS)))
            cold = time.perf_counter() - began
            asked = self._requests() - before
            began = time.perf_counter()
            list(clients.map(lambda _: [self.mirrored(name) for name in names], range(CLIENTS)))
            warm = time.perf_counter() - began
        return f"{asked} requests upstream; {cold:.1f} s cold, {warm:.1f} s warm"

    def memory(self, flights: int) -> str:
        began = peak(self._fetcher)
        clients = [
            subprocess.Popen(
                ["curl", "-sS", "--noproxy", "*", "-o", os.devnull,
                 f"{self._ours}/{CHANNEL}/{SUBDIR}/slow{number}-1-0.conda"],
                stderr=subprocess.DEVNULL,
            )
            for number in range(flights)
        ]  # fmt: skip
        time.sleep(12.0)
        found = peak(self._fetcher)
        for one in clients:
            one.kill()
            one.wait()
        return f"{found:.0f} MiB at most, {began:.0f} before"

    def _requests(self) -> int:
        return self._log.read_text().count("-1-0.conda")


def main() -> None:
    """Print one row for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=200, help="MB of the large artifact")
    parser.add_argument("--flights", type=int, default=100)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="bench-demand-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        root, mirror, state = folder / "upstream", folder / "mirror", folder / "state"
        (root / CHANNEL / SUBDIR).mkdir(parents=True)
        for one in (mirror, state):
            one.mkdir()
        blobs = {}
        for kind, size in (("small", SMALL), ("whole", options.size * 10**6), ("slow", 10**8)):
            blobs[kind] = root / f"{kind}.blob"
            with blobs[kind].open("wb") as stream:
                for _ in range(max(1, size // 10**6)):
                    stream.write(os.urandom(min(size, 10**6)))
        rounds = range(options.rounds)
        publish(
            root,
            {f"small{number}": blobs["small"] for number in rounds}
            | {f"first{number}": blobs["whole"] for number in rounds}
            | {f"whole{number}": blobs["whole"] for number in rounds}
            | {f"shared{number}": blobs["small"] for number in range(SHARED)}
            | {f"slow{number}": blobs["slow"] for number in range(options.flights)},
        )
        with upstream(root) as (base, log):
            environment = {
                "CHANNELS": CHANNEL, "CONDA_CLOUD_URL": base, "MIRROR_DIR": str(mirror),
                "STATE_DIR": str(state), "ON_DEMAND": "yes", "MIN_FREE": "0",
                "DEMAND_CONNECTIONS": str(min(128, options.flights)),
            }  # fmt: skip
            subprocess.run(
                [sys.executable, "-m", "syncer", "--once"],
                cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
            )  # fmt: skip
            with (
                fetchers.started(folder, environment) as fetcher,
                serving(mirror, fetcher=f"127.0.0.1:{fetcher.port}") as nginx,
            ):
                bench = Bench(base, nginx.url, log, fetcher)
                print(
                    f"first byte, {SMALL // 1000} kB: {bench.first_byte('small', options.rounds)}"
                )
                print(f"first byte, {options.size} MB: {bench.first_byte('first', options.rounds)}")
                print(f"{options.size} MB on loopback: {bench.large(options.rounds)}")
                print(f"{CLIENTS} clients, {SHARED} artifacts: {bench.shared()}")
                print(f"{options.flights} transfers at once: {bench.memory(options.flights)}")


if __name__ == "__main__":
    main()
