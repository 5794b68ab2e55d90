"""What a change upstream does to the next generation of a mirrored channel."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.base.errors import MissingLedgerError
from indexer.generations.chosen import release, rollback
from indexer.generations.rolled_back import read as read_hold
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, check_artifacts, volumes
from tests.support.upstream.packages import hotfixed, package
from volume import generations, locks
from volume.errors import ConfigError

SUBDIR = "linux-64"
CHANNEL = "conda-forge"
DAY = 86400.0


@pytest.fixture(params=["conda-index", "own"])
def indexed(
    conda_exe: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[IndexedMirror]:
    committed = CommittedMirror.below(tmp_path)
    made = volumes(
        committed.mirror, committed.state, conda_exe, clock=time.time, keep_generations=3,
        engine=request.param,
    )  # fmt: skip
    yield IndexedMirror(committed, made)


def number(indexed: IndexedMirror) -> int | None:
    return generations.current_number(indexed.committed.mirror, indexed.committed.channel)


def test_nothing_new_makes_no_generation(indexed: IndexedMirror) -> None:
    indexed.committed.commit(package("a"))
    assert indexed.index().is_new
    again = indexed.index()
    assert not again.is_new
    assert again.seconds < 0.5
    assert number(indexed) == 1


def test_every_channel_has_a_noarch(indexed: IndexedMirror) -> None:
    indexed.committed.commit(package("a"))
    indexed.index()
    assert indexed.records("noarch") == {}
    assert indexed.shards("noarch") == {}


def test_a_hotfix_reaches_every_variant(indexed: IndexedMirror) -> None:
    a, b = package("a"), package("b")
    indexed.committed.commit(a, b)
    indexed.index()
    shards_before = {path.name for path in (indexed.current / SUBDIR).glob("?" * 64 + ".*")}
    fixed = hotfixed(a, depends=["b >=2"], indexed_timestamp=5, license=None)
    indexed.committed.hotfix(SUBDIR, a.filename, fixed.record)
    assert indexed.index().is_new
    for variant in ("repodata.json", "repodata.json.zst", "repodata.json.bz2"):
        assert indexed.records(SUBDIR, variant) == {
            a.filename: fixed.record,
            b.filename: b.record,
        }
    assert indexed.records(SUBDIR, "current_repodata.json")[a.filename] == fixed.record
    assert indexed.shards(SUBDIR)[a.filename] == {**fixed.record, "run_exports": {}}
    # A client may still use yesterday's shard index.
    assert shards_before <= {path.name for path in (indexed.current / SUBDIR).iterdir()}


def test_a_removal_leaves_every_variant(indexed: IndexedMirror) -> None:
    a, b = package("a"), package("b")
    indexed.committed.commit(a, b)
    indexed.index()
    indexed.committed.retire(SUBDIR, a.filename)
    indexed.index()
    assert set(indexed.records(SUBDIR)) == {b.filename} == set(indexed.shards(SUBDIR))
    channeldata = json.loads((indexed.current / "channeldata.json").read_bytes())
    assert set(channeldata["packages"]) == {"b"}
    document = indexed.repodata(SUBDIR, "run_exports.json")
    assert set(document["packages.conda"]) == {b.filename}


def test_same_name_new_bytes_switch_with_the_index(indexed: IndexedMirror) -> None:
    old, new = package("a"), package("a", padding_bytes=100)
    indexed.committed.commit(old)
    indexed.index()
    first = indexed.current
    indexed.committed.commit(new)
    # Committed, not indexed: clients still get what the index says.
    assert indexed.artifact(SUBDIR, old.filename) == old.data
    indexed.index()
    assert indexed.records(SUBDIR)[new.filename] == new.record
    assert indexed.artifact(SUBDIR, new.filename) == new.data
    assert indexed.check_artifacts() == 1
    # An older snapshot keeps the bytes that its index names.
    assert check_artifacts(indexed.committed, first) == 1


def test_retired_bytes_beside_the_name_stay_downloadable(indexed: IndexedMirror) -> None:
    old, new, other = package("a"), package("a", padding_bytes=100), package("b")
    indexed.committed.commit(old, other)
    indexed.committed.commit(new)
    indexed.index()
    indexed.committed.retire(SUBDIR, new.filename)
    indexed.index()
    assert set(indexed.records(SUBDIR)) == {other.filename}
    assert indexed.artifact(SUBDIR, new.filename) == new.data


def test_upstreams_run_exports_win(indexed: IndexedMirror) -> None:
    a = package("a", run_exports={"weak": ["a >=1"]})
    b = package("b", run_exports={"weak": ["b >=1"]}, extension=".tar.bz2")
    indexed.committed.commit(a, b)
    indexed.index()
    found = indexed.shards(SUBDIR)
    assert found[a.filename]["run_exports"] == {"weak": ["a >=1"]}
    assert found[b.filename]["run_exports"] == {"weak": ["b >=1"]}
    indexed.committed.give_run_exports(SUBDIR, {a.filename: {"strong": ["a ==1"]}})
    indexed.index()
    assert indexed.shards(SUBDIR)[a.filename]["run_exports"] == {"strong": ["a ==1"]}
    indexed.committed.give_run_exports(SUBDIR, {})
    indexed.index()
    assert indexed.shards(SUBDIR)[a.filename]["run_exports"] == {"weak": ["a >=1"]}


def test_upstreams_other_sections_are_kept(indexed: IndexedMirror) -> None:
    a, b = package("a"), package("b", extension=".tar.bz2")
    indexed.committed.commit(a, b)
    indexed.committed.carry(
        SUBDIR,
        {
            "removed": json.dumps(["gone-1-0.conda", a.filename]),
            "signatures": json.dumps({a.filename: {"k": "s"}, "absent-1-0.conda": {"k": "s"}}),
            "v3": json.dumps({"conda": {"a-1.0-0": a.record}}),  # as 0.1.0 carried it
            "info.base_url": json.dumps("https://elsewhere.invalid/"),
            "info.created_at": json.dumps("2026-01-01"),
            "packages.whl": json.dumps({"w-1.whl": {}}),
            "news": json.dumps({"deep": [1]}),
        },
    )
    indexed.index()
    document = indexed.repodata(SUBDIR)
    assert document["removed"] == ["gone-1-0.conda"]
    assert document["signatures"] == {a.filename: {"k": "s"}}
    assert "v3" not in document  # its records are rows now, which the next sync writes
    assert document["info"] == {"subdir": SUBDIR, "created_at": "2026-01-01"}
    assert document["news"] == {"deep": [1]}
    assert "packages.whl" not in document
    assert document["repodata_version"] == 1
    assert indexed.records(SUBDIR) == {a.filename: a.record, b.filename: b.record}
    assert indexed.repodata(SUBDIR, "current_repodata.json")["removed"] == ["gone-1-0.conda"]


def test_upstreams_channeldata_is_taken_for_what_is_here(indexed: IndexedMirror) -> None:
    indexed.committed.commit(package("a", version="1.0"))
    entry = {"summary": "theirs", "version": "9", "subdirs": ["osx-64"], "home": "h"}
    texts = {"a": json.dumps(entry), "elsewhere": "{}"}
    indexed.committed.give_channeldata(texts)
    indexed.index()
    packages = json.loads((indexed.current / "channeldata.json").read_bytes())["packages"]
    assert set(packages) == {"a"}
    assert (packages["a"]["summary"], packages["a"]["home"]) == ("theirs", "h")
    assert (packages["a"]["version"], packages["a"]["subdirs"]) == ("1.0", [SUBDIR])


def test_an_odd_record_costs_no_output(indexed: IndexedMirror) -> None:
    a = hotfixed(package("a"))
    indexed.committed.commit(package("b"))
    indexed.committed.commit(a)
    current = "current_repodata.json"
    # conda-index stumbles over a null there, which means none; nobody knows what a 7 means.
    for value in (None, 7):
        odd = {**a.record, "features": value}
        indexed.committed.hotfix(SUBDIR, a.filename, odd)
        assert indexed.index().exit_code == 0
        assert indexed.records(SUBDIR)[a.filename] == odd
        for name in (current, f"{current}.zst", f"{current}.bz2"):
            assert (indexed.current / SUBDIR / name).exists()
        listed = indexed.repodata(SUBDIR, current)["packages.conda"]
        assert listed.keys() == {a.filename, "b-1.0-0.conda"}


def test_a_commit_that_changes_nothing_for_clients_keeps_the_generation(
    indexed: IndexedMirror,
) -> None:
    a = package("a")
    indexed.committed.commit(a)
    indexed.index()
    serial = indexed.committed.give_channeldata({"elsewhere": "{}"})
    outcome = indexed.index()
    assert not outcome.is_new
    assert number(indexed) == 1
    published = generations.read(indexed.committed.mirror, "conda-forge", 1)
    assert published is not None
    assert published.serial == serial
    assert not indexed.index().is_new


def test_what_did_not_change_keeps_inode_and_time(indexed: IndexedMirror) -> None:
    indexed.committed.commit(package("a"), package("n", subdir="noarch"))
    indexed.index()
    before = {
        path.name: path.stat() for path in (indexed.current / "noarch").iterdir() if path.is_file()
    }
    indexed.committed.commit(package("b"))
    indexed.index()
    for path in (indexed.current / "noarch").iterdir():
        assert path.stat().st_ino == before[path.name].st_ino, path.name


def test_a_changed_file_never_has_the_etag_of_an_older_one(indexed: IndexedMirror) -> None:
    seen: set[tuple[str, int, int]] = set()
    a, b = package("a"), package("b")
    for one, other in ((a, b), (b, a), (a, b)):
        indexed.committed.commit(one)
        indexed.committed.retire(SUBDIR, other.filename)
        indexed.index()
        for path in (indexed.current / SUBDIR).glob("*.json*"):
            status = path.stat()
            key = (path.name, int(status.st_mtime), status.st_size)
            assert key not in seen
            seen.add(key)


def test_shards_stay_for_a_week_after_they_are_left(indexed: IndexedMirror) -> None:
    a = package("a")
    indexed.committed.commit(a)
    indexed.index()
    (old,) = (path.name for path in (indexed.current / SUBDIR).glob("?" * 64 + ".*"))

    def fix(value: int, later: float) -> set[str]:
        indexed.committed.hotfix(SUBDIR, a.filename, hotfixed(a, indexed_timestamp=value).record)
        indexed.index(later=later)
        return {path.name for path in (indexed.current / SUBDIR).iterdir()}

    assert old in fix(1, DAY)
    assert old in fix(2, 7.5 * DAY)
    assert old not in fix(3, 8.5 * DAY)


def test_old_generations_go_and_their_snapshots_with_them(indexed: IndexedMirror) -> None:
    committed = indexed.committed
    for count in range(5):
        committed.commit(package(f"p{count}"))
        indexed.index()
    kept = generations.kept(committed.mirror, committed.channel)
    assert [one.number for one in kept] == [3, 4, 5]
    folder = committed.mirror.snapshots(committed.channel)
    assert {path.name for path in folder.iterdir()} == {one.snapshot for one in kept}
    for one in kept:
        assert check_artifacts(committed, (folder / one.snapshot).resolve()) == one.number
    assert not committed.mirror.generation(committed.channel, 1).exists()


class TestRollback:
    @pytest.fixture
    def rolled(self, indexed: IndexedMirror) -> IndexedMirror:
        indexed.committed.commit(package("a"))
        indexed.index()
        indexed.committed.commit(package("b"))
        indexed.index()
        rollback(indexed.volumes, "conda-forge")
        return indexed

    def test_it_publishes_the_generation_before(self, rolled: IndexedMirror) -> None:
        assert number(rolled) == 1
        assert set(rolled.records(SUBDIR)) == {"a-1.0-0.conda"}

    def test_it_holds_against_the_next_look(self, rolled: IndexedMirror) -> None:
        assert not rolled.index().is_new
        assert number(rolled) == 1

    def test_it_ends_with_the_next_commit(self, rolled: IndexedMirror) -> None:
        rolled.committed.commit(package("c"))
        assert rolled.index().is_new
        assert number(rolled) == 3
        assert set(rolled.records(SUBDIR)) == {f"{name}-1.0-0.conda" for name in "abc"}
        assert read_hold(rolled.committed.mirror, "conda-forge") is None

    def test_release_publishes_the_newest_again(self, rolled: IndexedMirror) -> None:
        release(rolled.volumes, "conda-forge")
        assert number(rolled) == 2
        assert not rolled.index().is_new
        assert number(rolled) == 2

    def test_shards_of_the_newer_index_stay_reachable(self, rolled: IndexedMirror) -> None:
        newer = rolled.committed.mirror.generation("conda-forge", 2)
        wanted = {path.name for path in (newer / SUBDIR).glob("?" * 64 + ".*")}
        assert wanted <= {path.name for path in (rolled.current / SUBDIR).iterdir()}

    def test_there_may_be_none(self, rolled: IndexedMirror) -> None:
        with pytest.raises(ConfigError, match="no generation older"):
            rollback(rolled.volumes, "conda-forge")
        with pytest.raises(ConfigError, match="it keeps: 1, 2"):
            rollback(rolled.volumes, "conda-forge", to=9)

    def test_the_held_generation_is_never_removed(self, rolled: IndexedMirror) -> None:
        for count in range(3):
            rolled.committed.commit(package(f"p{count}"))
            rolled.index()
        rollback(rolled.volumes, "conda-forge", to=3)
        assert number(rolled) == 3
        assert not rolled.index(later=LATER).is_new
        assert rolled.current.is_dir()


def test_a_lost_ledger_is_not_taken_for_a_local_channel(indexed: IndexedMirror) -> None:
    indexed.committed.commit(package("a"))
    indexed.index()
    for path in indexed.committed.state.channel("conda-forge").glob("ledger.db*"):
        path.unlink()
    with pytest.raises(MissingLedgerError, match="syncer --once"):
        indexed.index(later=LATER)
    # Even if all of the state is lost.
    shutil.rmtree(indexed.committed.state.channels)
    with pytest.raises(MissingLedgerError):
        indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {"a-1.0-0.conda"}


def test_a_ledger_that_is_being_rebuilt_does_not_shrink_the_index(
    indexed: IndexedMirror,
) -> None:
    a, b, gone = package("a"), package("b"), package("gone-upstream")
    committed = indexed.committed
    committed.commit(a, b)
    committed.commit(gone)
    ours = committed.add_local(package("ours"))
    indexed.index(later=LATER)
    for path in committed.state.channel(CHANNEL).glob("*.db*"):
        path.unlink()  # the indexer's memory too
    committed.commit(a)
    with locks.Held(committed.state.sync_lock, role="a sync that adopts what is there"):
        assert not indexed.index(later=LATER).is_new
    assert len(indexed.records(SUBDIR)) == 4
    outcome = indexed.index(later=LATER)
    assert outcome.exit_code == 0
    # What was mirrored and is not committed again never becomes a local file without its hotfixes.
    assert set(indexed.records(SUBDIR)) == {a.filename, ours.name}
    assert outcome.generation is not None
    # Their files are the syncer's to take over or to sweep, and nobody's own.
    assert outcome.generation.left_out == ()
    assert not committed.mirror.local(CHANNEL, SUBDIR).joinpath(gone.filename).exists()
    committed.commit(b)
    indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {a.filename, b.filename, ours.name}
    assert indexed.records(SUBDIR)[b.filename] == b.record


def test_after_a_rollback_an_equal_outcome_is_a_new_generation(indexed: IndexedMirror) -> None:
    a, b = package("a"), package("b")
    indexed.committed.commit(a)
    indexed.index()
    indexed.committed.commit(b)
    indexed.index()
    rollback(indexed.volumes, CHANNEL)
    indexed.committed.retire(SUBDIR, b.filename)
    assert indexed.index().is_new
    assert number(indexed) == 3
    assert set(indexed.records(SUBDIR)) == {a.filename}


def test_a_lost_state_is_made_anew(indexed: IndexedMirror) -> None:
    a, b = package("a"), package("b")
    indexed.committed.commit(a)
    indexed.index()
    state = indexed.committed.state.channel("conda-forge")
    (state / "index-memory.db").write_bytes(b"not a database at all, but of some length" * 100)
    caches = [*state.glob("engine/*/.cache/cache.db"), *state.glob("engine/names.db")]
    assert caches
    for path in caches:
        path.write_bytes(b"damaged" * 1000)
    indexed.committed.commit(b)
    assert indexed.index().is_new
    assert indexed.records(SUBDIR) == {a.filename: a.record, b.filename: b.record}
