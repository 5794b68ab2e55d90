"""The command: `python -m benchmarks.torture --reads 100000 --kills 200`."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from benchmarks.torture import __doc__ as what
from benchmarks.torture.journal import Journal
from benchmarks.torture.run import Goal, Options, torture
from tests.support.clients.clients import CONDA_CLIENT, conda_client
from tests.support.clients.nginx import executable


def main() -> int:
    parser = argparse.ArgumentParser(
        description=what, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0, help="go on for at least so long")
    parser.add_argument("--reads", type=int, default=0, help="until clients have made so many")
    parser.add_argument("--kills", type=int, default=0, help="until so many programs were killed")
    parser.add_argument("--limit", type=float, default=3600, help="seconds to stop after anyway")
    parser.add_argument("--readers", type=int, default=2, help="reader processes")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--details", type=Path, help="write every inconsistency to this file")
    arguments = parser.parse_args()
    conda = conda_client()
    if conda is None or executable() is None:
        missing = f"conda ({CONDA_CLIENT}; ./test makes one)" if conda is None else "nginx"
        print(f"torture needs {missing} on this machine", file=sys.stderr)
        return 2
    print(f"seed {arguments.seed}", flush=True)
    goal = Goal(arguments.seconds, arguments.reads, arguments.kills, arguments.limit)
    options = Options(
        goal, arguments.seed, conda, arguments.readers, say=lambda line: print(line, flush=True)
    )
    journal = torture(options)
    if arguments.details:
        found = [finding.document() for finding in journal.findings]
        arguments.details.write_text(json.dumps(found, indent=1))
    return summary(journal, arguments.seed)


def summary(journal: Journal, seed: int) -> int:
    """Print what was counted and found; return the exit code."""
    counts = journal.counts()
    for name, number in sorted(counts.items()):
        print(f"{name:24} {number:>10,}")
    for name, number in sorted(journal.excused().items()):
        print(f"explained: {name:13} {number:>10,}")
    for finding in journal.findings:
        print(f"\n{finding.kind} at {finding.seconds:.1f} s: {finding.where}\n  {finding.fact}")
        print("".join(f"    {event}\n" for event in finding.events), end="")
    print(f"\ninconsistencies          {len(journal.findings):>10,}")
    figures = {
        "seed": seed,
        "seconds": round(journal.seconds),
        "inconsistencies": len(journal.findings),
        **{name.replace(" ", "_"): number for name, number in sorted(counts.items())},
    }
    print(json.dumps(figures))
    return 1 if journal.findings else 0


if __name__ == "__main__":
    sys.exit(main())
