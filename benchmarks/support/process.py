"""A command as a whole process: seconds, CPU seconds and peak memory, from start to exit."""

from __future__ import annotations

import compileall
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# A small process of its own between us and the command: a child's peak begins with its parent's.
_LAUNCHER = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
child = subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], "wb"), stderr=subprocess.STDOUT)
_, status, usage = os.wait4(child.pid, 0)
elapsed = time.perf_counter() - begin
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run of a command took; ``peak`` is in MB, of its largest single process."""

    seconds: float
    cpu: float
    peak: float


@functools.cache
def compile_programs() -> None:
    """Compile our programs as their images do: else each run of a fresh clone may do it again."""
    for name in ("syncer", "indexer", "volume"):
        compileall.compile_dir(REPOSITORY / name, quiet=1)


def measure(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
) -> Spent:
    """Run a command to its end; what it prints goes to ``output``.

    Raises:
        SystemExit: it failed; with what it printed.
    """
    compile_programs()
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(output), *command]
    done = subprocess.run(
        launcher, cwd=REPOSITORY, env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    code, seconds, cpu, peak = json.loads(done.stdout)
    if code != 0:
        raise SystemExit(f"{command[0]} ended with {code}:\n{output.read_text(errors='replace')}")
    return Spent(seconds, cpu, peak)


def median(runs: Sequence[Spent]) -> Spent:
    """Each figure's median."""
    return Spent(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu for run in runs),
        statistics.median(run.peak for run in runs),
    )


def machine() -> str:
    """The machine and the date, for the first line of what a benchmark prints."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in lines if line.startswith("model name")), ": unknown processor")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of{model.partition(':')[2]},"
        f" {memory:.0f} GB, Python {platform.python_version()}, load {load:.1f} at the start"
    )
