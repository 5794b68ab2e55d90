"""A stop at any point of an index run: what is published stays whole, the next run converges."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.generations import snapshots
from indexer.generations.chosen import rollback
from indexer.generations.rolled_back import read as read_hold
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.former import put_back
from tests.support.mirror.indexed import LATER, IndexedMirror, check_artifacts, volumes
from tests.support.upstream.packages import package
from volume import generations
from volume.disk import faults
from volume.errors import MirrorError
from volume.layout import Mirror, State
from volume.snapshots import find, spans

SUBDIR = "linux-64"
CHANNEL = "conda-forge"
CRASHED = 77


def fresh(conda_exe: Path, folder: Path, engine: str = "conda-index") -> IndexedMirror:
    committed = CommittedMirror.below(folder)
    made = volumes(
        committed.mirror, committed.state, conda_exe, clock=time.time, keep_generations=1,
        engine=engine,
    )  # fmt: skip
    return IndexedMirror(committed, made)


def prepare(indexed: IndexedMirror) -> None:
    """Something published, and a commit of every kind that is not."""
    committed = indexed.committed
    committed.commit(package("kept"), package("replaced"), package("removed"))
    indexed.index()
    committed.commit(package("new"), package("replaced", padding_bytes=50))
    committed.retire(SUBDIR, "removed-1.0-0.conda")
    committed.add_local(package("local"))


def dies_at(point: int, action: Callable[[], object]) -> bool:
    """Run in a child that stops without any clean-up before its point-th mutation."""
    child = os.fork()
    if child == 0:
        left = point

        def plan(moment: str, _: str) -> None:
            nonlocal left
            if moment == "before":
                if left == 0:
                    os._exit(CRASHED)
                left -= 1

        try:
            faults.install(plan)
            action()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, CRASHED}, f"ended with {code} at point {point}"
    return code == CRASHED


def published(indexed: IndexedMirror) -> set[str]:
    """What clients see, checked to be whole."""
    current = indexed.current
    names = set(indexed.records(SUBDIR))
    for variant in ("repodata.json.zst", "repodata.json.bz2"):
        assert set(indexed.records(SUBDIR, variant)) == names
    assert set(indexed.shards(SUBDIR)) == names
    check_artifacts(indexed.committed, current)
    number = generations.current_number(indexed.committed.mirror, CHANNEL)
    assert number is not None
    assert generations.read(indexed.committed.mirror, CHANNEL, number) is not None
    return names


OLD = {f"{name}-1.0-0.conda" for name in ("kept", "replaced", "removed")}
NEW = {f"{name}-1.0-0.conda" for name in ("kept", "replaced", "new", "local")}


@pytest.mark.parametrize("engine", ["conda-index", "own"])
def test_every_point_of_an_index_run(conda_exe: Path, tmp_path: Path, engine: str) -> None:
    point = 0
    while True:
        indexed = fresh(conda_exe, tmp_path / str(point), engine)
        prepare(indexed)
        crashed = dies_at(point, lambda: indexed.index(later=LATER))  # noqa: B023
        names = published(indexed)
        assert names in (OLD, NEW), f"at point {point}"
        local = indexed.records(SUBDIR).get("local-1.0-0.conda", {})
        since = local.get("indexed_timestamp")
        indexed.index(later=LATER)
        assert published(indexed) == NEW, f"after point {point}"
        committed = indexed.committed
        kept = generations.kept(committed.mirror, CHANNEL)
        folders = {path.name for path in committed.mirror.index(CHANNEL).glob("gen-*")}
        assert folders == {committed.mirror.generation(CHANNEL, one.number).name for one in kept}
        links = {path.name for path in committed.mirror.snapshots(CHANNEL).iterdir()}
        assert links == {one.snapshot for one in kept}
        assert snapshots.is_converged(committed.mirror, CHANNEL, kept)
        hidden = {path.name for path in committed.mirror.index(CHANNEL).glob(".*")}
        hidden -= {committed.mirror.first_published(CHANNEL).name}
        assert ".times" in hidden
        assert len(hidden) <= 3  # the link, its folder, and the one before
        for span in spans(kept):
            folder = committed.mirror.generation(CHANNEL, span.generation)
            assert find(committed.mirror, CHANNEL, span.since) == folder.name
        moment = indexed.records(SUBDIR)["local-1.0-0.conda"]["indexed_timestamp"]
        assert since in {None, moment}, f"after point {point}"
        if not crashed:
            break
        point += 1
    assert point > 10


def test_every_point_of_a_takeover(conda_exe: Path, tmp_path: Path) -> None:
    expected = {f"{name}-1.0-0.conda" for name in ("theirs", "ours", "mine")}
    prepared = fresh(conda_exe, tmp_path / "prepared")
    committed = prepared.committed
    committed.commit(package("theirs"))
    for name in ("ours", "mine"):
        committed.add_local(package(name))
    prepared.index(later=LATER)
    put_back(committed)
    point = 0
    while True:
        folder = tmp_path / str(point)
        subprocess.run(["cp", "-a", tmp_path / "prepared", folder], check=True)
        mirror, state = Mirror(folder / "mirror"), State(folder / "state")
        indexed = IndexedMirror(
            CommittedMirror(mirror, state), volumes(mirror, state, conda_exe, clock=time.time)
        )
        crashed = dies_at(point, lambda: indexed.index(later=LATER))  # noqa: B023
        assert published(indexed) == expected, f"at point {point}"
        indexed.index(later=LATER)
        assert published(indexed) == expected, f"after point {point}"
        moved = {path.name for path in indexed.committed.local(SUBDIR).iterdir()}
        assert moved == expected - {"theirs-1.0-0.conda"}, f"after point {point}"
        left = {path.name for path in indexed.committed.artifacts(SUBDIR).iterdir()}
        assert left == {"theirs-1.0-0.conda"}, f"after point {point}"
        if not crashed:
            break
        point += 1
    assert point > 4


def fails_at(point: int, action: Callable[[], object], code: int) -> str | None:
    """Run with an error of the disk at the point-th mutation; return what was said, if it came."""
    left = point

    def plan(moment: str, _: str) -> None:
        nonlocal left
        if moment == "before":
            left -= 1
            if left == -1:
                raise OSError(code, os.strerror(code))

    faults.install(plan)
    try:
        action()
    except MirrorError as error:
        return str(error)
    finally:
        faults.install(None)
    return None


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "is full"), (errno.EIO, "reports an error")]
)
def test_a_disk_that_fails_an_index_run_is_named_and_the_old_index_stays(
    conda_exe: Path, tmp_path: Path, code: int, said: str
) -> None:
    indexed = fresh(conda_exe, tmp_path)
    prepare(indexed)
    point = failed = 0
    while True:
        message = fails_at(point, lambda: indexed.index(later=LATER), code)
        assert published(indexed) in (OLD, NEW), f"at point {point}"
        if message is None:
            break
        assert said in message, f"at point {point}: {message}"
        failed += 1
        point += 3
    assert published(indexed) == NEW
    assert failed >= 3


def test_every_point_of_a_rollback(conda_exe: Path, tmp_path: Path) -> None:
    indexed = fresh(conda_exe, tmp_path)
    prepare(indexed)
    # Two generations are needed, so keep more than one.
    both = IndexedMirror(
        indexed.committed,
        volumes(
            indexed.committed.mirror, indexed.committed.state, conda_exe,
            clock=lambda: time.time() + LATER, keep_generations=5,
        ),
    )  # fmt: skip
    both.index()
    point = 0
    while dies_at(point, lambda: rollback(both.volumes, CHANNEL, to=1)):
        assert published(both) in (OLD, NEW)
        both.index()
        held = read_hold(both.committed.mirror, CHANNEL)
        assert published(both) == (NEW if held is None else OLD)
        rollback(both.volumes, CHANNEL, to=2)
        assert published(both) == NEW
        point += 1
    assert published(both) == OLD
    assert point >= 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_while_the_engine_runs(
    conda_exe: Path, tmp_path: Path, number: signal.Signals
) -> None:
    indexed = fresh(conda_exe, tmp_path / "volumes")
    prepare(indexed)
    slow = tmp_path / "bin" / "conda"
    slow.parent.mkdir()
    python = slow.with_name("python")
    python.write_text(f'#!/bin/sh\nexec {conda_exe.parent}/python "$@"\n')
    python.chmod(0o755)
    slow.write_text(f"#!/bin/sh\ncd {tmp_path}\nsleep 60 & echo $! > new\nmv new pid\nwait\n")
    slow.chmod(0o755)
    child = subprocess.Popen(
        [sys.executable, "-m", "indexer", "--once"],
        env={
            **os.environ,
            "MIRROR_DIR": str(indexed.committed.mirror.root),
            "STATE_DIR": str(indexed.committed.state.root),
            "CONDA_EXE": str(slow),
        },
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(number)
    code = child.wait(timeout=10)
    assert code == (130 if number == signal.SIGTERM else -signal.SIGKILL)
    assert published(indexed) == OLD
    if number == signal.SIGKILL:
        # What the engine started keeps the channel locked until it is gone.
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    indexed.index(later=LATER, wait_seconds=10)
    assert published(indexed) == NEW
