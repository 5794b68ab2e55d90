"""Syncs that stop at a numbered fault point.

Guaranteed: a crash with mode `kill` is a SIGKILL at exactly the announced moment, in a process of
its own; `exit` ends that process without any cleaning up; `raise` is an exception as of a bug; an
error's name is what the operation that begins there fails with.
Announcements are counted from 0, `before` and `after` each on its own. Not guaranteed: that a point
is the same operation in two runs when several threads work.

Each run is a fork of one small process that has everything imported, so it costs milliseconds.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from syncer.sync.run import Run

Mode = Literal["kill", "exit", "raise", "EIO", "ENOSPC", "EROFS"]
ERRORS = ("EIO", "ENOSPC", "EROFS")
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a sync ended: its run's status, or where it was stopped; and what it announced."""

    status: str
    announced: tuple[str, ...]


class CrashRunner:
    """Runs syncs in forks; use as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mirror.crash"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(
        self,
        environment: Mapping[str, str],
        *,
        now: float,
        point: int | None = None,
        mode: Mode = "kill",
        verify: bool = False,
        adopt: Path | None = None,
        moves: bool = False,
    ) -> Ended:
        """Sync once; stop at the announcement of this number, if it comes.

        Args:
            verify: look at what is stored instead.
            adopt: take over the files in this folder instead.
        """
        order = {
            "environment": dict(environment),
            "now": now,
            "point": point,
            "mode": mode,
            "verify": verify,
            "adopt": str(adopt) if adopt else None,
            "moves": moves,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return Ended(answer["status"], tuple(answer["announced"]))


class Crash(Exception):
    """The `raise` mode's exception."""


def _work(order: dict[str, object], environment: dict[str, str], now: float) -> Run:
    """What was asked for; of a look at what is stored, the repair."""
    from syncer.artifacts.adopt import Adoption
    from syncer.ops import once, verify
    from syncer.settings import settings
    from syncer.sync import session as sync
    from syncer.sync.run import Run
    from syncer.sync.scrub import Scope
    from volume.identity import Word
    from volume.program.stop import Stop

    chosen = settings.read(environment)
    if order["verify"]:
        found = verify.verify(
            chosen,
            Scope(),
            sync.Options(),
            Stop(),
            show_plan=lambda plans: None,
            now=lambda: now,
        )
        return found.repair or Run(now, status="success")
    folder = order["adopt"]
    adoption = Adoption(Path(str(folder)), bool(order["moves"])) if folder else None
    return once.sync(
        chosen,
        # Some stories lose their state; elsewhere this word changes nothing.
        sync.Options(adoption=adoption, word=Word(take_over=True)),
        Stop(),
        show_plan=lambda plans: None,
        now=lambda: now,
    )


def _sync(order: dict[str, object], report: int) -> None:
    """One run, in a fork; each announcement is a line in ``report``, before it happens."""
    from volume.disk import faults
    from volume.errors import MirrorError

    count = 0
    failed: list[str] = []
    mode = str(order["mode"])
    point = order["point"]
    assert point is None or isinstance(point, int)

    def plan(moment: str, operation: str) -> None:
        nonlocal count
        number, count = count, count + 1
        os.write(report, f"{moment} {operation}\n".encode())
        if mode in ERRORS:
            # The operation that begins there; threads may have changed places since the count.
            if point is not None and number >= point and moment == "before" and not failed:
                failed.append(operation)
                code = int(getattr(errno, mode))
                raise OSError(code, os.strerror(code))
        elif number == point:
            if mode == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if mode == "exit":
                os._exit(97)
            raise Crash(operation)

    environment = order["environment"]
    assert isinstance(environment, dict)
    now = float(str(order["now"]))
    faults.install(plan)
    try:
        run = _work(order, environment, now)
    except Crash:
        os.write(report, b"= raised\n")
        return
    except MirrorError as error:  # before there was a run to note it in
        os.write(report, f"= {error}\n".encode())
        return
    results = run.results
    problem = run.error or "; ".join(str(one.error or one.failures) for one in results)
    os.write(report, f"= {run.status if run.status == 'success' else problem}\n".encode())


def main() -> None:
    """Read orders, one JSON line each, and answer each with one line."""
    import syncer.ops.verify  # noqa: F401 - imported once, for all forks

    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(reading)
                _sync(order, writing)
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading) as stream:
            lines = stream.read().splitlines()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        announced = [one for one in lines if not one.startswith("= ")]
        ended = next((one[2:] for one in lines if one.startswith("= ")), f"ended with {code}")
        print(json.dumps({"status": ended, "announced": announced}), flush=True)


if __name__ == "__main__":
    main()
