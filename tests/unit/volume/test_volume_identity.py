"""Two volumes belong together, or nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mirror.tree import snapshot
from volume.disk import documents
from volume.errors import WrongVolumeError
from volume.identity import claim
from volume.layout import MIRROR_FOLDERS, Mirror, State

REPOSITORY = Path(__file__).resolve().parents[3]


def pair(tmp_path: Path, name: str = "a") -> tuple[Mirror, State]:
    for kind in ("mirror", "state"):
        (tmp_path / name / kind).mkdir(parents=True, exist_ok=True)
    return Mirror(tmp_path / name / "mirror"), State(tmp_path / name / "state")


def test_two_empty_volumes_become_one_appliance(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    assert claim(mirror, state) == first
    assert {path.name for path in mirror.root.iterdir()} == {*MIRROR_FOLDERS, "owner.json"}


def test_a_lost_state_takes_the_id_of_the_mirror(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    state.instance.unlink()
    assert claim(mirror, state) == first
    assert documents.read(state.instance) == {"schema": 1, "id": first}


def test_a_mirror_that_is_not_mounted_is_refused_and_left_alone(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    empty = Mirror(tmp_path / "unmounted")
    empty.root.mkdir()
    with pytest.raises(WrongVolumeError, match="mounted"):
        claim(empty, state)
    assert list(empty.root.iterdir()) == []
    (state.channel("conda-forge")).mkdir()
    second = claim(empty, state, accept_new_mirror=True)
    assert claim(empty, state) == second != first
    assert list(state.channels.iterdir()) == []  # it spoke of files that are not here
    with pytest.raises(WrongVolumeError, match=first):
        claim(mirror, state)


def test_a_mirror_of_another_appliance_is_refused_and_left_alone(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    other_mirror, other_state = pair(tmp_path, "b")
    claim(mirror, state)
    claim(other_mirror, other_state)
    before = snapshot(tmp_path)
    for accept in (False, True):
        with pytest.raises(WrongVolumeError) as refused:
            claim(other_mirror, state, accept_new_mirror=accept)
        assert refused.value.exit_code == 10
    assert snapshot(tmp_path) == before


CLAIM = """
import sys, pathlib
from volume.identity import claim
from volume.layout import Mirror, State
print("ready", flush=True)
sys.stdin.readline()
print(claim(Mirror(pathlib.Path(sys.argv[1])), State(pathlib.Path(sys.argv[2]))))
"""


def test_programs_that_start_together_agree_on_the_id(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(mirror.root), str(state.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
        )
        for _ in range(6)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    answers = [program.communicate(timeout=20) for program in programs]
    assert len({out for out, _ in answers}) == 1
    assert documents.read(mirror.owner) == documents.read(state.instance)
