"""One of the two programs, whose power fails at a random fault point.

    python -m benchmarks.powerloss.victim syncer SEED CUT WRITE_BACK MOUNT[:MOUNT] -- --once

``CUT`` is the probability of a cut at each fault point, ``WRITE_BACK`` that of one filesystem's
being written back there. After a cut the program is killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from benchmarks.powerloss import disks
from volume.disk import faults


def main() -> int:
    program, seed, cut, write_back, mounts = sys.argv[1:6]
    arguments = sys.argv[7:]
    dice = random.Random(int(seed))
    places = [Path(place) for place in mounts.split(":")]

    def plan(moment: str, operation: str) -> None:
        if dice.random() < float(write_back):
            disks.write_back(dice.choice(places))
        if dice.random() < float(cut):
            for place in places:
                disks.cut(place)
            os.kill(os.getpid(), signal.SIGKILL)

    faults.install(plan)
    if program == "syncer":
        from syncer.ops.cli import main as run
    else:
        from indexer.ops.cli import main as run
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
