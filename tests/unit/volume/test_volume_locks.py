"""Locks hold between processes, end with their holder, and say who holds them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from volume import locks
from volume.errors import LockBusyError, StateError, VolumeError

REPOSITORY = Path(__file__).resolve().parents[3]

HOLD = """
import sys, pathlib
from volume import locks
with locks.Held(pathlib.Path(sys.argv[1]), role="other"):
    print("held", flush=True)
    sys.stdin.read()
"""

HOLD_WITH_CHILD = """
import subprocess, sys, pathlib
from volume import locks
with locks.Held(pathlib.Path(sys.argv[1]), role="other") as descriptor:
    child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, program: str = HOLD) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Another process that holds the lock until its input ends; with what it printed."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.lock"


def test_a_lock_of_another_process_is_busy_and_names_its_holder(path: Path) -> None:
    assert not locks.is_held(path)
    with holder(path):
        assert locks.is_held(path)
        with pytest.raises(LockBusyError) as busy, locks.Held(path, role="sync"):
            pass
        assert "sync is held by other" in str(busy.value)
        assert "--wait" in str(busy.value)
        assert busy.value.exit_code == 11


def test_killing_the_holder_frees_the_lock(path: Path) -> None:
    with holder(path) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with locks.Held(path, role="sync"):
            assert locks.describe_holder(path).startswith("sync (")


def test_a_child_keeps_the_lock_of_its_killed_parent(path: Path) -> None:
    with holder(path, HOLD_WITH_CHILD) as (process, child):
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert locks.is_held(path)
        os.kill(int(child), signal.SIGKILL)
        wait_until(lambda: not locks.is_held(path))


def test_a_lock_file_stays_the_same_file(path: Path) -> None:
    with locks.Held(path, role="sync"):
        first = path.stat().st_ino
    assert path.exists()
    with holder(path):
        pass
    assert path.stat().st_ino == first
    assert not locks.is_held(path)


def test_waiting_ends_when_the_holder_does_and_tells_once_whom_it_waits_for(path: Path) -> None:
    told: list[str] = []
    with holder(path) as (process, _):

        def let_go(holder_note: str) -> None:
            told.append(holder_note)
            process.kill()

        with locks.Held(path, role="sync", wait_seconds=10, on_wait=let_go):
            pass
    assert len(told) == 1
    assert told[0].startswith("other (")


def test_waiting_gives_up_after_its_time(path: Path) -> None:
    slept: list[float] = []
    with holder(path), pytest.raises(LockBusyError):  # noqa: SIM117
        with locks.Held(path, role="sync", wait_seconds=0.05, sleep=slept.append):
            pass
    assert slept


def test_only_one_of_many_threads_is_inside(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        with locks.Held(path, role="sync", wait_seconds=30, sleep=lambda _: time.sleep(0.001)):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_a_damaged_note_is_no_obstacle(path: Path) -> None:
    for content in (b"", b"\xff", b"[]", b"{}", b"null"):
        path.write_bytes(content)
        assert locks.describe_holder(path) == "somebody who left no note"
        with locks.Held(path, role="sync"):
            pass


def test_a_full_disk_does_not_keep_the_lock_from_being_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with locks.Held(path, role="sync"):
        assert locks.is_held(path)


def test_a_lock_that_can_not_be_opened_is_a_volume_error(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="open lock"), locks.Held(tmp_path / "a/b", role="x"):
        pass
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(VolumeError), locks.Held(tmp_path / "link", role="x"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_state_volume_on_the_network_is_refused(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path} {kind} rw 0 0\n")
    with pytest.raises(StateError, match=kind):
        locks.check_local(tmp_path / "state", mounts)
    mounts.write_text(f"host:/x / {kind} rw 0 0\n/dev/a {tmp_path} ext4 rw 0 0\n")
    locks.check_local(tmp_path / "state", mounts)
