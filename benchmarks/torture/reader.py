"""A client in a process of its own: `python -m benchmarks.torture.reader`, started by `clients`.

Reads its settings as JSON from its first argument; writes a JSON line for each finding, and one
with its counts once in a while. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.torture.known import Known
from benchmarks.torture.reading import Client
from volume.layout import Mirror, State

COUNTS_SECONDS = 0.5


def main() -> None:
    settings = json.loads(sys.argv[1])
    os.nice(settings["nice"])

    def say(**document: object) -> None:
        print(json.dumps(document), flush=True)

    dice = random.Random(settings["seed"])
    clients = [
        Client(
            settings["url"],
            Mirror(Path(settings["mirror"])),
            State(Path(settings["state"])),
            Known(Path(known)),
            dice,
            lambda kind, where, fact: say(kind=kind, where=where, fact=fact),
            channel,
        )
        for channel, known in settings["known"].items()
    ]
    said = pause = 0.0
    while not select.select([sys.stdin], [], [], pause)[0]:
        begin = time.monotonic()
        client = dice.choice(clients)
        client.turn()
        client.read_installer()
        pause = settings["pause"] * (time.monotonic() - begin)
        if time.monotonic() - said > COUNTS_SECONDS:
            say(**totals(clients))
            said = time.monotonic()
    say(**totals(clients))


def totals(clients: Sequence[Client]) -> dict[str, Counter[str]]:
    """What all clients have counted and excused so far."""
    return {
        "counts": sum((client.counts for client in clients), Counter()),
        "excused": sum((client.excused for client in clients), Counter()),
    }


if __name__ == "__main__":
    main()
