"""Large artifacts: a first sync of them against curl fetching the same files over one connection.

    .venv/bin/python -m benchmarks.large [--artifacts 20] [--mib 100] [--rounds 3]

Ours verifies sha256 and commits durably, with every byte on the disk at the end; curl writes them
into the page cache, so one ``sync`` of its folder is counted for it. CPU seconds beside: hashing
must not be what limits it. The limit is that of the project: 0.85 x curl; exit code 1 below it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.first_sync import Course, ours
from benchmarks.support.process import Spent, machine, measure, median
from benchmarks.support.upstream import SUBDIR, fill, served

LEAST = 0.85


def curl(course: Course) -> list[str]:
    """All files over one kept connection, and then onto the disk as ours are."""
    target = course.target("curl")
    listing = course.folder / "curl.txt"
    listing.write_text(
        "".join(
            f'url = "{course.url}/bench/{SUBDIR}/{name}"\noutput = "{target / name}"\n'
            for name in course.names()
        )
    )
    return ["bash", "-c", f"curl -sf -K {listing} && sync -f {target}"]


def main() -> int:
    """Print the figures; 1 if ours is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--artifacts", type=int, default=20)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    measured: dict[str, list[Spent]] = {"ours": [], "curl": []}
    with tempfile.TemporaryDirectory(prefix="bench-large-") as name:
        root = Path(name)
        root.chmod(0o755)
        upstream = root / "upstream"
        total = fill(upstream, packages=options.artifacts, size=options.mib << 20)
        print(f"{options.artifacts} artifacts, {total / 1e6:,.0f} MB, {options.rounds} rounds")
        with served(upstream) as url:
            for number in range(options.rounds):
                folder = root / f"round-{number}"
                folder.mkdir()
                course = Course(url, upstream, folder, None)
                for label, make in (("ours", ours), ("curl", curl)):
                    os.sync()  # both wait for the disk at their end, and for their own bytes only
                    spent = measure(make(course), folder / "output.txt", course.environment)
                    measured[label].append(spent)
    for label, runs in measured.items():
        middle = median(runs)
        print(
            f"{label:6} {middle.seconds:7.2f} s, {total / 1e6 / middle.seconds:6,.0f} MB/s,"
            f" CPU {middle.cpu:.2f} s ({middle.cpu / middle.seconds:.2f} cores),"
            f" peak {middle.peak:.0f} MB"
        )
    pairs = zip(measured["ours"], measured["curl"], strict=True)
    ratio = statistics.median(curls.seconds / own.seconds for own, curls in pairs)
    print(f"ours is {ratio:.2f} x as fast as curl (the limit is {LEAST})")
    return int(ratio < LEAST)


if __name__ == "__main__":
    sys.exit(main())
