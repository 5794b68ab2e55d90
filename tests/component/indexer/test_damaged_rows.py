"""A row of the ledger that is not what was written is left out and named, and nothing else."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, volumes
from tests.support.upstream.packages import package
from volume import generations

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
