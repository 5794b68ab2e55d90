"""Starts the two programs, and cuts the power below them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.powerloss import disks

REPOSITORY = Path(__file__).resolve().parents[2]
_LONGEST_SECONDS = 240.0
_WRITE_BACK = 0.03


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code, what it said, and how many seconds it took."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments, with settings for this once."""

    program: str
    arguments: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        words = [*(f"{name}={value}" for name, value in self.settings), self.program]
        return " ".join([*words, *self.arguments])


class Programs:
    """Runs programs on two mounts, or on one."""

    def __init__(
        self, environment: Mapping[str, str], mounts: Sequence[Path], dice: random.Random
    ) -> None:
        self._environment = environment
        self._mounts = mounts
        self._dice = dice

    def run(self, command: Command) -> Ended:
        """Run to the end, with power."""
        begin = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = self._start(command, 0.0, output.fileno())
            try:
                code = process.wait(timeout=_LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                _kill(process)
                code = -signal.SIGKILL
            output.seek(0)
            said = output.read().decode(errors="replace")
        return Ended(code, said, time.monotonic() - begin)

    def cut(self, commands: Sequence[Command], *, probability: float, seconds: float) -> str:
        """Run these at the same time, and cut the power; say when it was.

        Args:
            probability: of a cut at each fault point.
            seconds: after which power is cut anyway, if one still runs.
        """
        with tempfile.TemporaryFile() as output:
            processes = [self._start(one, probability, output.fileno()) for one in commands]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                codes = [process.poll() for process in processes]
                if -signal.SIGKILL in codes or None not in codes:
                    break
                time.sleep(0.005)
        codes = [process.poll() for process in processes]
        for mount in self._mounts:
            disks.cut(mount)
        for process in processes:
            _kill(process)
        if -signal.SIGKILL in codes:
            return "at a fault point"
        return "at a random moment" if None in codes else "after the end"

    def _start(self, command: Command, probability: float, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.powerloss.victim", command.program),
                *(str(self._dice.randrange(1 << 30)), str(probability), str(_WRITE_BACK)),
                *(":".join(map(str, self._mounts)), "--", *command.arguments),
            ],
            cwd=REPOSITORY,
            env={**self._environment, **dict(command.settings)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
