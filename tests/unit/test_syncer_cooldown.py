"""Since when upstream lists what it lists."""

from pathlib import Path

from syncer.cooldown import Listed


def test_what_was_there_at_the_first_look_has_no_moment(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db")
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=100, writes=True) == {}
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=200, writes=True) == {}


def test_what_appears_or_changes_later_has_one_and_keeps_it(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db")
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("noarch", {"a": "2", "b": "1"}, now=200, writes=True) == {
        "a": 200, "b": 200,
    }  # fmt: skip
    assert listed.first_seen("noarch", {"a": "2", "b": "1"}, now=300, writes=True) == {
        "a": 200, "b": 200,
    }  # fmt: skip


def test_what_vanished_and_comes_back_is_new(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db")
    listed.first_seen("noarch", {"a": "1", "b": "1"}, now=100, writes=True)
    listed.first_seen("noarch", {"b": "1"}, now=200, writes=True)
    assert listed.first_seen("noarch", {"a": "1", "b": "1"}, now=300, writes=True) == {"a": 300}


def test_each_subdir_has_its_own_first_look(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db")
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("linux-64", {"a": "1"}, now=200, writes=True) == {}


def test_a_dry_run_notes_nothing(tmp_path: Path) -> None:
    listed = Listed(tmp_path / "listed.db")
    assert listed.first_seen("noarch", {"a": "1"}, now=100, writes=False) == {}
    assert not (tmp_path / "listed.db").exists()
    listed.first_seen("noarch", {"a": "1"}, now=100, writes=True)
    assert listed.first_seen("noarch", {"b": "1"}, now=200, writes=False) == {"b": 200}
    assert listed.first_seen("noarch", {"b": "1"}, now=300, writes=True) == {"b": 300}


def test_a_damaged_memory_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "listed.db"
    path.write_bytes(b"not a database, and longer than its header" * 9)
    assert Listed(path).first_seen("noarch", {"a": "1"}, now=100, writes=True) == {}
    assert Listed(path).first_seen("noarch", {"b": "1"}, now=200, writes=True) == {"b": 200}
