"""One of the two programs, made to stop for a moment, or for ever, at random fault points.

    python -m benchmarks.torture.victim syncer SEED DEATH PAUSE -- --once

``DEATH`` is the probability of SIGKILL at each fault point, ``PAUSE`` that of a pause which makes
the windows between two mutations wide enough for clients to look into them.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

from volume.disk import faults

LONGEST_PAUSE = 0.15  # seconds


def main() -> int:
    program, seed, death, pause = sys.argv[1:5]
    arguments = sys.argv[6:]
    dice = random.Random(int(seed))

    def plan(moment: str, operation: str) -> None:
        if dice.random() < float(death):
            os.kill(os.getpid(), signal.SIGKILL)
        if dice.random() < float(pause):
            time.sleep(dice.uniform(0, LONGEST_PAUSE))

    faults.install(plan)
    if program == "syncer":
        from syncer.ops.cli import main as run
    else:
        from indexer.ops.cli import main as run
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
