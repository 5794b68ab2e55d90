"""First sync and no-op sync on loopback, against conda-mirror 0.10.0 and `wget -i` in the same run.

    .venv/bin/python -m benchmarks.first_sync [--packages 2000] [--kib 100] [--rounds 3]

Ours verifies sha256 and commits durably; conda-mirror verifies md5; wget verifies nothing. Each
round runs all of them in turn, so that a slow moment of the machine meets every one; medians and
the median of the rounds' ratios are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.upstream import SUBDIR, fill, served

REPOSITORY = Path(__file__).resolve().parents[1]
PEER = Path.home() / ".cache/conda-lan-mirror/conda-mirror"


def install_peer() -> Path:
    """conda-mirror 0.10.0 in an environment of its own."""
    program = PEER / "bin" / "conda-mirror"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        pip = [str(PEER / "bin" / "pip"), "install", "--quiet", "conda-mirror==0.10.0"]
        subprocess.run(pip, check=True)
    return program


def ours(url: str, folder: Path) -> list[str]:
    os.environ.update(
        MIRROR_DIR=str(folder / "mirror"),
        STATE_DIR=str(folder / "state"),
        CHANNELS="bench",
        SUBDIRS=SUBDIR,
        CONDA_CLOUD_URL=url,
        MIN_FREE="0",
    )
    (folder / "mirror").mkdir(exist_ok=True)
    return [sys.executable, "-m", "syncer", "--once"]


def peer(program: Path, url: str, folder: Path) -> list[str]:
    target = folder / "conda-mirror"
    target.mkdir(exist_ok=True)
    return [
        str(program), "--upstream-channel", f"{url}/bench", "--platform", SUBDIR,
        "--target-directory", str(target), "--no-progress",
    ]  # fmt: skip


def wget(url: str, folder: Path, upstream: Path) -> list[str] | None:
    if shutil.which("wget") is None:
        return None
    listing = folder / "urls"
    names = sorted(path.name for path in (upstream / "bench" / SUBDIR).glob("*.conda"))
    listing.write_text("".join(f"{url}/bench/{SUBDIR}/{name}\n" for name in names))
    (folder / "wget").mkdir(exist_ok=True)
    return ["wget", "-q", "-i", str(listing), "-P", str(folder / "wget")]


def seconds(command: list[str]) -> float:
    """Run a command to its end."""
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - begin
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--packages", type=int, default=2000)
    parser.add_argument("--kib", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    program = install_peer()
    measured: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        root.chmod(0o755)
        upstream = root / "upstream"
        total = fill(upstream, packages=options.packages, size=options.kib * 1024)
        print(f"{options.packages:,} packages, {total / 1e6:,.0f} MB, {options.rounds} rounds")
        with served(upstream) as url:
            for number in range(options.rounds):
                folder = root / f"round-{number}"
                folder.mkdir()
                commands = {
                    "ours": ours(url, folder),
                    "ours, no-op": ours(url, folder),
                    "conda-mirror 0.10.0": peer(program, url, folder),
                    "conda-mirror 0.10.0, no-op": peer(program, url, folder),
                    "wget -i (verifies nothing)": wget(url, folder, upstream),
                }
                for label, command in commands.items():
                    if command is not None:
                        measured.setdefault(label, []).append(seconds(command))
                # Nothing is removed between the rounds: for half a minute ext4 is slow to create
                # files where many were deleted.
    for label, times in measured.items():
        middle = statistics.median(times)
        rate = "" if "no-op" in label else f"{options.packages / middle:8,.0f} files/s"
        print(f"{label:30} {middle:7.2f} s  (from {min(times):.2f} to {max(times):.2f}) {rate}")
    for label in measured:
        if label.startswith("ours"):
            continue
        mine = measured["ours, no-op" if "no-op" in label else "ours"]
        ratios = [theirs / own for theirs, own in zip(measured[label], mine, strict=True)]
        print(f"ours is {statistics.median(ratios):.1f} x as fast as {label}")


if __name__ == "__main__":
    main()
