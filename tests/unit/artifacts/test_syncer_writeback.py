"""Early writeback: bytes go to the disk while others still come, and its errors are not lost."""

import threading
from pathlib import Path

import pytest

from syncer.artifacts.downloads import writeback
from syncer.artifacts.downloads.writeback import Writeback
from volume.errors import VolumeError


class Meter:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def received(self, size: int) -> None:
        self.sizes.append(size)


class Disk:
    """Stands for the barrier; ``release`` lets a call of it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, problem: VolumeError | None = None) -> None:
        self.begun = threading.Semaphore(0)
        self.release = threading.Semaphore(0)
        self.folders: list[Path] = []
        self.problem = problem
        monkeypatch.setattr(writeback, "sync_filesystem", self.sync)

    def sync(self, folder: Path) -> None:
        self.folders.append(folder)
        self.begun.release()
        assert self.release.acquire(timeout=10)
        if self.problem is not None:
            raise self.problem


def test_it_begins_while_bytes_still_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk, meter = Disk(monkeypatch), Meter()
    with Writeback(tmp_path, meter, every=100) as early:
        early.received(60)
        early.received(60)
        assert disk.begun.acquire(timeout=10)
        early.received(99)  # nobody waits for the disk
        disk.release.release()
    assert (disk.folders, meter.sizes) == ([tmp_path], [60, 60, 99])


def test_a_little_is_left_to_the_barrier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk(monkeypatch)
    with Writeback(tmp_path, Meter(), every=100) as early:
        early.received(99)
    assert disk.folders == []


def test_what_the_disk_refuses_is_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    problem = VolumeError("can't sync: the disk reports an error")
    disk = Disk(monkeypatch, problem)
    disk.release.release()
    early = Writeback(tmp_path, Meter(), every=1)
    with pytest.raises(VolumeError, match="the disk reports an error"), early:
        early.received(1)
        assert disk.begun.acquire(timeout=10)
    with pytest.raises(VolumeError, match="the disk reports an error"):
        early.check()


def test_the_first_error_of_the_work_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disk = Disk(monkeypatch, VolumeError("of the disk"))
    disk.release.release()
    with pytest.raises(KeyError), Writeback(tmp_path, Meter(), every=1) as early:
        early.received(1)
        assert disk.begun.acquire(timeout=10)
        raise KeyError("of the work")
