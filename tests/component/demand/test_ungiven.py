"""What upstream lists and does not give is remembered, told, and out of the next index."""

import json
import sqlite3

import pytest

from syncer.artifacts.ungiven import patience
from tests.support.mirror.fetcher import Fetcher, fetching
from tests.support.mirror.sync_harness import Syncer, wait_until
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package
from volume.layout import State
from volume.ledger.ungiven import ABSENT, WRONG, Ungiven, UngivenTable

A, B = package("a"), package("b")
DAY = 86_400.0


@pytest.fixture
def mirror(syncer: Syncer) -> Syncer:
    syncer.environment["ON_DEMAND"] = "yes"
    syncer.upstream.channel("conda-forge").publish(A, B)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    return syncer


def path(one: Package) -> str:
    return f"/conda-forge/{one.subdir}/{one.filename}"


def noted(syncer: Syncer) -> list[Ungiven]:
    with syncer.volumes.ledger() as ledger:
        return UngivenTable(ledger).all()


def ask_in_vain(syncer: Syncer, fetcher: Fetcher, one: Package) -> int:
    got = fetcher.get(path(one))
    assert got.status in {404, 502} or got.is_cut
    wait_until(lambda: any(note.filename == one.filename for note in noted(syncer)), "noted")
    return got.status


def test_upstreams_no_is_out_of_the_next_index_until_upstream_has_it(mirror: Syncer) -> None:
    mirror.upstream.script(path(A), faults.missing())
    with fetching(mirror) as fetcher:
        assert ask_in_vain(mirror, fetcher, A) == 404
    (note,) = noted(mirror)
    assert (note.kind, note.tries) == (ABSENT, 1)
    run = mirror.run(now=lambda: note.last + 1)
    assert run.status == "partial" and run.exit_code == 3
    (failure,) = run.channels[0].failures
    assert failure.filename == A.filename and "does not have it" in failure.reason
    left_out = State(mirror.volumes.state_dir).sync_left_out.read_text()
    assert f"conda-forge/{A.subdir}/{A.filename}" in left_out
    assert set(mirror.volumes.committed()) == {f"{B.subdir}/{B.filename}"}
    publish(mirror.volumes)
    assert broken_promises(mirror.volumes) == []
    before = mirror.upstream.count(path(A))
    again = mirror.run(now=lambda: note.last + 2)  # nothing new, and it is named all the same
    assert again.channels[0].unchanged and again.status == "partial"
    assert mirror.upstream.count(path(A)) == before
    late = mirror.run(now=lambda: note.due + 1)  # due, and still not there
    assert late.status == "partial" and mirror.upstream.count(path(A)) > before
    (later,) = noted(mirror)
    assert (later.tries, later.since) == (2, note.since)
    assert later.due - later.last == patience(2) > patience(1)
    assert mirror.run(now=lambda: later.last + 1).channels[0].unchanged
    mirror.upstream.heal()
    assert mirror.run(now=lambda: later.due + 1).status == "success"
    assert noted(mirror) == []
    assert set(mirror.volumes.served()) == {f"{A.subdir}/{A.filename}"}
    assert broken_promises(mirror.volumes) == []


def test_a_fetcher_that_starts_again_remembers(mirror: Syncer) -> None:
    for one, fault in ((A, faults.missing()), (B, faults.wrong_bytes(times=None))):
        mirror.upstream.script(path(one), fault)
    with fetching(mirror) as fetcher:
        first = [ask_in_vain(mirror, fetcher, one) for one in (A, B)]
    before = len(mirror.upstream.log)
    with fetching(mirror) as fetcher:
        again = [fetcher.get(path(one)) for one in (A, B)]
    assert [got.status for got in again] == first == [404, 502]
    assert A.filename in again[0].text and B.filename in again[1].text
    assert len(mirror.upstream.log) == before


def test_wrong_bytes_stay_promised_and_are_told(mirror: Syncer) -> None:
    mirror.upstream.script(path(A), faults.wrong_bytes(times=None))
    with fetching(mirror) as fetcher:
        ask_in_vain(mirror, fetcher, A)
        assert [note.kind for note in noted(mirror)] == [WRONG]
        assert mirror.run().status == "success"
        assert f"{A.subdir}/{A.filename}" in mirror.volumes.promised()
        status = json.loads(mirror.command("status", "--json").out)
        (told,) = status["channels"][0]["ungiven"]
        assert (told["filename"], told["kind"]) == (A.filename, WRONG)
        assert A.filename in mirror.command("status").out
        doctor = mirror.command("doctor").out
        assert "other bytes than its index promises" in doctor
    mirror.upstream.heal()
    with sqlite3.connect(mirror.volumes.state.ledger("conda-forge")) as ledger:
        ledger.execute("UPDATE ungiven SET last = last - 1000")
    with fetching(mirror) as fetcher:
        assert fetcher.get(path(A)).body == A.data
        wait_until(lambda: noted(mirror) == [], "what came is forgotten")


def test_another_record_is_promised_anew(mirror: Syncer) -> None:
    mirror.upstream.script(path(A), faults.missing())
    with fetching(mirror) as fetcher:
        ask_in_vain(mirror, fetcher, A)
    assert mirror.run().status == "partial"
    mirror.upstream.channel("conda-forge").hotfix(A.subdir, A.filename, depends=["x"])
    assert mirror.run().status == "success"
    assert f"{A.subdir}/{A.filename}" in mirror.volumes.promised()
    assert noted(mirror) == []


def test_what_upstream_lists_no_more_is_forgotten(mirror: Syncer) -> None:
    mirror.upstream.script(path(A), faults.missing())
    with fetching(mirror) as fetcher:
        ask_in_vain(mirror, fetcher, A)
    mirror.upstream.channel("conda-forge").remove(A.subdir, A.filename)
    assert mirror.run().status == "success"
    assert noted(mirror) == []


def test_upstream_away_is_not_noted(mirror: Syncer) -> None:
    mirror.upstream.script(path(A), faults.status(500, times=None))
    with fetching(mirror) as fetcher:
        assert fetcher.get(path(A)).status == 503
    assert noted(mirror) == []


def test_notes_are_bounded(mirror: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncer.artifacts import ungiven

    monkeypatch.setattr(ungiven, "_MOST", 3)
    with mirror.volumes.writing() as ledger, ledger.transaction("note"):
        writer = ungiven.UngivenWriter(ledger)
        for number in range(10):
            writer.note("noarch", f"{number}", b"", kind=ABSENT, reason="", moment=float(number))
    assert [one.filename for one in noted(mirror)] == ["7", "8", "9"]
