"""What volume-init does with the volumes that it finds, and what it says of those that refuse."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import REPOSITORY
from volume.layout import MIRROR_FOLDERS, STATE_FOLDERS

SCRIPT = REPOSITORY / "syncer" / "volume-init.sh"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Path]:
    """A small filesystem of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "mirror"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=64", "tmpfs", str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def init(mirror: Path) -> subprocess.CompletedProcess[str]:
    state = mirror.with_name("state")
    return subprocess.run(
        ["sh", str(SCRIPT)],
        env={"PATH": os.environ["PATH"], "MIRROR_DIR": str(mirror), "STATE_DIR": str(state)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip


def test_it_makes_every_folder_and_gives_it_away(mirror: Path) -> None:
    answer = init(mirror)
    assert (answer.returncode, answer.stderr) == (0, "")
    for name in MIRROR_FOLDERS:
        found = (mirror / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o555) == (1000, 1000, 0o555)
    assert {one.name for one in mirror.with_name("state").iterdir()} == set(STATE_FOLDERS)


def test_a_full_disk_is_not_a_matter_of_user_ids(mirror: Path) -> None:
    for number in range(100):  # until no more can be made
        try:
            (mirror / f"file-{number}").touch()
        except OSError:
            break
    answer = init(mirror)
    assert answer.returncode == 1
    assert "No space left" in answer.stderr
    assert "free space" in answer.stderr
    assert "PUID" not in answer.stderr


def test_a_mirror_that_went_read_only_is_served_on_and_named(mirror: Path) -> None:
    assert init(mirror).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(mirror)], check=True)
    answer = init(mirror)
    assert answer.returncode == 0
    assert f"{mirror} is mounted read-only: mount it read-write" in answer.stderr


def test_a_new_mirror_that_is_read_only_is_refused(mirror: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mirror)], check=True)
    answer = init(mirror)
    assert answer.returncode == 1
    assert "is mounted read-only: mount it read-write" in answer.stderr
