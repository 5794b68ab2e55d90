"""First sync of a channel on loopback, against what else fetches the same files, in the same run.

    .venv/bin/python -m benchmarks.first_sync [--packages 2000] [--kib 100] [--rounds 3]
        [--latency 30] [--no-http2] [--without curl cp]

Ours verifies sha256 and commits durably; conda-mirror 0.10.0 verifies md5; one curl for each file
(as a shell script does it), ``wget -i`` and ``cp`` verify nothing and leave the bytes in memory.
``--latency`` puts the upstream that many milliseconds away. It speaks HTTP/2 over TLS then, as the
public hosts do that are that far away; ``--http2`` and ``--no-http2`` decide otherwise. Each round
runs all of them in turn, so that a slow moment of the machine meets every one; medians and the
median of the rounds' ratios are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.process import Spent, machine, measure, median
from benchmarks.support.upstream import SUBDIR, fill, served

PEER = Path.home() / ".cache/conda-lan-mirror/conda-mirror"
OURS, IDLE = "ours", "ours, nothing changed"


@dataclass(frozen=True, slots=True)
class Course:
    """One upstream, and an empty folder for one round."""

    url: str
    upstream: Path
    folder: Path
    certificate: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """What all contenders get."""
        trusted = str(self.certificate or "")
        return {
            "MIRROR_DIR": str(self.folder / "mirror"), "STATE_DIR": str(self.folder / "state"),
            "CHANNELS": "bench", "SUBDIRS": SUBDIR, "CONDA_CLOUD_URL": self.url, "MIN_FREE": "0",
            "REQUESTS_CA_BUNDLE": trusted, "CURL_CA_BUNDLE": trusted,
        }  # fmt: skip

    def names(self) -> list[str]:
        """The artifacts."""
        return sorted(path.name for path in (self.upstream / "bench" / SUBDIR).glob("*.conda"))

    def target(self, name: str) -> Path:
        """A folder for one contender."""
        made = self.folder / name
        made.mkdir(exist_ok=True)
        return made


def install_peer() -> Path:
    """conda-mirror 0.10.0 in an environment of its own."""
    program = PEER / "bin" / "conda-mirror"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        pip = [str(PEER / "bin" / "pip"), "install", "--quiet", "conda-mirror==0.10.0"]
        subprocess.run(pip, check=True)
    return program


def ours(course: Course) -> list[str]:
    course.target("mirror")
    return [sys.executable, "-m", "syncer", "--once"]


def conda_mirror(course: Course) -> list[str]:
    return [
        str(PEER / "bin" / "conda-mirror"), "--upstream-channel", f"{course.url}/bench",
        "--platform", SUBDIR, "--target-directory", str(course.target("conda-mirror")),
        "--no-progress",
    ]  # fmt: skip


def curl(course: Course) -> list[str]:
    """One process a file, as the ancestor did it."""
    listing = course.folder / "curl.txt"
    listing.write_text("".join(f"{name}\n" for name in course.names()))
    script = (
        f'while read -r name; do curl -sf -o "$1/$name" "{course.url}/bench/{SUBDIR}/$name"'
        f" || exit 1; done < {listing}"
    )
    return ["bash", "-c", script, "bash", str(course.target("curl"))]


def wget(course: Course) -> list[str]:
    listing = course.folder / "urls.txt"
    urls = [f"{course.url}/bench/{SUBDIR}/{name}\n" for name in course.names()]
    listing.write_text("".join(urls))
    trust = ["--ca-certificate", str(course.certificate)] if course.certificate else []
    return ["wget", "-q", *trust, "-i", str(listing), "-P", str(course.target("wget"))]


def cp(course: Course) -> list[str]:
    return ["cp", "-r", str(course.upstream / "bench" / SUBDIR), str(course.target("cp"))]


CONTENDERS: dict[str, Callable[[Course], list[str]]] = {
    OURS: ours,
    IDLE: ours,
    "conda-mirror": conda_mirror,
    "conda-mirror, nothing changed": conda_mirror,
    "curl": curl,
    "wget": wget,
    "cp": cp,
}


def run(options: argparse.Namespace) -> dict[str, list[Spent]]:
    """All rounds; what each contender took."""
    chosen = {
        name: make for name, make in CONTENDERS.items()
        if name.partition(",")[0] not in options.without
        and (make not in {curl, wget, cp} or shutil.which(name))
    }  # fmt: skip
    measured: dict[str, list[Spent]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        root.chmod(0o755)
        upstream = root / "upstream"
        total = fill(upstream, packages=options.packages, size=options.kib * 1024)
        print(
            f"{options.packages:,} artifacts, {total / 1e6:,.0f} MB, {options.latency:g} ms away,"
            f" HTTP/{2 if options.http2 else 1.1}, {options.rounds} rounds"
        )
        certificates = root if options.http2 else None
        with served(upstream, latency=options.latency, certificates=certificates) as url:
            for number in range(options.rounds):
                folder = root / f"round-{number}"
                folder.mkdir()
                certificate = root / "certificate.pem" if options.http2 else None
                course = Course(url, upstream, folder, certificate)
                for label, make in chosen.items():
                    command = make(course)
                    os.sync()  # ours waits for the disk, and must not wait for others' bytes
                    spent = measure(command, folder / "output.txt", course.environment)
                    measured[label].append(spent)
                # Nothing is removed between the rounds: for half a minute ext4 is slow to create
                # files where many were deleted.
    return measured


def show(measured: dict[str, list[Spent]], packages: int) -> None:
    for label, runs in measured.items():
        middle = median(runs)
        low, high = min(run.seconds for run in runs), max(run.seconds for run in runs)
        rate = "" if "nothing" in label else f"{packages / middle.seconds:8,.0f} files/s"
        print(
            f"{label:30} {middle.seconds:7.2f} s ({low:.2f} to {high:.2f}), CPU {middle.cpu:.2f} s,"
            f" peak {middle.peak:4.0f} MB {rate}"
        )
    for label, runs in measured.items():
        mine = measured[IDLE if "nothing" in label else OURS]
        if runs is not mine:
            pairs = list(zip(runs, mine, strict=True))
            ratio = statistics.median(theirs.seconds / own.seconds for theirs, own in pairs)
            cpu = statistics.median(theirs.cpu / own.cpu for theirs, own in pairs)
            print(f"ours is {ratio:.2f} x as fast as {label}, with 1/{cpu:.2f} of its CPU seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--packages", type=int, default=2000)
    parser.add_argument("--kib", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds a round trip")
    parser.add_argument("--http2", action=argparse.BooleanOptionalAction, help="HTTP/2 over TLS")
    parser.add_argument("--without", nargs="*", default=[], help="contenders to leave out")
    options = parser.parse_args()
    if options.http2 is None:
        options.http2 = options.latency > 0
    if "conda-mirror" not in options.without:
        install_peer()
    print(machine())
    show(run(options), options.packages)


if __name__ == "__main__":
    main()
