"""The indexer on seeded channels: cold, with nothing to do, and after a day's change.

    .venv/bin/python -m benchmarks.index [--records 2000 80000] [--rounds 3] [--engine auto]
        [--v3 0.33]

Each figure is of a process of its own, with seconds by stage and the peak memory of the indexer
and of the processes that it started. In the same run plain ``conda index`` writes nothing but
``repodata.json`` from the same records, seeded into its cache (seeding not counted): the ratio to
it is what counts; with a share of records in revision 3 it is shown the others only. Records:
``benchmarks.support.seeded``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.seeded import SHARES, Seeded
from indexer.engines.conda_index import seed
from indexer.engines.conda_index.engine import STAGE, Engine
from tests.support.clients.clients import conda_client
from tests.support.mirror.committed import CommittedMirror
from volume.program.stop import Stop

REPOSITORY = Path(__file__).resolve().parents[1]
CHANNEL = "conda-forge"

# A process of its own, so that the peaks are of this run alone.
_RUN = """
import json, resource, sys, time
from pathlib import Path
from indexer.base.volumes import Volumes
from indexer.story.index import index_channel
from indexer.base.settings import read
from volume.layout import Mirror, State
from volume.program.stop import Stop
import os
begin = time.perf_counter()
settings = read(os.environ)
volumes = Volumes(Mirror(settings.mirror_dir), State(settings.state_dir), settings, Stop())
done = index_channel(volumes, sys.argv[1])
def peak():
    # Not ru_maxrss, which begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
cpu = lambda who: sum(resource.getrusage(who)[:2])
print(json.dumps({
    "seconds": time.perf_counter() - begin,
    "stages": dict(getattr(done, "stages", ())),
    "indexer_mb": peak(),
    "engine_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    "cpu": cpu(resource.RUSAGE_SELF) + cpu(resource.RUSAGE_CHILDREN), "is_new": done.is_new,
}))
"""

# A small process, as a child's peak begins with its parent's.
_TIMED = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
elapsed = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    seconds: float
    cpu: float
    indexer_mb: float
    engine_mb: float
    stages: dict[str, float]
    is_new: bool


def ours(committed: CommittedMirror, conda: Path, engine: str) -> Measured:
    environment = {
        **os.environ,
        "MIRROR_DIR": str(committed.mirror.root),
        "STATE_DIR": str(committed.state.root),
        "CONDA_EXE": str(conda),
        "INDEX_ENGINE": engine,
    }
    done = subprocess.run(
        [sys.executable, "-c", _RUN, committed.channel],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"the indexer ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True, slots=True)
class Reference:
    """Plain ``conda index`` over the same records, ``repodata.json`` alone."""

    committed: CommittedMirror
    conda: Path
    root: Path

    def run(self) -> Measured:
        engine = Engine(str(self.conda), Stop(), self.root / "engine.log")
        subdirs = sorted(SHARES)
        if not seed.cache_path(self.root, subdirs[0]).exists():
            engine.create_caches(self.root, subdirs)
        source = seed.Source(
            self.committed.state.ledger(CHANNEL), self.committed.state.record_cache(CHANNEL)
        )
        for subdir in subdirs:
            seed.seed(seed.cache_path(self.root, subdir), subdir, source)
        arguments = [
            str(self.conda), "index", str(self.root), "--output", str(self.root / "output"),
            "--no-update-cache", "--upstream-stage", STAGE, "--threads", "1",
            *(f"--subdir={subdir}" for subdir in subdirs),
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _TIMED, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"plain conda index failed:\n{done.stderr}")
        elapsed, cpu, peak = json.loads(done.stdout.splitlines()[-1])
        return Measured(elapsed, cpu, 0.0, peak / 1024, {}, True)


def show(label: str, runs: list[Measured], reference: float | None = None) -> float:
    middle = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    seconds = statistics.median(run.seconds for run in runs)
    spread = f"{min(run.seconds for run in runs):.2f} to {max(run.seconds for run in runs):.2f}"
    ratio = f"  {seconds / reference:5.2f} x conda index" if reference else ""
    print(
        f"  {label:28} {seconds:8.2f} s ({spread}), CPU {middle.cpu:.1f} s, peak indexer"
        f" {middle.indexer_mb:,.0f} MB, engine {middle.engine_mb:,.0f} MB{ratio}"
    )
    if middle.stages:
        print("    " + ", ".join(f"{name} {value:.2f}" for name, value in middle.stages.items()))
    sys.stdout.flush()
    return seconds


def measure(count: int, rounds: int, conda: Path, engine: str, v3: float) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-index-") as name:
        committed = CommittedMirror.below(Path(name), CHANNEL)
        seeded = Seeded(committed, v3)
        begin = time.perf_counter()
        seeded.fill(count)
        print(f"{count:,} records (volume made in {time.perf_counter() - begin:.0f} s)")
        cold = ours(committed, conda, engine)
        reference = Reference(committed, conda, Path(name) / "reference")
        plain_cold = show("plain conda index, cold", [reference.run()])
        show("cold", [cold], plain_cold)
        show("nothing to do", [ours(committed, conda, engine) for _ in range(rounds)])
        days, plain = [], []
        for _ in range(rounds):
            changes = seeded.spend_a_day()
            days.append(ours(committed, conda, engine))
            plain.append(reference.run())
        print(f"  a day: {changes[0]:,} new, {changes[1]:,} removed, {changes[2]:,} hotfixed")
        plain_daily = show("plain conda index, a day", plain)
        show("a day", days, plain_daily)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 80_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto", help="auto, own or conda-index")
    parser.add_argument("--v3", type=float, default=0.0, help="share of records in revision 3")
    options = parser.parse_args()
    conda = conda_client()
    if conda is None:
        raise SystemExit("no conda with conda-index here; ./test engine makes one")
    print(f"engine: {options.engine}; {os.cpu_count()} cores")
    for count in options.records:
        measure(count, options.rounds, conda, options.engine, options.v3)


if __name__ == "__main__":
    main()
