"""Two volumes belong together, or nothing is written."""

import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from tests.support.mirror.tree import snapshot
from volume.disk import documents, faults
from volume.errors import WrongVolumeError
from volume.identity import NOTHING_SAID, Word, check, claim
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


def test_a_new_state_takes_an_owned_mirror_by_a_persons_word_only(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    _, another = pair(tmp_path, "b")
    before = snapshot(mirror.root)
    for word in (NOTHING_SAID, Word(accept_new_mirror=True)):
        with pytest.raises(WrongVolumeError, match=f"{first}.* --take-over") as refused:
            claim(mirror, another, word)
        assert refused.value.exit_code == 10
        assert not another.instance.exists()
    assert snapshot(mirror.root) == before
    second = claim(mirror, another, Word(take_over=True))
    assert documents.read(another.instance) == {"schema": 1, "id": second}
    assert claim(mirror, another) == second != first
    # Whoever had it before is refused from now on, and gets it back the same way.
    state.channel("conda-forge").mkdir()
    with pytest.raises(WrongVolumeError, match=second):
        claim(mirror, state)
    third = claim(mirror, state, Word(take_over=True))
    assert list(state.channels.iterdir()) == []
    assert third not in {first, second}


def test_a_copy_of_a_mirror_gets_an_id_of_its_own(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    copy, new = Mirror(tmp_path / "copy"), State(tmp_path / "new")
    shutil.copytree(mirror.root, copy.root)
    assert claim(copy, new, Word(take_over=True)) != first
    assert claim(mirror, state) == first


def test_a_look_changes_nothing(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    check(mirror, state)
    assert list(state.root.iterdir()) == list(mirror.root.iterdir()) == []
    claim(mirror, state)
    check(mirror, state)
    for other in (Mirror(tmp_path / "b"), Mirror(pair(tmp_path, "c")[0].root)):
        with pytest.raises(WrongVolumeError):
            check(other, state)


def test_a_mirror_that_is_not_mounted_is_refused_and_left_alone(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    first = claim(mirror, state)
    empty = Mirror(tmp_path / "unmounted")
    empty.root.mkdir()
    with pytest.raises(WrongVolumeError, match="mounted"):
        claim(empty, state)
    assert list(empty.root.iterdir()) == []
    (state.channel("conda-forge")).mkdir()
    second = claim(empty, state, Word(accept_new_mirror=True))
    assert claim(empty, state) == second != first
    assert list(state.channels.iterdir()) == []  # it spoke of files that are not here
    with pytest.raises(WrongVolumeError, match=first):
        claim(mirror, state)


def test_a_mirror_of_another_appliance_is_refused_and_left_alone(tmp_path: Path) -> None:
    mirror, state = pair(tmp_path)
    other_mirror, other_state = pair(tmp_path, "b")
    claim(mirror, state)
    claim(other_mirror, other_state)
    for one in (state, other_state):
        shutil.rmtree(one.root / "locks")  # whose note says when
    before = snapshot(tmp_path)
    for accept in (False, True):
        with pytest.raises(WrongVolumeError) as refused:
            claim(other_mirror, state, Word(accept))
        assert refused.value.exit_code == 10
        shutil.rmtree(state.root / "locks")
    assert snapshot(tmp_path) == before


CLAIM = """
import sys, pathlib
from volume.identity import NOTHING_SAID, Word, check, claim
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


def _contend(root: Path, name: str, pairs: int, barrier: Barrier, results: Any) -> None:
    won = []
    for number in range(pairs):
        mirror, state = Mirror(root / f"mirror-{number}"), State(root / f"{name}-{number}")
        barrier.wait(timeout=60)
        try:
            won.append(claim(mirror, state))
        except WrongVolumeError:
            won.append("")
    results.put((name, won))


def test_of_two_appliances_that_start_at_one_moment_exactly_one_gets_the_mirror(
    tmp_path: Path,
) -> None:
    pairs = 200
    for number in range(pairs):
        (tmp_path / f"mirror-{number}").mkdir()
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    contenders = [
        context.Process(target=_contend, args=(tmp_path, name, pairs, barrier, results))
        for name in ("a", "b")
    ]
    for one in contenders:
        one.start()
    found = dict(results.get(timeout=120) for _ in contenders)
    for one in contenders:
        one.join(timeout=60)
    for number, (first, second) in enumerate(zip(found["a"], found["b"], strict=True)):
        assert bool(first) != bool(second)
        mirror, winner = Mirror(tmp_path / f"mirror-{number}"), "a" if first else "b"
        state = State(tmp_path / f"{winner}-{number}")
        assert documents.read(mirror.owner) == documents.read(state.instance)
        assert claim(mirror, state) == first or second


@pytest.mark.parametrize("begin", ["new", "taken over", "lost mirror"])
def test_a_claim_that_was_cut_off_anywhere_is_finished_or_asked_about(
    tmp_path: Path, begin: str
) -> None:
    moments = 0
    for stop_at in itertools.count():
        mirror, state = pair(tmp_path, f"{begin}-{stop_at}")
        word = NOTHING_SAID
        if begin == "taken over":
            claim(mirror, pair(tmp_path, f"other-{stop_at}")[1])
            word = Word(take_over=True)
        elif begin == "lost mirror":
            claim(pair(tmp_path, f"other-{stop_at}")[0], state)
            word = Word(accept_new_mirror=True)
        seen = 0

        def cut(moment: str, operation: str, stop_at: int = stop_at) -> None:
            nonlocal seen
            if seen == stop_at:
                raise KeyboardInterrupt(f"{moment} {operation}")
            seen += 1

        faults.install(cut)
        try:
            claim(mirror, state, word)
            break
        except KeyboardInterrupt:
            moments += 1
        finally:
            faults.install(None)
        try:
            identity = claim(mirror, state)
        except WrongVolumeError:
            identity = claim(mirror, state, word)  # asked again, and the same word helps
        assert claim(mirror, state) == identity
        assert documents.read(mirror.owner) == documents.read(state.instance)
        assert not list(mirror.root.glob(".owner*"))
    assert moments > 8
