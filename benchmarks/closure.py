"""Dependency closures: how long, how much, and whether anything solvable gets lost.

    .venv/bin/python -m benchmarks.closure [--names 200] [--seed 2017]

Needs the real repodata beside the project (``../shared/realdata``). First closures over 99,475
records of ten channels, parsing included. Then the oracle: random names of conda-forge's repodata
of December 2017; each that rattler solves on the whole channel must solve on its closure.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import key
from syncer.planning.selection.closure import close
from syncer.planning.selection.platform import virtual_packages
from syncer.planning.selection.solve import Solution, solve
from tests.support.clients.solver import WholeChannel
from tests.support.upstream.candidates import real

REALDATA = Path(__file__).resolve().parents[2] / "shared" / "realdata" / "repodata"
REQUESTS = (("python", "numpy"), ("python 3.12.*", "numpy"), ("python 3.10.*", "pytorch"))


def closures() -> None:
    """Time closures over the composite channel."""
    started = time.perf_counter()
    candidates = real(REALDATA / "composite", "composite", "linux-64", "noarch")
    parsed = time.perf_counter() - started
    print(f"{len(candidates):,} records read in {parsed:.2f} s")
    for specs in REQUESTS:
        started = time.perf_counter()
        found = close(candidates, specs)
        seconds = time.perf_counter() - started
        print(
            f"{', '.join(specs)}: {len(found.selected):,} records,"
            f" {len(found.unavailable)} specs unavailable, {seconds:.2f} s"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB")


def oracle(count: int, seed: int) -> int:
    """Compare with the solver on the whole channel; return how many solutions were lost."""
    folder = REALDATA / "conda-forge-2017-12"
    candidates = real(folder, "conda-forge", "linux-64", "noarch")
    names = random.Random(seed).sample(sorted({one.facts.name for one in candidates}), count)
    lost = []
    sizes: list[int] = []
    solvable = same = 0
    with tempfile.TemporaryDirectory() as temporary:
        whole = WholeChannel(Path(temporary), candidates)
        for name in names:
            expected = whole.solve([name])
            found = on_closure(candidates, name, sizes)
            solvable += expected is not None
            same += found == expected
            if expected is not None and found is None:
                lost.append(name)
    share = sum(sizes) / len(sizes) / len(candidates)
    print(
        f"{count} names, {solvable} with a solution on the whole channel, {len(lost)} of them lost"
        f" on the closure, {same} with the same outcome; a closure is {share:.1%} of the channel"
    )
    for name in lost:
        print(f"lost: {name}")
    return len(lost)


def on_closure(candidates: list[Candidate], name: str, sizes: list[int]) -> list[str] | None:
    """The filenames of a solution on the name's closure, None if there is none."""
    selected = close(candidates, [name]).selected
    sizes.append(len(selected))
    kept = [one for one in candidates if key(one) in selected]
    virtual = virtual_packages("linux-64")
    found = solve(kept, [name], channels=["conda-forge"], virtual=virtual)
    if not isinstance(found, Solution):
        return None
    return sorted(filename for _, _, filename in found.records)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2017)
    arguments = parser.parse_args()
    if not REALDATA.is_dir():
        sys.exit(f"{REALDATA} is not there: these figures are of real data")
    closures()
    sys.exit(1 if oracle(arguments.names, arguments.seed) else 0)


if __name__ == "__main__":
    main()
