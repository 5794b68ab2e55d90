"""Files that people put into a channel's folders: good ones are published, bad ones harm nobody."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from indexer.base.errors import EngineError, EngineStoppedError
from indexer.engines.conda_index.engine import Engine
from indexer.records.local import OVERRIDDEN
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, check_artifacts, volumes
from tests.support.upstream.packages import conda_archive, package
from volume import generations
from volume.disk import files

SUBDIR = "linux-64"


@pytest.fixture(params=["conda-index", "own"])
def indexed(conda_exe: Path, tmp_path: Path, request: pytest.FixtureRequest) -> IndexedMirror:
    committed = CommittedMirror.below(tmp_path, "our/tools")
    mirror, state = committed.mirror, committed.state
    made = volumes(mirror, state, conda_exe, engine=request.param, clock=time.time)
    return IndexedMirror(committed, made)


def left_out(indexed: IndexedMirror) -> dict[str, str]:
    published = generations.published(indexed.committed.mirror, indexed.committed.channel)
    assert published is not None
    return {file.filename: file.reason for file in published.left_out}


def test_a_folder_of_files_is_a_channel(indexed: IndexedMirror) -> None:
    a = package("a", run_exports={"weak": ["a >=1"]}, depends=("b",))
    b = package("b", subdir="noarch", extension=".tar.bz2")
    for one in (a, b):
        indexed.committed.add_local(one)
    before = int((time.time() + LATER) * 1000)
    outcome = indexed.index(later=LATER)
    assert outcome.exit_code == 0
    found = indexed.records(SUBDIR)[a.filename]
    since = found["indexed_timestamp"]
    assert before <= since <= (time.time() + LATER) * 1000
    # conda index leaves these two out, as it does for every channel that it makes.
    expected = {key: a.record[key] for key in a.record.keys() - {"arch", "platform"}}
    assert found == {**expected, "indexed_timestamp": since}
    assert indexed.shards(SUBDIR)[a.filename] == {**found, "run_exports": {"weak": ["a >=1"]}}
    assert set(indexed.records("noarch")) == {b.filename}
    assert indexed.check_artifacts() == 2
    channeldata = json.loads((indexed.current / "channeldata.json").read_bytes())
    assert channeldata["packages"]["a"]["summary"] == "a, made for tests"
    assert not indexed.index(later=LATER).is_new


def test_bad_files_are_left_out_with_a_reason_and_harm_nobody(indexed: IndexedMirror) -> None:
    good = package("good")
    whole = package("cut", extension=".tar.bz2", padding_bytes=200_000)
    other = package("other")
    info = {"info/index.json": (b'["not", "an", "object"]', 0o644)}
    payload = {"share/x": (b"x", 0o644)}
    bad = {
        "cut-1.0-0.tar.bz2": whole.data[: len(whole.data) // 2],
        "cut-1.0-0.conda": other.data[:-30],
        "empty-1.0-0.conda": b"",
        "renamed-1.0-0.conda": other.data,
        "list-1.0-0.conda": conda_archive("list-1.0-0", info, payload),
        "noindex-1.0-0.conda": conda_archive("noindex-1.0-0", payload, payload),
        "not_a_package.conda": other.data,
        "garbage-1.0-0.tar.bz2": b"BZh9" + os.urandom(1000),
    }
    indexed.committed.add_local(good)
    for filename, data in bad.items():
        indexed.committed.add_local_bytes(SUBDIR, filename, data)
    (indexed.committed.local(SUBDIR) / "link-1.0-0.conda").symlink_to(good.filename)
    indexed.committed.add_local_bytes(SUBDIR, "README.txt", b"not a package")
    indexed.committed.add_local_bytes(SUBDIR, ".hidden-1.0-0.conda", b"in flight")
    outcome = indexed.index(later=LATER)
    assert outcome.exit_code == 3
    assert set(indexed.records(SUBDIR)) == {good.filename}
    reasons = left_out(indexed)
    assert reasons.keys() == {*bad, "link-1.0-0.conda"}
    assert "cut short" in reasons["cut-1.0-0.tar.bz2"]
    assert "damaged" in reasons["cut-1.0-0.conda"]
    assert "name-version-build" in reasons["not_a_package.conda"]
    assert "regular file" in reasons["link-1.0-0.conda"]
    assert all(reasons.values())
    assert indexed.check_artifacts() == 1
    assert not any((indexed.current / SUBDIR / name).exists() for name in bad)
    # It is not tried again until it changes.
    again = indexed.index(later=LATER)
    assert not again.is_new
    assert again.exit_code == 3


def test_a_mended_file_is_taken_in(indexed: IndexedMirror) -> None:
    a = package("a")
    path = indexed.committed.add_local_bytes(SUBDIR, a.filename, a.data[:-30])
    indexed.committed.add_local(package("b"))
    assert indexed.index(later=LATER).exit_code == 3
    path.write_bytes(a.data)
    assert indexed.index(later=LATER).exit_code == 0
    assert indexed.check_artifacts() == 2


def test_a_removed_file_leaves_the_index_and_older_snapshots_keep_it(
    indexed: IndexedMirror,
) -> None:
    a, b = package("a"), package("b")
    path = indexed.committed.add_local(a)
    indexed.committed.add_local(b)
    indexed.index(later=LATER)
    first = indexed.current
    path.unlink()
    # Not indexed yet: what the index promises is still there.
    assert indexed.artifact(SUBDIR, a.filename) == a.data
    indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {b.filename}
    assert check_artifacts(indexed.committed, first) == 2


def test_a_replaced_file_switches_with_the_index(indexed: IndexedMirror, tmp_path: Path) -> None:
    old, new = package("a"), package("a", padding_bytes=500)
    path = indexed.committed.add_local(old)
    indexed.index(later=LATER)
    (tmp_path / "new").write_bytes(new.data)
    (tmp_path / "new").replace(path)
    assert indexed.artifact(SUBDIR, old.filename) == old.data
    indexed.index(later=LATER)
    assert indexed.records(SUBDIR)[new.filename]["sha256"] == new.record["sha256"]
    assert indexed.check_artifacts() == 1


def test_a_file_that_is_being_written_waits(indexed: IndexedMirror) -> None:
    indexed.committed.add_local(package("a"))
    outcome = indexed.index()
    assert outcome.generation is None
    assert [file.filename for file in outcome.pending] == ["a-1.0-0.conda"]
    assert outcome.exit_code == 3
    assert indexed.index(later=6).exit_code == 0
    assert set(indexed.records(SUBDIR)) == {"a-1.0-0.conda"}


def test_local_files_live_beside_mirrored_ones(indexed: IndexedMirror) -> None:
    theirs, ours, retired = package("theirs"), package("ours"), package("retired")
    indexed.committed.commit(theirs, retired)
    indexed.committed.add_local(ours)
    indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {one.filename for one in (theirs, ours, retired)}
    assert indexed.records(SUBDIR)[theirs.filename] == theirs.record
    # A retired artifact's file is still in the folder: it must not come back as a local one.
    indexed.committed.retire(SUBDIR, retired.filename)
    indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {theirs.filename, ours.filename}
    # The syncer takes over a name: its record counts from now on.
    indexed.committed.commit(ours)
    indexed.index(later=LATER)
    assert indexed.records(SUBDIR)[ours.filename] == ours.record
    assert indexed.check_artifacts() == 2


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each start of the engine was given to open; it fails over ``bad``."""
    found: list[list[str]] = []
    extract = Engine.extract

    def counted(self: Engine, root: Path, subdirs: list[str]) -> None:
        opened = sorted(path.name for path in (root / subdirs[0]).iterdir())
        found.append(opened)
        if "bad-1.0-0.conda" in opened:
            raise EngineError("conda index ended with status 1: KeyError: 'what'")
        extract(self, root, subdirs)

    monkeypatch.setattr(Engine, "extract", counted)
    return found


def test_many_files_with_one_culprit_cost_few_runs(
    indexed: IndexedMirror, runs: list[list[str]]
) -> None:
    indexed.committed.add_local(package("bad"))
    for count in range(15):
        indexed.committed.add_local(package(f"p{count:02}"))
    assert indexed.index(later=LATER).exit_code == 3
    assert len(indexed.records(SUBDIR)) == 15
    assert len(runs) == 9  # 16, 8 8, 4 4, 2 2, 1 1


def test_renamed_and_malformed_files_get_their_reason_without_the_engine(
    indexed: IndexedMirror, runs: list[list[str]]
) -> None:
    indexed.committed.add_local(package("good"))
    for count in range(10):
        for extension in (".conda", ".tar.bz2"):
            data = package("inner", extension=extension).data
            indexed.committed.add_local_bytes(SUBDIR, f"renamed{count}-1.0-0{extension}", data)
    for content in (b"[]", b"{", b'{"name": "list"}'):
        info = {"info/index.json": (content, 0o644)}
        name = f"list-1.0-{len(content)}"
        data = conda_archive(name, info, {"x": (b"", 0o644)})
        indexed.committed.add_local_bytes(SUBDIR, f"{name}.conda", data)
    assert indexed.index(later=LATER).exit_code == 3
    assert runs == [["good-1.0-0.conda"]]
    reasons = left_out(indexed)
    assert len(reasons) == 23
    for filename, reason in reasons.items():
        if filename.startswith("renamed"):
            assert reason == "its name does not match what is inside: 'inner-1.0-0'; rename it"
        else:
            assert "info/index.json is malformed" in reason


def test_a_bomb_in_info_is_refused_before_anything_unpacks_it(
    indexed: IndexedMirror, runs: list[list[str]]
) -> None:
    index = package("bomb").record
    info = {
        "info/index.json": (json.dumps(index).encode(), 0o644),
        "info/about.json": (b" " * (64 << 20), 0o644),
    }
    data = conda_archive("bomb-1.0-0", info, {"x": (b"", 0o644)})
    assert len(data) < 40_000
    indexed.committed.add_local_bytes(SUBDIR, "bomb-1.0-0.conda", data)
    assert indexed.index(later=LATER).exit_code == 3
    assert runs == []
    assert "info/about.json has 64 MiB" in left_out(indexed)["bomb-1.0-0.conda"]


def test_what_is_written_in_place_changes_nothing_that_is_served(indexed: IndexedMirror) -> None:
    old, new = package("a"), package("a", padding_bytes=500)
    path = indexed.committed.add_local(old)
    indexed.index(later=LATER)
    with path.open("r+b") as stream:  # the same inode, as an editor or dd writes
        stream.write(os.urandom(100))
    assert indexed.artifact(SUBDIR, old.filename) == old.data
    assert indexed.check_artifacts() == 1
    path.write_bytes(new.data)
    assert indexed.artifact(SUBDIR, old.filename) == old.data
    indexed.index(later=LATER)
    assert indexed.artifact(SUBDIR, old.filename) == new.data
    assert indexed.check_artifacts() == 1
    assert check_artifacts(indexed.committed, indexed.committed.mirror.generation("our/tools", 1))


def test_every_local_file_is_durable_before_the_swap(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    at_swap: list[set[int]] = []
    sync_file, swap_link = files.sync_file, files.swap_link

    def noted(path: Path) -> None:
        sync_file(path)
        synced.add(path.stat().st_ino)

    def swapped(path: Path, target: str) -> None:
        if path.name == "current":
            at_swap.append(set(synced))
        swap_link(path, target)

    monkeypatch.setattr(files, "sync_file", noted)
    monkeypatch.setattr(files, "swap_link", swapped)
    indexed.committed.add_local(package("a"))
    indexed.index(later=LATER)
    served = indexed.current / SUBDIR / "a-1.0-0.conda"
    assert served.stat().st_ino in at_swap[0]
    # The next generation links what is durable already.
    indexed.committed.add_local(package("b"))
    indexed.index(later=LATER)
    assert (indexed.current / SUBDIR / "a-1.0-0.conda").samefile(served)
    assert (indexed.current / SUBDIR / "b-1.0-0.conda").stat().st_ino in at_swap[1]


def test_a_lost_state_opens_local_files_again_and_changes_nothing(indexed: IndexedMirror) -> None:
    indexed.committed.add_local(package("a"))
    indexed.index(later=LATER)
    shutil.rmtree(indexed.committed.state.channels)
    outcome = indexed.index(later=LATER)
    assert outcome.exit_code == 0
    assert not outcome.is_new
    assert indexed.check_artifacts() == 1


def test_names_that_no_terminal_may_see_are_escaped_and_harm_nobody(
    indexed: IndexedMirror,
) -> None:
    indexed.committed.add_local(package("good"))
    folder = indexed.committed.local(SUBDIR)
    for name in (b"\xff-1.0-0.conda", b"esc\x1b[31m-1.0-0.conda", b"new\nline-1.0-0.conda"):
        (folder / os.fsdecode(name)).write_bytes(b"x")
    assert indexed.index(later=LATER).exit_code == 3
    assert set(indexed.records(SUBDIR)) == {"good-1.0-0.conda"}
    assert set(left_out(indexed)) == {
        "\\xff-1.0-0.conda", "esc\\x1b[31m-1.0-0.conda", "new\\x0aline-1.0-0.conda",
    }  # fmt: skip


def test_a_name_that_upstream_publishes_later_stops_nothing(indexed: IndexedMirror) -> None:
    ours, theirs = package("n1", padding_bytes=9), package("n1")
    indexed.committed.commit(package("first"))
    indexed.committed.add_local(ours)
    assert indexed.index(later=LATER).exit_code == 0
    assert indexed.artifact(SUBDIR, ours.filename) == ours.data
    indexed.committed.commit(theirs, package("other"))
    assert indexed.index(later=LATER).exit_code == 3
    assert indexed.records(SUBDIR)[theirs.filename] == theirs.record
    assert indexed.artifact(SUBDIR, theirs.filename) == theirs.data
    assert left_out(indexed) == {ours.filename: OVERRIDDEN}
    assert indexed.check_artifacts() == 3
    # Upstream removes it again: ours is there still, and is served.
    indexed.committed.retire(SUBDIR, theirs.filename)
    assert indexed.index(later=LATER).exit_code == 0
    assert indexed.artifact(SUBDIR, ours.filename) == ours.data
    assert indexed.check_artifacts() == 3


def test_an_older_state_that_is_restored_stops_nothing(
    indexed: IndexedMirror, tmp_path: Path
) -> None:
    committed = indexed.committed
    committed.commit(package("first"))
    committed.add_local(package("n1", padding_bytes=9))
    indexed.index(later=LATER)
    shutil.copytree(committed.state.root, tmp_path / "backup")
    committed.commit(package("n1"), package("other"))
    indexed.index(later=LATER)
    shutil.rmtree(committed.state.root)
    shutil.copytree(tmp_path / "backup", committed.state.root)
    # The index does not go back in time on its own (I6) ...
    assert not indexed.index(later=LATER).is_new
    assert len(indexed.records(SUBDIR)) == 3
    # ... and goes on with the next sync.
    committed.commit(package("n1"), package("other"), package("newest"))
    assert indexed.index(later=LATER).exit_code == 3
    assert len(indexed.records(SUBDIR)) == 4
    assert indexed.check_artifacts() == 4


def test_an_engine_that_is_killed_once_does_not_leave_a_good_file_out(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = Engine.extract
    runs: list[Path] = []

    def killed_at_first(self: Engine, root: Path, subdirs: list[str]) -> None:
        runs.append(root)
        if len(runs) == 1:
            raise EngineStoppedError("conda index was ended by SIGKILL")
        extract(self, root, subdirs)

    monkeypatch.setattr(Engine, "extract", killed_at_first)
    indexed.committed.add_local(package("a"))
    assert indexed.index(later=LATER).exit_code == 0
    assert left_out(indexed) == {}
