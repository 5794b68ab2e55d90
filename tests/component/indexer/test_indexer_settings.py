"""The indexer's settings that no other test changes: each makes a difference. Needs no conda."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.ops.loop import Loop
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, volumes
from tests.support.upstream.packages import hotfixed, package
from volume.layout import Mirror, State

REPOSITORY = Path(__file__).resolve().parents[3]
DAY = 86_400.0


@pytest.mark.parametrize(("engine", "code"), [("own", 0), ("auto", 1), ("conda-index", 1)])
def test_the_engine_is_a_choice(tmp_path: Path, engine: str, code: int) -> None:
    committed = CommittedMirror.below(tmp_path)
    committed.commit(package("a"))
    done = subprocess.run(
        [sys.executable, "-m", "indexer", "--once"],
        cwd=REPOSITORY,
        env={
            "PATH": os.environ["PATH"],
            "MIRROR_DIR": str(committed.mirror.root),
            "STATE_DIR": str(committed.state.root),
            "CONDA_EXE": "/nowhere/conda",
            "INDEX_ENGINE": engine,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert ("CONDA_EXE=/nowhere/conda is not a program" in done.stdout) == bool(code)


@pytest.mark.parametrize(("days", "stays"), [(3.0, True), (1.0, False)])
def test_a_shard_stays_for_so_many_days(tmp_path: Path, days: float, stays: bool) -> None:
    committed = CommittedMirror.below(tmp_path)
    made = volumes(committed.mirror, committed.state, "conda", engine="own",
                   keep_shards_days=days, clock=time.time)  # fmt: skip
    indexed = IndexedMirror(committed, made)
    a = package("a")
    committed.commit(a)
    indexed.index()
    (old,) = (path.name for path in (indexed.current / "linux-64").glob("?" * 64 + ".*"))
    for value, later in ((1, 0.0), (2, 2 * DAY)):
        committed.hotfix("linux-64", a.filename, hotfixed(a, indexed_timestamp=value).record)
        indexed.index(later=later)
    assert (indexed.current / "linux-64" / old).exists() == stays


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_it_looks_every_so_many_seconds(
    mirror_dir: Path, state_dir: Path, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = volumes(Mirror(mirror_dir), State(state_dir), "conda", clock=time.time)
    waited: list[float] = []

    def wait(pause: float) -> None:
        waited.append(pause)
        if len(waited) == 3:
            found.stop.request()

    monkeypatch.setattr(found.stop, "wait", wait)
    Loop(replace(found, settings=replace(found.settings, poll_seconds=seconds))).run()
    assert waited == [seconds] * 3
