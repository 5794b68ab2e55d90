"""Starts the two programs and ends them badly.

Guaranteed: only processes that were started here are killed, by their id; a kill counts if it was
what ended the program. What a program that nobody killed says or returns is judged: a traceback or
an exit code that the moment does not explain is a finding.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.torture.journal import Journal
from benchmarks.torture.upstream import DENIED, SUBDIRS

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Fate:
    """How a run may end: probabilities per fault point, or a moment, or nothing of that.

    ``engine_only`` kills what the program has started instead of itself.
    """

    death: float = 0.0
    pause: float = 0.0
    after_seconds: float | None = None
    engine_only: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; ``killed`` if we did it, or killed its engine."""

    code: int
    said: str
    killed: bool


class Programs:
    """Runs programs of one appliance."""

    def __init__(self, environment: dict[str, str], journal: Journal) -> None:
        self._environment = environment
        self._journal = journal

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        fate: Fate,
        dice: random.Random,
        *,
        expected: Collection[int] = (0,),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Ended:
        """Run to its end, whichever that is."""
        title = f"{program} {' '.join(arguments)}".strip()
        command = [
            *(sys.executable, "-m", "benchmarks.torture.victim", program),
            *(str(dice.randrange(1 << 30)), str(fate.death), str(fate.pause), "--", *arguments),
        ]
        with tempfile.TemporaryFile() as output:
            self._journal.event(f"start {title} {fate} {dict(settings)}")
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**self._environment, **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            engine_killed = self._end(process, fate)
            output.seek(0)
            said = output.read().decode(errors="replace")
        code = process.returncode
        killed = code == -signal.SIGKILL or engine_killed
        self._journal.event(f"end   {title}: {code}{' (engine killed)' if engine_killed else ''}")
        self._journal.count(f"{program} runs")
        if killed:
            self._journal.count("kills")
            self._journal.count(f"{program} kills")
        ended = Ended(code, said, killed)
        self._judge(title, ended, expected)
        return ended

    def _end(self, process: subprocess.Popen[bytes], fate: Fate) -> bool:
        """Wait for the end, or bring it about; return whether an engine was killed."""
        engine_killed = False
        try:
            process.wait(timeout=fate.after_seconds or LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            if fate.after_seconds is None:
                self._journal.find("stuck", str(process.args), f"no end in {LONGEST_SECONDS:g} s")
            children = descendants(process.pid)
            if fate.engine_only and children:
                engine_killed = _kill(children[:1])
            else:
                _kill_group(process)
                _kill(children)
        try:
            process.wait(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._journal.find("stuck", str(process.args), f"no end in {LONGEST_SECONDS:g} s")
            _kill_group(process)
            process.wait()
        return engine_killed

    def loop(
        self,
        program: str,
        seconds: float,
        fate: Fate,
        dice: random.Random,
        settings: Mapping[str, str],
    ) -> Ended:
        """Run a program that does not end by itself, for a while."""
        fate = Fate(fate.death, fate.pause, after_seconds=seconds)
        return self.run(program, (), fate, dice, settings=settings)

    def _judge(self, title: str, ended: Ended, expected: Collection[int]) -> None:
        if "Traceback (most recent call last)" in ended.said and "conda index" not in ended.said:
            self._journal.find("program", title, ended.said[-3000:])
        elif not ended.killed and ended.code not in expected:
            self._journal.find("program", title, f"exit {ended.code}: {ended.said[-3000:]}")
        elif not ended.killed and "not indexed:" in ended.said:
            self._journal.find("program", title, ended.said[-3000:])


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and they in turn."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def _kill(pids: Collection[int]) -> bool:
    done = False
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            done = True
    return done


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Driver(threading.Thread):
    """Calls ``step`` until the run ends; a failure of ours is a finding too."""

    def __init__(
        self, name: str, step: Callable[[], None], done: threading.Event, journal: Journal
    ) -> None:
        super().__init__(name=name)
        self._step = step
        self._done = done
        self._journal = journal

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - a dead driver would look like calm
                self._journal.find("torturer", self.name, repr(error))
                self._done.set()


def environment_of(
    conda_exe: Path, mirror: Path, state: Path, url: str, channels: Iterable[str]
) -> dict[str, str]:
    """What both programs are told, beside what this process has of PATH and HOME."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(REPOSITORY),
        "MIRROR_DIR": str(mirror),
        "STATE_DIR": str(state),
        "CHANNELS": " ".join(channels),
        "SUBDIRS": " ".join(SUBDIRS),
        "CONDA_CLOUD_URL": url,
        "CONDA_REPO_URL": url,
        "CONDA_EXE": str(conda_exe),
        "MIN_FREE": "0",
        "CHECKPOINT_SIZE": "15KB",
        "SYNC_TRIES": "2",
        "SYNC_TIMEOUT_SECONDS": "10",
        "WIPE_GUARD_PERCENT": "90",
        "SCRUB_RATE": "0",
        "DENY": DENIED,
        "INSTALLERS": "miniconda",
        "INSTALLER_NEWEST": "0",
    }
