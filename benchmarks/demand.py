"""On demand: what a miss costs a client, against the same client directly at the same upstream.

    .venv/bin/python -m benchmarks.demand [--rounds 3] [--size 200] [--flights 100]
        [--only hit first large line shared environment memory]

Rows: a hit, with the fetcher and without one; the time to the first byte of a miss; an artifact
of ``--size`` MB on loopback and at 1 Gbit/s; 100 clients that ask at once for the same 50
artifacts; an environment of 60 artifacts from an upstream 30 ms away, by py-rattler; the fetcher's
memory with ``--flights`` transfers of 100 MB under way at 1 MB/s each. The other clients are curl,
and wrk for hits. Peers are the client directly at upstream, and nginx's ``proxy_cache`` in the
middle; each round asks all of them, one after the other. Needs nginx, wrk, curl, and conda as the
indexer does (``CONDA_EXE``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import wrk
from benchmarks.support.on_demand import SUBDIR, OnDemand, far, mirror, peer, publish, upstream
from benchmarks.support.process import machine
from tests.support.clients.clients import rattler_install
from tests.support.clients.nginx import serving
from tests.support.mirror.fetcher import Fetcher
from tests.support.upstream.packages import package

CHANNEL = "bench"
SMALL = 60_000
SHARED, CLIENTS = 50, 100
ENVIRONMENT, ROUND_TRIP = 60, 30.0


def curl(base: str, *names: str) -> list[tuple[float, float]]:
    """Milliseconds to the first byte and to the last, of each artifact, one after the other.

    Raises:
        SystemExit: an answer was none.
    """
    told = "%{http_code} %{time_starttransfer} %{time_total}\\n"
    command = ["curl", "-sS", "--noproxy", "*", "-w", told]
    for name in names:
        command += ["-o", os.devnull, f"{base}/{CHANNEL}/{SUBDIR}/{name}-1-0.conda"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line.split() for line in done.stdout.splitlines()]
    if done.returncode or [one[0] for one in found] != ["200"] * len(names):
        raise SystemExit(f"{base} failed: {done.stderr}{done.stdout}")
    return [(1000 * float(first), 1000 * float(last)) for _, first, last in found]


def peak(fetcher: Fetcher) -> float:
    """The fetcher's largest resident size so far, in MiB."""
    status = Path(f"/proc/{fetcher.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def took(act: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Bench:
    """One upstream, and what is between it and the clients."""

    options: argparse.Namespace
    base: str
    log: Path
    ours: OnDemand
    peer: str

    def hit(self) -> str:
        """Answers a second, alternately with the fetcher and without."""
        name = "shared0"
        curl(self.ours.url, name)
        self._wait(name)
        place = f"/{CHANNEL}/{SUBDIR}/{name}-1-0.conda"
        asked = argparse.Namespace(seconds=2)
        with serving(self.ours.volume) as plain:
            pairs = [
                (wrk(self.ours.url + place, asked, 32), wrk(plain.url + place, asked, 32))
                for _ in range(self.options.rounds)
            ]
        own = statistics.median(one[0] for one in pairs)
        ratio = statistics.median(with_it / without for with_it, without in pairs)
        return f"{own:,.0f} answers/s, {ratio:.2f} x nginx without a fetcher"

    def first(self) -> str:
        """Time to the first byte of small ones."""
        direct, miss, cached = self._rounds("small", 0)
        median = statistics.median
        return (
            f"{median(direct):.1f} ms directly, {median(miss):.1f} ms as a miss,"
            f" {median(cached):.1f} ms by proxy_cache"
        )

    def large(self) -> str:
        """As fast as the machine can."""
        return self._whole("whole")

    def line(self) -> str:
        """At 1 Gbit/s."""
        return self._whole("line")

    def shared(self) -> str:
        """The same artifacts for all clients at once."""
        names = [f"shared{number}" for number in range(1, SHARED + 1)]
        alone = took(lambda: curl(self.ours.url, *[f"alone{one}" for one in range(SHARED)]))
        before = self._requests()
        with ThreadPoolExecutor(CLIENTS) as clients:

            def all_of_them() -> None:
                list(clients.map(lambda _: curl(self.ours.url, *names), range(CLIENTS)))

            cold = took(all_of_them)
            asked = self._requests() - before
            self._wait(names[-1])
            warm = took(all_of_them)
        return (
            f"{asked} requests upstream; {cold:.1f} s cold, {alone:.1f} s one client cold,"
            f" {warm:.1f} s warm: {cold / (alone + warm):.2f} x the sum; 0 failures"
        )

    def memory(self) -> str:
        """Of the fetcher."""
        began = peak(self.ours.fetcher)
        clients = [
            subprocess.Popen(
                ["curl", "-sS", "--noproxy", "*", "-o", os.devnull,
                 f"{self.ours.url}/{CHANNEL}/{SUBDIR}/slow{number}-1-0.conda"],
                stderr=subprocess.DEVNULL,
            )
            for number in range(self.options.flights)
        ]  # fmt: skip
        time.sleep(12.0)
        found = peak(self.ours.fetcher)
        for one in clients:
            one.kill()
            one.wait()
        return f"{found:.0f} MiB at most, {began:.0f} before"

    def _rounds(self, kind: str, which: int) -> tuple[list[float], list[float], list[float]]:
        direct, miss, cached = [], [], []
        for number in range(self.options.rounds):
            name = f"{kind}{number}"
            direct.append(curl(self.base, name)[0][which])
            miss.append(curl(self.ours.url, name)[0][which])
            self._wait(name)  # what is made durable behind the answer is not the next one's affair
            cached.append(curl(self.peer, name)[0][which])
        return direct, miss, cached

    def _whole(self, kind: str) -> str:
        direct, miss, cached = self._rounds(kind, 1)
        hit = [curl(self.ours.url, f"{kind}{number}")[0][1] for number in range(len(miss))]
        median = statistics.median
        return (
            f"{median(direct):.0f} ms directly, {median(miss):.0f} ms as a miss"
            f" ({_ratio(direct, miss):.2f} x), {median(cached):.0f} ms by proxy_cache"
            f" ({_ratio(direct, cached):.2f} x), {median(hit):.0f} ms as a hit"
        )

    def _wait(self, name: str) -> None:
        """Until nginx has it."""
        deadline = time.monotonic() + 60
        said = f"{name}-1-0.conda: fetched on demand"
        while said not in self.ours.fetcher.said():
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} was not kept:\n{self.ours.fetcher.said()[-2000:]}")
            time.sleep(0.02)

    def _requests(self) -> int:
        return self.log.read_text().count("-1-0.conda")


def _ratio(direct: Sequence[float], other: Sequence[float]) -> float:
    return statistics.median(one / two for one, two in zip(direct, other, strict=True))


def environment(folder: Path, rounds: int) -> str:
    """What a solve and an install of many artifacts take, whole processes."""
    root = folder / "root"
    blobs, found = [], []
    for number in range(ENVIRONMENT):
        one = package(f"member{number}", "1", padding_bytes=SMALL)
        found.append(one)
        blobs.append(folder / one.filename)
        blobs[-1].write_bytes(one.data)
    names = {f"member{number}": path for number, path in enumerate(blobs)}
    for number in range(rounds):
        publish(root, f"far{number}", names)
    times: dict[str, list[float]] = {"directly": [], "cold": [], "warm": []}
    channels = " ".join(f"far{number}" for number in range(rounds))
    with (
        upstream(root) as (base, _),
        far(base, ROUND_TRIP) as distant,
        mirror(folder / "branch", distant, channels, 16) as ours,
    ):
        for number in range(rounds):
            for kind, url in (("directly", distant), ("cold", ours.url), ("warm", ours.url)):
                prefix = folder / f"{kind}{number}"
                began = time.perf_counter()
                done = rattler_install(
                    f"{url}/far{number}", SUBDIR, sorted(names), prefix, variant="json"
                )
                times[kind].append(time.perf_counter() - began)
                if done.error is not None or len(done.files) != ENVIRONMENT:
                    raise SystemExit(f"{kind}: {done.error}, {len(done.files)} artifacts")
                shutil.rmtree(prefix)
    median = statistics.median
    return (
        f"{median(times['directly']):.2f} s directly, {median(times['cold']):.2f} s cold"
        f" ({_ratio(times['cold'], times['directly']):.2f} x), {median(times['warm']):.2f} s warm"
    )


def blob(path: Path, size: int) -> Path:
    """A file of noise."""
    with path.open("wb") as stream:
        for _ in range(max(1, size // 10**6)):
            stream.write(os.urandom(min(size, 10**6)))
    return path


def main() -> None:
    """Print one row for each figure."""
    rows = {
        "hit": "a hit of 60 kB",
        "first": "first byte, 60 kB",
        "large": "{size} MB on loopback",
        "line": "{size} MB at 1 Gbit/s",
        "shared": f"{CLIENTS} clients, {SHARED} artifacts",
        "environment": f"{ENVIRONMENT} artifacts, {ROUND_TRIP:.0f} ms away",
        "memory": "{flights} transfers at once",
    }
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=200, help="MB of the large artifact")
    parser.add_argument("--flights", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=list(rows), default=list(rows))
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-demand-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = folder / "upstream"
        root.mkdir()
        small = blob(folder / "small.blob", SMALL)
        whole = blob(folder / "whole.blob", options.size * 10**6)
        slow = blob(folder / "slow.blob", 10**8)
        rounds = range(options.rounds)
        publish(
            root,
            CHANNEL,
            {f"small{number}": small for number in rounds}
            | {f"{kind}{number}": whole for kind in ("whole", "line") for number in rounds}
            | {f"shared{number}": small for number in range(SHARED + 1)}
            | {f"alone{number}": small for number in range(SHARED)}
            | {f"slow{number}": slow for number in range(options.flights)},
        )
        with (
            upstream(root) as (base, log),
            peer(base) as other,
            mirror(folder / "ours", base, CHANNEL, min(128, options.flights)) as ours,
        ):
            bench = Bench(options, base, log, ours, other)
            for row in options.only:
                if row == "environment":
                    said = environment(folder, options.rounds)
                else:
                    said = getattr(bench, row)()
                print(f"{rows[row].format(**vars(options))}: {said}", flush=True)


if __name__ == "__main__":
    main()
