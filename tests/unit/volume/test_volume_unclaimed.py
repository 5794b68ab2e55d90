"""Files in channels/ that no ledger and no generation explains: named, whoever's they are."""

from pathlib import Path

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from volume import generations, unclaimed
from volume.generations import Generation
from volume.layout import Mirror, State


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def put(mirror: Mirror, *names: str) -> None:
    for name in names:
        path = mirror.root / "channels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_that_nobody_knows_are_counted_by_channel(mirror: Mirror, state: State) -> None:
    put(
        mirror,
        "team/noarch/b-1-0.conda",
        "team/linux-64/a\x1b-1-0.tar.bz2",
        "t/m/noarch/c-1-0.conda",
    )
    put(mirror, "team/README.md", "empty/noarch/.keep")
    found = unclaimed.find(mirror, state)
    assert [(one.channel, one.count, one.first) for one in found] == [
        ("t/m", 1, "noarch/c-1-0.conda"),
        ("team", 2, "linux-64/a\\x1b-1-0.tar.bz2"),
    ]
    assert "channels/team are known to nobody" in str(found[1])
    assert "local/team" in found[1].step


def test_what_is_mirrored_or_published_is_not(mirror: Mirror, state: State) -> None:
    put(mirror, "a/noarch/a-1-0.conda", "b/noarch/b-1-0.conda", "c/noarch/c-1-0.conda")
    LedgerWriter.create(state.ledger("a")).close()
    generations.write(
        mirror,
        "b",
        Generation(1, 0, local="", snapshot="", created=0.0, engine="", subdirs={}, left_out=()),
    )
    assert unclaimed.find(mirror, state, ["c"]) == []


def test_an_empty_volume_has_none(mirror: Mirror, state: State) -> None:
    assert unclaimed.find(mirror, state) == []
