"""Since when upstream lists what it lists."""

import sqlite3
from pathlib import Path

import pytest

from syncer.planning.cooldown import Listed
from syncer.settings.reach import Reach
from volume.errors import VolumeError


def test_what_was_there_at_the_first_look_has_no_moment(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=100, writes=True) == {}
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=200, writes=True) == {}


def test_what_appears_or_changes_later_has_one_and_keeps_it(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("noarch", {"a": "2", "b": "1"}, now=200, writes=True) == {
        "a": 200, "b": 200,
    }  # fmt: skip
    assert listed.first_seen("noarch", {"a": "2", "b": "1"}, now=300, writes=True) == {
        "a": 200, "b": 200,
    }  # fmt: skip


def test_what_vanished_and_comes_back_is_new(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")
    listed.first_seen("noarch", {"a": "1", "b": "1"}, now=100, writes=True)
    listed.first_seen("noarch", {"b": "1"}, now=200, writes=True)
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=300, writes=True) == {"a": 300}


def test_each_subdir_has_its_own_first_look(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("linux-64", {"a": "1"}, now=200, writes=True) == {}


def test_a_dry_run_notes_nothing(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")
    assert listed.first_seen("noarch", {"a": "1"}, now=100, writes=False) == {}
    assert not (tmp_path / "listed.db").exists()
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("noarch", {"b": "1"}, now=200, writes=False) == {"b": 200}
    assert listed.first_seen("noarch", {"b": "1"}, now=300, writes=True) == {"b": 300}


def test_a_damaged_memory_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "listed.db"
    path.write_bytes(b"not a database, and longer than its header" * 9)
    assert (
        Listed(path, path.with_name("copy")).first_seen("noarch", {"a": "1"}, now=100, writes=True)
        == {}
    )
    assert Listed(path, path.with_name("copy")).first_seen(
        "noarch", {"b": "1"}, now=200, writes=True
    ) == {"b": 200}


def test_a_memory_that_is_in_use_is_not_thrown_away(tmp_path: Path) -> None:
    """Else a full disk or a second program would let a backdated artifact in."""
    path = tmp_path / "listed.db"
    Listed(path, path.with_name("copy")).first_seen("noarch", {"a": "1"}, now=100, writes=True)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    impatient = Listed(path, path.with_name("copy"), patience=0.01)
    for writes in (True, False):
        with pytest.raises(VolumeError, match=r"can't read .*listed.db: database is locked"):
            impatient.first_seen("noarch", {"a": "1", "b": "1"}, now=200, writes=writes)
    other.close()
    found = Listed(path, path.with_name("copy")).first_seen(
        "noarch", {"a": "1", "b": "1"}, now=200, writes=True
    )
    assert found == {"b": 200}


def test_a_dry_run_leaves_a_damaged_memory_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "listed.db"
    content = b"not a database, and longer than its header" * 9
    path.write_bytes(content)
    assert (
        Listed(path, path.with_name("copy")).first_seen("noarch", {"a": "1"}, now=100, writes=False)
        == {}
    )
    assert path.read_bytes() == content


A1, A2, B1 = "a-1-0.conda", "a-2-0.conda", "b-1-0.conda"


def test_a_name_that_is_looked_at_for_the_first_time_is_not_new(tmp_path: Path) -> None:
    """As when INCLUDE gets another name, and the channel is read by shards."""
    listed = Listed(tmp_path / "listed.db", tmp_path / "copy")

    def look(now: float, reach: Reach | None, *names: str) -> dict[str, float]:
        return listed.first_seen(
            "noarch", dict.fromkeys(names, "1"), now=now, writes=True, reach=reach
        )

    only_a, both = Reach("a"), Reach("a >=1\nb*")
    assert look(100, only_a, A1) == {}
    assert look(200, both, A1, A2, B1) == {A2: 200}
    assert look(300, only_a, A1, A2) == {A2: 200}  # b is not gone: nobody looked
    assert look(400, None, A1, A2, B1, "c-1-0.conda") == {A2: 200}
    assert look(500, None, A1, A2, B1, "d-1-0.conda") == {A2: 200, "d-1-0.conda": 500}
    assert look(600, None, A1, B1) == {}
    assert look(700, both, A1, A2, B1) == {A2: 700}


@pytest.mark.parametrize("lost", ["removed", "damaged"])
def test_a_memory_that_is_lost_goes_on_from_its_copy(tmp_path: Path, lost: str) -> None:
    """Else what came yesterday would be taken for old, and let in."""
    path, copy = tmp_path / "listed.db", tmp_path / "mirror" / "copy"
    Listed(path, copy).first_seen("noarch", {"a": "1"}, now=100, writes=True)
    Listed(path, copy).first_seen("noarch", {"a": "1", "b": "1"}, now=200, writes=True)
    if lost == "removed":
        path.unlink()
    else:
        path.write_bytes(b"not a database, and longer than its header" * 9)
    contents = {"a": "1", "b": "1", "c": "1"}
    seen = Listed(path, copy).first_seen("noarch", contents, now=300, writes=True)
    assert seen == {"b": 200, "c": 300}
    copy.write_bytes(copy.read_bytes()[:-9])
    path.unlink()
    assert Listed(path, copy).first_seen("noarch", {"d": "1"}, now=400, writes=True) == {}


def test_a_copy_that_a_stopped_run_did_not_write_is_written_by_the_next(tmp_path: Path) -> None:
    path, copy = tmp_path / "listed.db", tmp_path / "copy"
    Listed(path, copy).first_seen("noarch", {"a": "1"}, now=100, writes=True)
    copy.unlink()
    Listed(path, copy).first_seen("noarch", {"a": "1"}, now=200, writes=True)
    assert copy.exists()
