"""Generation documents: what is published and what is kept."""

from pathlib import Path

import pytest

from volume import generations
from volume.errors import StateError
from volume.generations import Generation, Published, UnindexedFile
from volume.layout import Mirror


def generation(number: int, serial: int = 1) -> Generation:
    return Generation(
        number=number,
        serial=serial,
        local="f",
        snapshot="2026",
        created=1.5,
        engine="e",
        subdirs={"noarch": Published(2, 3)},
        left_out=(UnindexedFile("noarch", "x-1-0.conda", 1, 2, "because"),),
        pinned=True,
    )


def test_a_generation_comes_back(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    assert generations.kept(mirror, "pkgs/main") == []
    assert generations.read(mirror, "pkgs/main", 1) is None
    for number in (10, 2, 1_000_000):
        generations.write(mirror, "pkgs/main", generation(number))
    assert generations.kept(mirror, "pkgs/main") == [
        generation(number) for number in (2, 10, 1_000_000)
    ]
    assert generations.kept(mirror, "pkgs/r") == []


def test_current_names_the_published_generation(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    assert generations.published(mirror, "c") is None
    mirror.index("c").mkdir(parents=True)
    mirror.current("c").symlink_to("gen-000003")
    assert generations.current_number(mirror, "c") == 3
    generations.write(mirror, "c", generation(3))
    assert generations.published(mirror, "c") == generation(3)


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
    mirror = Mirror(tmp_path)
    path = mirror.generation_document("c", 1)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(StateError, match=r"gen-000001"):
        generations.kept(mirror, "c")


def test_a_generation_that_lies_where_another_was_is_not_believed(tmp_path: Path) -> None:
    """Folders below index/ that somebody swapped: each would promise what the other holds."""
    mirror = Mirror(tmp_path)
    for channel in ("c", "d"):
        generations.write(mirror, channel, generation(1))
    generations.write(mirror, "c", generation(2))
    mirror.generation("c", 1).rename(tmp_path / "aside")
    mirror.generation("d", 1).rename(mirror.generation("c", 1))
    with pytest.raises(StateError, match=r"is of generation 1 of d: .* put them back"):
        generations.kept(mirror, "c")
    (tmp_path / "aside").rename(mirror.generation("d", 1))
    mirror.generation("c", 2).rename(mirror.generation("c", 3))
    with pytest.raises(StateError, match=r"is of generation 2 of c"):
        generations.read(mirror, "c", 3)
