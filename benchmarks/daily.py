"""A sync with nothing to do, and one after a day's change, of large channels.

    .venv/bin/python -m benchmarks.daily [--records 2000 80000 800000] [--rounds 3]

A day is 0.5 % new, 0.05 % removed and 0.05 % hotfixed records (``benchmarks.support.listed``); a
new artifact has 20 kB. Upstream has run_exports and channeldata as well: the first sync takes them
over, in a day they change with the new artifacts. Whole commands from start to exit: seconds, CPU
seconds, peak memory, requests and bytes received. The limits are those of the project: 0.3 s and
one request a subdir for nothing, 20 s and 1.2 GB at 800,000 records for a day; exit code 1 beyond
them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.support.listed import Listed
from benchmarks.support.process import Spent, machine, measure, median
from benchmarks.support.seeded import SHARES
from benchmarks.support.upstream import served
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.tree import Volumes, publish

CHANNEL = "bench"
IDLE_SECONDS, DAY_SECONDS, DAY_MEGABYTES = 0.3, 20.0, 1200.0


def sync(committed: CommittedMirror, url: str) -> tuple[Spent, int, int]:
    """One sync; with the requests that it made and the bytes that it received."""
    environment = {
        "MIRROR_DIR": str(committed.mirror.root), "STATE_DIR": str(committed.state.root),
        "CHANNELS": CHANNEL, "SUBDIRS": "linux-64", "CONDA_CLOUD_URL": url, "MIN_FREE": "0",
    }  # fmt: skip
    output = committed.state.root / "output.txt"
    spent = measure([sys.executable, "-m", "syncer", "--once"], output, environment)
    run = json.loads((committed.state.root / "sync-run.json").read_bytes())
    hosts = run["hosts"]
    return spent, sum(one["requests"] for one in hosts), sum(one["received"] for one in hosts)


def show(label: str, spent: Spent, requests: int, received: int, limit: str = "") -> None:
    print(
        f"  {label:24} {spent.seconds:7.2f} s, CPU {spent.cpu:6.2f} s, peak {spent.peak:6,.0f} MB,"
        f" {requests:,} requests, {received / 1e6:,.1f} MB received{limit}",
        flush=True,
    )


def rounds(committed: CommittedMirror, listed: Listed, url: str, number: int) -> bool:
    """Measure one size; whether the limits hold."""
    show("all known, plan only", *sync(committed, url))
    # As the indexer would by now: a run without news looks closer while that is behind.
    publish(Volumes(committed.mirror.root, committed.state.root), CHANNEL)
    idle = [sync(committed, url) for _ in range(number)]
    nothing = median([spent for spent, _, _ in idle])
    share = nothing.seconds / IDLE_SECONDS
    show("nothing to do", nothing, *idle[-1][1:], f" ({share:.0%} of the limit)")
    days, changes = [], (0, 0, 0)
    for _ in range(number):
        changes = listed.spend_a_day()
        days.append(sync(committed, url))
    day = median([spent for spent, _, _ in days])
    share, memory = day.seconds / DAY_SECONDS, day.peak / DAY_MEGABYTES
    show("a day", day, *days[-1][1:], f" ({share:.0%} and {memory:.0%} of the limits)")
    print("  a day: {:,} new, {:,} removed, {:,} hotfixed".format(*changes))
    is_one_request = idle[-1][1] == len(SHARES)
    return (
        nothing.seconds <= IDLE_SECONDS
        and is_one_request
        and day.seconds <= DAY_SECONDS
        and day.peak <= DAY_MEGABYTES
    )


def main() -> int:
    """Print the figures; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 80_000, 800_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    is_within = True
    for count in options.records:
        with tempfile.TemporaryDirectory(prefix="bench-daily-") as name:
            root = Path(name)
            root.chmod(0o755)
            committed = CommittedMirror.below(root, CHANNEL)
            listed = Listed(root / "upstream" / CHANNEL)
            listed.fill(count)
            listed.seed(committed, places=True)
            print(f"{count:,} records")
            with served(root / "upstream") as url:
                is_within &= rounds(committed, listed, url, options.rounds)
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
