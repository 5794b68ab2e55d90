"""Fetch one promised artifact as the fetcher does, and stop at a numbered fault point.

    python -m tests.support.mirror.fetch_once NAME [POINT]

Settings come from the environment. Prints each announcement of a mutation, then what became of it.
Guaranteed: with a point the process is killed by SIGKILL at exactly that announcement.
"""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from syncer.demand.promised import Promised, name_of
from syncer.demand.transfers import Transfers
from syncer.settings import settings as configuration
from tests.support.mirror.sync_harness import REPOSITORY, Syncer
from volume.disk import faults
from volume.layout import State
from volume.program.stop import Stop


@dataclass(frozen=True, slots=True)
class Fetched:
    """`outcome` is "kept", a refusal, or "killed"."""

    outcome: str
    announced: tuple[str, ...]


def fetch_once(syncer: Syncer, path: str, point: int | None = None) -> Fetched:
    """Fetch in a process of its own."""
    words = [path, *([] if point is None else [str(point)])]
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.mirror.fetch_once", *words],
        cwd=REPOSITORY,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), **syncer.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode == -signal.SIGKILL:
        return Fetched("killed", tuple(lines))
    assert done.returncode == 0, done.stderr
    return Fetched(lines[-1], tuple(lines[:-1]))


async def _fetch(path: str) -> str:
    settings = configuration.read(os.environ)
    name = name_of(path)
    assert name is not None
    row = Promised(settings, State(settings.state_dir)).find(name)
    if row is None or row.home != "promised":
        return "not promised"
    transfers = Transfers(settings, Stop(), asyncio.get_running_loop())
    flight = transfers.flight(name, row)
    while not (flight.is_kept or flight.refusal):
        await flight.news.wait()
    await asyncio.to_thread(transfers.end, 10.0)
    return "kept" if flight.refusal is None else flight.refusal.text


def main() -> None:
    """Fetch."""
    at = int(sys.argv[2]) if len(sys.argv) > 2 else None
    count = 0

    def plan(moment: str, operation: str) -> None:
        nonlocal count
        print(f"{moment} {operation}", flush=True)
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    faults.install(plan)
    print(asyncio.run(_fetch(sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
