"""A state that is lost, older or damaged: nothing comes back, is fetched or is lost by it."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from syncer.sync.session import Options
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, files, publish
from tests.support.upstream.packages import package
from volume import generations
from volume.identity import Word
from volume.ledger.artifact import Unproven
from volume.ledger.ledger import Ledger

DAY = 86_400.0
STAYS = [package(f"stays{number}") for number in range(3)]
TK = package("tk")
NAME = f"linux-64/{TK.filename}"
AGAIN = Options(word=Word(take_over=True))


@pytest.fixture
def published(syncer: Syncer) -> Syncer:
    """A channel with tk in it, published."""
    syncer.upstream.channel("conda-forge").publish(*STAYS, TK)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    return syncer


def deny(syncer: Syncer) -> None:
    syncer.environment["DENY"] = "tk"


def withdraw(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").remove("linux-64", TK.filename)


def lose(syncer: Syncer) -> None:
    shutil.rmtree(syncer.volumes.state_dir)
    syncer.volumes.state_dir.mkdir()


def leave(syncer: Syncer, how: Callable[[Syncer], None], *, moves: bool = True) -> None:
    """tk leaves the index, and (in time) its folder."""
    how(syncer)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    if moves:
        assert syncer.run().status == "success"
        assert NAME not in syncer.volumes.served()


def stays_away(syncer: Syncer) -> None:
    """Whatever runs now, tk is not committed, and the rest is."""
    syncer.upstream.reset_log()
    for _ in range(2):
        run = syncer.run(options=AGAIN)
        assert run.status == "success", run
        committed = syncer.volumes.committed()
        assert committed.keys() == {f"linux-64/{one.filename}" for one in STAYS}
        assert NAME not in syncer.volumes.served() or _is_retired(syncer)
        assert broken_promises(syncer.volumes) == []
        with syncer.volumes.ledger() as ledger:
            assert not ledger.is_restoring
        publish(syncer.volumes)
    assert syncer.upstream.count("*.conda") == 0


def _is_retired(syncer: Syncer) -> bool:
    with syncer.volumes.ledger() as ledger:
        return bool(ledger.retired("linux-64", TK.filename))


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("how", [deny, withdraw])
def test_what_left_stays_away_when_the_state_is_lost(
    published: Syncer, how: Callable[[Syncer], None], moves: bool
) -> None:
    leave(published, how, moves=moves)
    lose(published)
    stays_away(published)


@pytest.mark.parametrize("how", [deny, withdraw])
def test_what_left_stays_away_when_an_older_state_is_restored(
    published: Syncer, tmp_path: Path, how: Callable[[Syncer], None]
) -> None:
    older = tmp_path / "older"
    shutil.copytree(published.volumes.state_dir, older)
    leave(published, how)
    shutil.rmtree(published.volumes.state_dir)
    shutil.copytree(older, published.volumes.state_dir)
    stays_away(published)


@pytest.mark.parametrize("how", [deny, withdraw])
def test_what_left_stays_away_when_a_power_cut_undid_an_unlink(
    published: Syncer, how: Callable[[Syncer], None]
) -> None:
    leave(published, how)
    path = published.volumes.mirror_dir / "channels/conda-forge" / NAME
    path.write_bytes(TK.data)
    stays_away(published)
    assert not path.exists()


def test_a_lost_state_is_told_and_keeps_what_only_the_mirror_has(published: Syncer) -> None:
    published.environment["KEEP"] = "tk"
    withdraw(published)
    assert published.run().status == "success"
    publish(published.volumes)
    before = published.volumes.committed()
    assert NAME in before
    lose(published)
    published.upstream.reset_log()
    result = published.channel(options=AGAIN)
    assert result.status == "success"
    assert any("hashed and taken over again 4 artifacts" in warning for warning in result.warnings)
    assert published.volumes.committed() == before
    assert published.upstream.count("*.conda") == 0
    with published.volumes.ledger() as ledger:
        assert not ledger.is_restoring


def test_what_is_retired_gets_its_grace_period_again(published: Syncer) -> None:
    leave(published, withdraw)
    assert f"conda-forge/{NAME}" in files(published.volumes.mirror_dir / "retired")
    lose(published)
    stays_away(published)
    with published.volumes.ledger() as ledger:
        (row,) = ledger.retired("linux-64", TK.filename)
    for day in (13, 15):
        published.run(now=lambda day=day: row.left + day * DAY)  # type: ignore[misc]
        kept = f"conda-forge/{NAME}" in files(published.volumes.mirror_dir / "retired")
        publish(published.volumes)
    assert kept  # two kept generations still list it


def test_without_upstream_what_is_published_is_taken_over_all_the_same(published: Syncer) -> None:
    before = published.volumes.committed()
    lose(published)
    run = published.run(options=AGAIN, CONDA_CLOUD_URL="http://127.0.0.1:9", SYNC_TRIES="1")
    assert run.status == "failed"
    assert published.volumes.committed() == before
    with published.volumes.ledger() as ledger:
        assert ledger.is_restoring  # the indexer waits until a sync has compared it with upstream
    assert published.run().status == "success"
    with published.volumes.ledger() as ledger:
        assert not ledger.is_restoring


def test_a_flipped_bit_is_healed_from_upstream_and_named(syncer: Syncer) -> None:
    one = package("one", depends=["openssl >=3.0.9"])
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(one, *STAYS)
    assert syncer.run().status == "success"
    before = rows(syncer)
    connection = sqlite3.connect(syncer.volumes.state.ledger("conda-forge"))
    with connection:
        connection.execute(
            "UPDATE artifact SET record = replace(record, '>=3.0.9', '>=1.0.9') WHERE filename = ?",
            (one.filename,),
        )
    connection.close()
    assert rows(syncer) != before
    syncer.upstream.reset_log()
    result = syncer.channel()
    assert result.status == "success"
    assert any(one.filename in warning for warning in result.warnings)
    assert rows(syncer) == before
    assert syncer.upstream.count("*.conda") == 0
    publish(syncer.volumes)
    assert syncer.channel().warnings == []


def test_a_row_that_the_indexer_left_out_is_healed_though_nothing_is_new(
    published: Syncer,
) -> None:
    assert published.channel().unchanged
    before = rows(published)
    connection = sqlite3.connect(published.volumes.state.ledger("conda-forge"))
    with connection:
        connection.execute("UPDATE artifact SET record = replace(record, 'tk', 'tj')")
    connection.close()
    newest = generations.kept(published.volumes.mirror, "conda-forge")[-1]
    out = generations.UnindexedFile("linux-64", TK.filename, 0, 0, "its row", is_damaged=True)
    generations.write(published.volumes.mirror, "conda-forge", replace(newest, left_out=(out,)))
    assert published.channel().status == "success"
    assert rows(published) == before


def test_a_refused_file_costs_an_unchanged_sync_no_look_at_each_row(
    published: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in its folder for as long as people leave it there."""
    newest = generations.kept(published.volumes.mirror, "conda-forge")[-1]
    local = generations.UnindexedFile("linux-64", "notes.conda", 5, 1, "it is no package")
    odd = generations.UnindexedFile(
        "linux-64", TK.filename, 5, 0, "no document can hold its record"
    )
    generations.write(
        published.volumes.mirror, "conda-forge", replace(newest, left_out=(local, odd))
    )
    looks: list[Ledger] = []

    def unproven(ledger: Ledger) -> list[Unproven]:
        looks.append(ledger)
        return []

    monkeypatch.setattr(Ledger, "unproven", unproven)
    assert published.channel().unchanged
    assert looks == []
    published.upstream.channel("conda-forge").publish(package("new"))
    assert not published.channel().unchanged
    assert len(looks) == 1


def rows(syncer: Syncer) -> list[tuple[str, str]]:
    with syncer.volumes.ledger() as ledger:
        return [(row.filename, row.record) for row in ledger.artifacts("linux-64")]


def test_verify_and_doctor_see_a_flipped_bit(published: Syncer) -> None:
    before = rows(published)
    connection = sqlite3.connect(published.volumes.state.ledger("conda-forge"))
    with connection:
        connection.execute("UPDATE artifact SET record = replace(record, 'tk', 'tj')")
    connection.close()
    assert "its ledger has 1 damaged row: " in published.command("doctor").out
    report = published.verify()
    assert (report.unproven, report.exit_code) == ([f"conda-forge: {NAME}"], 3)
    assert rows(published) == before
    publish(published.volumes)
    assert published.verify().exit_code == 0
