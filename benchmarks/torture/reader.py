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

    client = Client(
        settings["url"],
        Mirror(Path(settings["mirror"])),
        State(Path(settings["state"])),
        Known(Path(settings["known"])),
        random.Random(settings["seed"]),
        lambda kind, where, fact: say(kind=kind, where=where, fact=fact),
    )
    said = pause = 0.0
    while not select.select([sys.stdin], [], [], pause)[0]:
        begin = time.monotonic()
        client.turn()
        pause = settings["pause"] * (time.monotonic() - begin)
        if time.monotonic() - said > COUNTS_SECONDS:
            say(counts=client.counts, excused=client.excused)
            said = time.monotonic()
    say(counts=client.counts, excused=client.excused)


if __name__ == "__main__":
    main()
