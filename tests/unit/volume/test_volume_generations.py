"""Generation documents: what is published and what is kept."""

from pathlib import Path

import pytest

from volume import generations
from volume.errors import StateError
from volume.generations import Generation, LeftOut, Published
from volume.layout import Mirror, State


def generation(number: int, serial: int = 1) -> Generation:
    return Generation(
        number=number,
        serial=serial,
        local="f",
        snapshot="2026",
        created=1.5,
        engine="e",
        subdirs={"noarch": Published(2, 3)},
        left_out=(LeftOut("noarch", "x-1-0.conda", 1, 2, "because"),),
        pinned=True,
    )


def test_a_generation_comes_back(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert generations.kept(state, "pkgs/main") == []
    assert generations.read(state, "pkgs/main", 1) is None
    for number in (10, 2, 1_000_000):
        generations.write(state, "pkgs/main", generation(number))
    assert generations.kept(state, "pkgs/main") == [
        generation(number) for number in (2, 10, 1_000_000)
    ]
    assert generations.kept(state, "pkgs/r") == []


def test_current_names_the_published_generation(tmp_path: Path) -> None:
    mirror, state = Mirror(tmp_path / "m"), State(tmp_path / "s")
    assert generations.published(mirror, state, "c") is None
    mirror.index("c").mkdir(parents=True)
    mirror.current("c").symlink_to("gen-000003")
    assert generations.current_number(mirror, "c") == 3
    generations.write(state, "c", generation(3))
    assert generations.published(mirror, state, "c") == generation(3)


@pytest.mark.parametrize("target", ["elsewhere", "gen-3", "/gen-000003", "../gen-000003"])
def test_a_link_to_anything_else_is_no_publication(tmp_path: Path, target: str) -> None:
    mirror = Mirror(tmp_path)
    mirror.index("c").mkdir(parents=True)
    mirror.current("c").symlink_to(target)
    assert generations.current_number(mirror, "c") is None


@pytest.mark.parametrize(
    "content", ['{"schema": 1}', '{"schema": 1, "number": 1, "subdirs": []}', "{", '{"schema": 9}']
)
def test_a_document_that_is_not_understood_is_named(tmp_path: Path, content: str) -> None:
    state = State(tmp_path)
    path = state.generation_document("c", 1)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(StateError, match=r"000001\.json"):
        generations.kept(state, "c")
