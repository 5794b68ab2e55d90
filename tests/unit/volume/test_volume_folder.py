"""Folders that are held open: moving many names, few descriptors, errors that say what to do."""

import os
from pathlib import Path

import pytest

from volume.disk import faults
from volume.disk.folder import Folder, Folders
from volume.errors import VolumeError


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, no paths


def test_a_file_is_moved_whatever_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "new").write_text("new")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "name").write_text("old")
    with Folder(tmp_path / "staging") as staging, Folder(tmp_path / "home") as home:
        assert home.holds("name") and not home.holds("new")
        assert home.take("name", staging, "new")
        assert not staging.holds("new")
    assert (tmp_path / "home" / "name").read_text() == "new"


def test_what_is_not_there_is_said_and_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("old")
    with Folder(tmp_path) as home:
        assert not home.take("name", home, "none")
    assert (tmp_path / "name").read_text() == "old"


def test_each_move_is_a_fault_point_with_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    announced: list[tuple[str, str]] = []
    with Folder(tmp_path) as home:
        faults.install(lambda moment, operation: announced.append((moment, operation)))
        try:
            home.take("b", home, "a")
        finally:
            faults.install(None)
    name = f"rename {tmp_path}/b"
    assert announced == [("before", name), ("after", name)]


def test_a_refusal_names_the_path_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with Folder(tmp_path) as home, pytest.raises(VolumeError, match=f"rename {tmp_path}/folder: "):
        home.take("folder", home, "file")
    with pytest.raises(VolumeError, match=f"open {tmp_path}/none"):
        Folder(tmp_path / "none")


def test_any_number_of_folders_takes_few_descriptors(tmp_path: Path) -> None:
    before = descriptors()
    with Folders() as homes, Folder(tmp_path) as staging:
        for number in range(300):
            (tmp_path / "part").write_text(str(number))
            assert homes.at(tmp_path / "homes" / str(number)).take("name", staging, "part")
            assert descriptors() < before + 100
        assert homes.at(tmp_path / "homes" / "0").holds("name")  # one that was closed meanwhile
    assert descriptors() == before
    for number in range(300):
        assert (tmp_path / "homes" / str(number) / "name").read_text() == str(number)
