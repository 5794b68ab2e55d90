"""A row of the ledger that is not what was written is left out and named, and nothing else."""

import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, volumes
from tests.support.upstream.packages import package
from volume import generations
from volume.errors import MirrorError, StateError, VolumeError

SUBDIR = "linux-64"
DAMAGE = {
    "another version": "UPDATE artifact SET record = replace(record, '>=3.0.9', '>=1.0.9')"
    " WHERE filename = 'b-1.0-0.conda'",
    "no JSON": "UPDATE artifact SET record = substr(record, 2) WHERE filename = 'b-1.0-0.conda'",
    "no UTF-8": "UPDATE artifact SET record = CAST(x'7bff7d' AS TEXT)"
    " WHERE filename = 'b-1.0-0.conda'",
    "another hash": "UPDATE artifact SET sha256 = 'f' || substr(sha256, 2)"
    " WHERE filename = 'b-1.0-0.conda'",
    "run_exports": "UPDATE run_exports SET run_exports = replace(run_exports, 'b', 'c')",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_row_costs_its_artifact_alone(damage: str, tmp_path: Path) -> None:
    committed = CommittedMirror.below(tmp_path)
    committed.commit(
        package("a", subdir=SUBDIR), package("b", subdir=SUBDIR, depends=["openssl >=3.0.9"])
    )
    if "UPDATE run_exports" in damage:
        committed.give_run_exports(SUBDIR, {"b-1.0-0.conda": {"weak": ["b"]}})
    clock = lambda: 1_800_000_000.0  # noqa: E731 - a clock that stands
    made = volumes(committed.mirror, committed.state, "no-conda", engine="own", clock=clock)
    indexed = IndexedMirror(committed, made)
    with sqlite3.connect(committed.state.ledger(committed.channel)) as ledger:
        assert ledger.execute(damage).rowcount == 1

    outcome = indexed.index(later=LATER)

    assert outcome.exit_code == 3
    assert indexed.repodata(SUBDIR)["packages.conda"].keys() == {"a-1.0-0.conda"}
    (generation,) = generations.kept(committed.mirror, committed.channel)
    (left_out,) = generation.left_out
    assert left_out.filename.startswith("b")
    assert "the next sync writes it again" in left_out.reason
    assert left_out.is_damaged and generation.met_damage
    assert generation.subdirs[SUBDIR].records == 1


@pytest.mark.parametrize(
    "damage",
    ["UPDATE carried SET value = '{' WHERE key = 'news'",
     "UPDATE channeldata SET data = replace(data, 'good', 'evil')"],
)  # fmt: skip
def test_what_stands_beside_the_records_is_left_out_alone(damage: str, tmp_path: Path) -> None:
    committed = CommittedMirror.below(tmp_path)
    committed.commit(package("a", subdir=SUBDIR))
    committed.carry(SUBDIR, {"news": '{"deep":1}', "removed": '["c-1-0.conda"]'})
    with sqlite3.connect(committed.state.ledger(committed.channel)) as ledger:
        ledger.create_function("prove", 1, lambda _: b"1", deterministic=True)
        ledger.execute("INSERT INTO channeldata VALUES ('a', '{\"summary\":\"good\"}', x'00')")
        ledger.execute(damage)
    clock = lambda: 1_800_000_000.0  # noqa: E731 - a clock that stands
    made = volumes(committed.mirror, committed.state, "no-conda", engine="own", clock=clock)
    indexed = IndexedMirror(committed, made)
    indexed.index(later=LATER)
    repodata = indexed.repodata(SUBDIR)
    assert repodata["removed"] == ["c-1-0.conda"]
    assert ("news" in repodata) == ("carried" not in damage)
    assert b"evil" not in (indexed.current / "channeldata.json").read_bytes()


@pytest.fixture
def readied(tmp_path: Path) -> IndexedMirror:
    """A channel that is committed and not published yet, in a ledger without a log beside it."""
    committed = CommittedMirror.below(tmp_path)
    committed.commit(*[package(f"p{n}", subdir=SUBDIR, depends=[f"q >={n}"]) for n in range(30)])
    with sqlite3.connect(committed.state.ledger(committed.channel)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made = volumes(committed.mirror, committed.state, "no-conda", engine="own", clock=time.time)
    return IndexedMirror(committed, made)


@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_bits_are_flipped_nothing_untrue_is_published(
    readied: IndexedMirror, data: st.DataObject
) -> None:
    committed = readied.committed
    path = committed.state.ledger(committed.channel)
    sound = path.read_bytes()
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(sound) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    try:
        readied.index(later=LATER)
        listed = readied.repodata(SUBDIR)["packages.conda"]
    except MirrorError as error:  # in plain words, for people; never another exception
        assert str(committed.mirror.root.parent) in str(error) or SUBDIR in str(error)
        listed = {}
    finally:
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        path.write_bytes(sound)
        shutil.rmtree(committed.mirror.index(committed.channel), ignore_errors=True)
        committed.state.record_cache(committed.channel).unlink(missing_ok=True)
    for number in range(30):
        one = package(f"p{number}", subdir=SUBDIR, depends=[f"q >={number}"])
        assert listed.get(one.filename, one.record) == one.record
    assert len(listed) <= 30


def test_a_page_of_any_table_that_is_gone_is_told_in_plain_words(readied: IndexedMirror) -> None:
    path = readied.committed.state.ledger(readied.committed.channel)
    sound = path.read_bytes()
    with sqlite3.connect(path) as ledger:
        ((size,),) = ledger.execute("PRAGMA page_size")
        roots = ledger.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
    said = []
    for (page,) in [(1,), *roots]:
        path.write_bytes(sound[: (page - 1) * size] + bytes(size) + sound[page * size :])
        try:
            readied.index(later=LATER)
        except StateError as error:  # never another exception, nor another cure
            said.append(str(error))
        shutil.rmtree(readied.committed.mirror.index(readied.committed.channel), ignore_errors=True)
    assert len(said) > 3
    assert [one for one in said if "move it away" not in one] == []


def test_a_damaged_cache_is_no_damaged_ledger(readied: IndexedMirror) -> None:
    readied.index(later=LATER)
    cache = readied.committed.state.record_cache(readied.committed.channel)
    with sqlite3.connect(cache) as opened:
        ((page,),) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'left_shard'")
        ((size,),) = opened.execute("PRAGMA page_size")
    whole = cache.read_bytes()
    cache.write_bytes(whole[: (page - 1) * size] + b"\xff" * size + whole[page * size :])
    readied.committed.commit(package("late", subdir=SUBDIR))
    with pytest.raises(VolumeError, match="makes it anew"):
        readied.index(later=LATER)
    readied.index(later=LATER)
    assert "late-1.0-0.conda" in readied.repodata(SUBDIR)["packages.conda"]
