"""The command: `sudo .venv/bin/python -m benchmarks.powerloss --cuts 100`."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.powerloss import __doc__ as what
from benchmarks.powerloss.disks import KINDS, problem
from benchmarks.powerloss.run import Options, powerloss
from benchmarks.torture.journal import Journal
from tests.support.clients.clients import CONDA_CLIENT, conda_client

PLACES = {"one filesystem": False, "two filesystems": True}
COLUMNS = ("cuts", "cut at a fault point", "cut at a random moment", "cut after the end")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=what, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cuts", type=int, default=100, help="of each filesystem and layout")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--places", nargs="+", choices=("one", "two"), default=("one", "two"))
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--details", type=Path, help="write every finding to this file")
    arguments = parser.parse_args()
    conda = conda_client()
    problems = [text for kind in arguments.kinds if (text := problem(kind))]
    if conda is None:
        problems.append(f"conda is missing ({CONDA_CLIENT}; ./test makes one)")
    if problems or conda is None:
        print(f"power can't be cut here: {'; '.join(problems)}", file=sys.stderr)
        return 2
    memory = Path("/dev/shm")
    journals: dict[tuple[str, str], Journal] = {}
    for kind in arguments.kinds:
        for place, is_apart in PLACES.items():
            if place.partition(" ")[0] not in arguments.places:
                continue
            print(f"{kind}, {place}, seed {arguments.seed}", flush=True)
            options = Options(
                kind, is_apart, arguments.cuts, arguments.seed, conda,
                folder=memory if os.access(memory, os.W_OK) else None,
                say=lambda line: print(line, flush=True),
            )  # fmt: skip
            journals[kind, place] = powerloss(options)
    if arguments.details:
        found = {
            " ".join(key): [finding.document() for finding in journal.findings]
            for key, journal in journals.items()
        }
        arguments.details.write_text(json.dumps(found, indent=1))
    return summary(journals)


def summary(journals: dict[tuple[str, str], Journal]) -> int:
    """Print what was cut and found; return the exit code."""
    for (kind, place), journal in journals.items():
        for finding in journal.findings:
            print(f"\n{kind}, {place}: {finding.kind} at {finding.seconds:.1f} s: {finding.fact}")
            print("".join(f"    {event}\n" for event in finding.events), end="")
    row("", *(column.removeprefix("cut ") for column in COLUMNS), "findings")
    for (kind, place), journal in journals.items():
        counts = journal.counts()
        row(f"{kind}, {place}", *(counts[name] for name in COLUMNS), len(journal.findings))
    return 1 if any(journal.findings for journal in journals.values()) else 0


def row(title: str, *values: object) -> None:
    """Print one line of the table."""
    print(f"{title:24}" + "".join(f"{value!s:>20}" for value in _plain(values)))


def _plain(values: Sequence[object]) -> list[object]:
    return [f"{value:,}" if isinstance(value, int) else value for value in values]


if __name__ == "__main__":
    sys.exit(main())
