"""Fuzzes the record parser: whatever an upstream sends, it is read, left out or rejected.

    .venv/bin/python -m benchmarks.fuzz [--seconds 60] [--seed 1]

Mutates the documents in tests/corpus/repodata (and what earlier runs kept there) by bytes and by
values, and carries each through parsing and planning. Anything but an IndexRejectedError is a
finding: it is written into the corpus, so that the unit tests meet it from then on, and the exit
code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from pathlib import Path
from typing import Any

from syncer.errors import IndexRejectedError
from syncer.plan import plan_subdir
from syncer.repodata import parse
from syncer.selection import Selection

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "corpus" / "repodata"
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 2**64, 10**400, 1e308, "", "\x00", "../..", "a" * 300, "\u202e",
    "\ud800", [], {}, [[]], {"": {}}, [None] * 5,
)  # fmt: skip
TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"null",
    b"\xff",
    b"\\u0000",
    b"[" * 500,
    b"1e999",
)


def exercise(data: bytes) -> bool:
    """Read and plan a document; return whether it was accepted.

    Raises:
        Exception: a finding.
    """
    try:
        index = parse(data, "linux-64")
    except IndexRejectedError:
        return False
    plan_subdir(index, Selection(), {})
    return True


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut, repeat, overwrite or insert something somewhere."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del body[at : at + rng.randint(1, 20)]
        elif kind == 1:
            body[at:at] = body[at : at + rng.randint(1, 40)]
        elif kind == 2 and at < len(body):
            body[at] = rng.randrange(256)
        else:
            body[at:at] = rng.choice(TOKENS)
    return bytes(body)


def mutate_values(data: bytes, rng: random.Random) -> bytes:
    """Exchange a value somewhere in the tree for an odd one."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)
    node = document
    while isinstance(node, dict) and node:
        key = rng.choice(list(node))
        if not isinstance(node[key], dict) or not node[key] or rng.random() < 0.2:
            node[rng.choice((key, str(rng.choice(ODD)), "a-1-0.conda"))] = rng.choice(ODD)
            break
        node = node[key]
    return json.dumps(document).encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    seeds = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    ended = time.monotonic() + options.seconds
    executions = accepted = findings = 0
    while time.monotonic() < ended:
        data = rng.choice((mutate_bytes, mutate_values))(rng.choice(seeds), rng)
        executions += 1
        try:
            if exercise(data):
                accepted += 1
                if rng.random() < 0.001 and len(seeds) < 2000:
                    seeds.append(data)  # what is accepted is worth going on from
        except Exception as error:  # noqa: BLE001 - that is what we are looking for
            findings += 1
            name = hashlib.sha256(data).hexdigest()[:16]
            (CORPUS / f"finding-{name}.json").write_bytes(data)
            print(f"finding-{name}.json: {type(error).__name__}: {error}"[:300])
    print(f"{executions:,} executions, {accepted:,} accepted, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
