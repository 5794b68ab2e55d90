"""Dependency closures: how long, how much, and whether anything solvable gets lost.

    .venv/bin/python -m benchmarks.closure [--names 200] [--channels 500] [--seed 2017]

With the real repodata beside the project (``../shared/realdata``): first closures over 99,475
records of ten channels, parsing included. Then the oracle: random names of conda-forge's repodata
of December 2017; each that rattler solves on the whole channel must solve on its closure. Last the
same for small channels of revision 3, made up with conditions, extras, flags and artifacts of two
records, on three platforms, for clients that read revision 3 and for those that don't: these need
no real data, and every record of a solution must be in the closure.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, key
from syncer.planning.selection.closure import close
from syncer.planning.selection.platform import virtual_packages
from syncer.planning.selection.solve import Solution, solve
from tests.support.clients.solver import WholeChannel
from tests.support.upstream.candidates import real
from tests.support.upstream.made_up_channels import PLATFORMS, made_up_channel, made_up_specs

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


@dataclass(frozen=True)
class Comparison:
    """What a client's solver took of a whole channel, and what of that a closure lacks."""

    specs: tuple[str, ...]
    platform: str
    client: str
    expected: list[str] | None
    lost: tuple[str, ...]
    records: int
    taken: int

    def __str__(self) -> str:
        return f"{self.client} client on {self.platform}, {self.specs}: {', '.join(self.lost)}"


def compare_made_up(seed: int) -> Iterator[Comparison]:
    """Compare all clients of a made-up channel on all platforms."""
    candidates = made_up_channel(seed)
    with tempfile.TemporaryDirectory() as temporary:
        clients = {}
        for client in ("new", "old"):
            folder = Path(temporary, client)
            folder.mkdir()
            clients[client] = WholeChannel(folder, candidates, is_old=client == "old")
        for platform, number in product(PLATFORMS, range(2)):
            specs = made_up_specs(2 * seed + number)
            selected = close(Catalog(candidates, platform), specs).selected
            for client, whole in clients.items():
                expected = whole.solve(specs, platform)
                have = {filename for _, _, filename in selected}
                lost = tuple(name for name in expected or () if name not in have)
                yield Comparison(
                    tuple(specs), platform, client, expected, lost, len(candidates), len(selected)
                )


def made_up_oracle(count: int, seed: int) -> int:
    """Compare with the solver on made-up channels; return how much was lost."""
    lost: list[str] = []
    asked = solved = records = taken = 0
    for number in range(seed, seed + count):
        for comparison in compare_made_up(number):
            asked += 1
            solved += comparison.expected is not None
            records += comparison.records
            taken += comparison.taken
            lost += [f"channel {number}: {comparison}"] if comparison.lost else []
    print(
        f"{count} made-up channels, {asked:,} requests, {solved:,} with a solution, {len(lost)} of"
        f" them lost on the closure; a closure is {taken / max(records, 1):.1%} of the channel"
    )
    for one in lost:
        print(f"lost: {one}")
    return len(lost)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--channels", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2017)
    arguments = parser.parse_args()
    lost = made_up_oracle(arguments.channels, arguments.seed)
    if REALDATA.is_dir():
        closures()
        lost += oracle(arguments.names, arguments.seed)
    else:
        print(f"{REALDATA} is not there: no figures of real data")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
