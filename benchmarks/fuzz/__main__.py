"""Fuzzes the parsers of what upstreams send.

    .venv/bin/python -m benchmarks.fuzz [--target repodata|listing] [--seconds 60] [--seed 1]

Mutates the documents in tests/corpus/<target> (and what earlier runs kept there) by bytes and by
values, and carries each through parsing and planning. Anything but a rejection is a finding: it is
written into the corpus, so that the unit tests meet it from then on, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time

from benchmarks.fuzz.mutation import mutate_bytes, mutate_values
from benchmarks.fuzz.target import TARGETS, Target


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """Fuzz one parser for so long; return the number of findings."""
    rng = random.Random(seed)
    seeds = [path.read_bytes() for path in sorted(target.corpus.iterdir())]
    ended = time.monotonic() + seconds
    executions = accepted = findings = 0
    while time.monotonic() < ended:
        seed_document = rng.choice(seeds)
        if rng.random() < 0.5:
            data = mutate_bytes(seed_document, rng, target.tokens)
        else:
            data = mutate_values(seed_document, rng, target.tokens, target.names)
        executions += 1
        try:
            if target.exercise(data):
                accepted += 1
                if rng.random() < 0.001 and len(seeds) < 2000:
                    seeds.append(data)  # what is accepted is worth going on from
        except Exception as error:  # noqa: BLE001 - that is what we are looking for
            findings += 1
            name = f"finding-{hashlib.sha256(data).hexdigest()[:16]}"
            (target.corpus / name).write_bytes(data)
            print(f"{target.name}/{name}: {type(error).__name__}: {error}"[:300])
    print(
        f"{target.name}: {executions:,} executions, {accepted:,} accepted, {findings} findings",
        flush=True,
    )
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=[target.name for target in TARGETS])
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chosen = [target for target in TARGETS if options.target in (None, target.name)]
    findings = sum([fuzz(target, options.seconds, options.seed) for target in chosen])
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
