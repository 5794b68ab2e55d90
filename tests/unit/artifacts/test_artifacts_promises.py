"""Promises in the ledger: listed without bytes, kept by one transaction, never other bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.artifacts.sidecars.table import SidecarTable
from syncer.conda.wanted import Wanted
from volume.ledger.artifact import Artifact, Known, Settled
from volume.ledger.promises import Origin

A, B = "a" * 64, "b" * 64
NAME = "x-1-0.conda"


def wanted(sha256: str | None = A, **fields: object) -> Wanted:
    one = Wanted(
        "noarch", NAME, "packages.conda", 3, sha256, "e" * 32, b"d" * 16, '{"name": "x"}', None
    )
    return replace(one, **fields)  # type: ignore[arg-type]


def arrived(sha256: str = A, **fields: object) -> Arrived:
    one = Arrived("noarch", NAME, sha256, "e" * 32, 3, "http://upstream/x")
    return replace(one, **fields)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerWriter]:
    with LedgerWriter.create(tmp_path / "ledger.db", run="2026") as opened:
        yield opened


def promise(ledger: LedgerWriter, *artifacts: Wanted) -> PromisesWriter:
    promises = PromisesWriter(ledger)
    with ledger.transaction("promise"):
        promises.promise(artifacts, ledger.raise_serial(), moment=5.0)
    return promises


def keep(ledger: LedgerWriter, bytes_: Arrived) -> bool:
    with ledger.transaction("keep"):
        return PromisesWriter(ledger).keep(bytes_, moment=9.0)


def commit(ledger: LedgerWriter, one: Wanted, sha256: str) -> None:
    row = Artifact(
        one.subdir, one.filename, one.section, 3, sha256, one.digest, one.record, "replaced", 7.0,
        "http://upstream/x", one.md5,
    )  # fmt: skip
    with ledger.transaction("commit"):
        ledger.expect([row])
        ledger.accept_incoming(ledger.raise_serial())


def test_what_is_promised_is_listed_and_is_nowhere(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    assert ledger.known("noarch") == {NAME: Known(3, A, b"d" * 16, "e" * 32, is_promised=True)}
    assert ledger.totals() == promises.totals() == {"noarch": (1, 3)}
    assert list(ledger.placed()) == []
    assert ledger.homed("noarch") == set()
    assert ledger.unproven() == []
    assert list(ledger.history()) == []


def test_a_promise_that_is_kept_is_a_committed_artifact_of_the_same_serial(
    ledger: LedgerWriter,
) -> None:
    promise(ledger, wanted(), wanted(filename="y-1-0.conda"))
    assert keep(ledger, arrived())
    row = ledger.artifact("noarch", NAME)
    assert row is not None
    assert (row.home, row.sha256, row.source) == ("channels", A, arrived().source)
    assert row.entered == 5.0  # what is published of it, an arrival too, does not change
    assert ledger.serial == 1
    assert [one.filename for one in ledger.artifacts("noarch", after_serial=0)] == [
        NAME,
        "y-1-0.conda",
    ]
    assert [one.filename for one in ledger.placed()] == [NAME]
    assert [(one.event, one.size, one.moment) for one in ledger.history()] == [("fetched", 3, 9.0)]
    assert ledger.growth(0.0) == 3
    assert ledger.unproven() == []
    assert keep(ledger, arrived())  # who comes second finds it kept
    assert len(list(ledger.history())) == 1


def test_a_promise_by_md5_is_kept_by_it(ledger: LedgerWriter) -> None:
    promise(ledger, wanted(None, size=None))
    assert not keep(ledger, arrived(md5="f" * 32))
    assert not keep(ledger, arrived(md5=None))
    assert keep(ledger, arrived())
    row = ledger.artifact("noarch", NAME)
    assert row is not None and (row.sha256, row.size) == (A, 3)
    assert ledger.unproven() == []


@pytest.mark.parametrize("other", [arrived(B), arrived(size=4)])
def test_other_bytes_keep_no_promise(ledger: LedgerWriter, other: Arrived) -> None:
    promise(ledger, wanted())
    assert not keep(ledger, other)
    assert ledger.known("noarch")[NAME].is_promised


def test_a_retirement_wins(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    with ledger.transaction("retire"):
        ledger.retire([("noarch", NAME)], serial=ledger.raise_serial(), left=6.0, reason="removed")
    assert not keep(ledger, arrived())
    assert ledger.retired() == [] and list(ledger.history()) == []  # there were no bytes
    # Snapshots still promise it: other bytes must not be found under the name.
    assert promises.unkept("noarch") == {NAME: {A}}
    assert promises.with_other_bytes("noarch", {NAME: B}) == {NAME}
    assert promises.with_other_bytes("noarch", {NAME: A}) == set()
    assert not promises.has_unkept(1) and promises.has_unkept(2)
    with ledger.transaction("forget"):
        promises.forget_unkept(2)
    assert promises.unkept("noarch") == {}


def test_a_kept_promise_retires_as_any_other(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    assert keep(ledger, arrived())
    with ledger.transaction("retire"):
        ledger.retire([("noarch", NAME)], serial=ledger.raise_serial(), left=6.0, reason="removed")
    assert [one.home for one in ledger.retired()] == ["channels"]
    assert promises.unkept("noarch") == {}


def test_a_promise_that_is_made_again_is_not_taken_back(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    with ledger.transaction("retire"):
        ledger.retire([("noarch", NAME)], serial=ledger.raise_serial(), left=6, reason="removed")
    promise(ledger, wanted())
    assert promises.unkept("noarch") == {}
    assert keep(ledger, arrived())


def test_other_bytes_replace_a_promise_and_what_it_promised_is_remembered(
    ledger: LedgerWriter,
) -> None:
    promises = promise(ledger, wanted())
    assert promises.with_other_bytes("noarch", {NAME: B}) == {NAME}
    commit(ledger, wanted(B), B)
    assert ledger.retired() == []
    assert promises.unkept("noarch") == {NAME: {A}}
    assert not keep(ledger, arrived()) and not keep(ledger, arrived(B))
    assert [one.event for one in ledger.history()] == ["entered"]


def test_the_same_bytes_replace_a_promise_and_nothing_is_remembered(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    commit(ledger, wanted(), A)
    assert promises.unkept("noarch") == {}


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_hotfix_changes_the_record_whether_the_bytes_are_here_or_not(
    ledger: LedgerWriter, is_kept: bool
) -> None:
    promises = promise(ledger, wanted())
    if is_kept:
        keep(ledger, arrived())
    hotfix = wanted(record='{"name": "x", "depends": []}', digest=b"n" * 16)
    with ledger.transaction("promise"):
        promises.promise_anew([hotfix], ledger.raise_serial(), moment=8.0)
    row = ledger.artifact("noarch", NAME)
    assert row is not None and row.record == hotfix.record and row.digest == hotfix.digest
    assert row.home == ("channels" if is_kept else "promised")
    assert ledger.unproven() == []
    assert keep(ledger, arrived())  # a transfer that began under the old record


def test_a_damaged_promise_is_seen(ledger: LedgerWriter) -> None:
    promise(ledger, wanted())
    ledger.connection.execute("UPDATE artifact SET record = '{}'")
    assert [str(one) for one in ledger.unproven()] == [f"noarch/{NAME}"]


def test_where_an_index_came_from_is_on_record(ledger: LedgerWriter) -> None:
    promises = PromisesWriter(ledger)
    assert promises.origin("noarch") == Origin()
    with ledger.transaction("origin"):
        promises.set_origin("noarch", Origin("https://a.example/c", "https://b.example/"))
    assert promises.origin("noarch") == Origin("https://a.example/c", "https://b.example/")


@pytest.mark.parametrize("is_anew", [False, True])
def test_the_next_sync_gets_what_lies_beside_what_was_fetched(
    ledger: LedgerWriter, is_anew: bool
) -> None:
    record = f'{{"name": "x", "attestations_sha256": "{B}"}}'
    promises = promise(ledger, wanted() if is_anew else wanted(record=record))
    with ledger.transaction("settle"):
        ledger.settle(Settled("inputs"))
    assert keep(ledger, arrived())
    if is_anew:  # its record changed while it was on its way
        assert ledger.settled == Settled("inputs")
        assert SidecarTable(ledger).missing() == []
        with ledger.transaction("promise"):
            promises.promise_anew([wanted(record=record)], ledger.raise_serial(), moment=8.0)
    assert ledger.settled == Settled()  # so the next sync looks
    missing = SidecarTable(ledger).missing()
    assert [one.name for one in missing] == [f"{NAME}.sigs", f"{NAME}.sigs.{B}"]


def test_bytes_that_go_are_promised_and_no_others_ever_keep_that(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted(sha256=None))
    assert keep(ledger, arrived())
    serial = ledger.serial
    with ledger.transaction("evict"):
        row = promises.promise_again("noarch", NAME, moment=10.0)
        assert promises.promise_again("noarch", NAME, moment=10.0) is None  # it is one already
    assert row is not None and (row.home, row.sha256) == ("channels", A)
    assert ledger.serial == serial and ledger.unproven() == []
    assert [one.event for one in ledger.history()] == ["fetched", "evicted"]
    assert not keep(ledger, arrived(B)) and keep(ledger, arrived())


def test_a_name_that_had_other_bytes_is_not_promised_again(ledger: LedgerWriter) -> None:
    promises = promise(ledger, wanted())
    commit(ledger, wanted(B), B)  # kept generations promise the others
    with ledger.transaction("settle"):
        ledger.set_home("noarch", NAME, "channels")
    with ledger.transaction("evict"):
        assert promises.promise_again("noarch", NAME, moment=10.0) is None


def test_what_is_needed_is_noted_as_a_whole(ledger: LedgerWriter) -> None:
    promises = PromisesWriter(ledger)
    for names in ({"a", "b"}, {"b", "c"}, set()):
        with ledger.transaction("need"):
            promises.need("noarch", names)
        assert promises.needed("noarch") == names
    assert promises.needed("linux-64") == set()
