"""Tables of upstream's documents follow what is committed, and only a change is a change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.records.rows import Rows
from syncer.artifacts.document_tables import Channeldata, RunExports
from syncer.artifacts.ledger_writer import LedgerWriter
from tests.support.mirror.committed import row as row_of
from tests.support.upstream.packages import package
from volume.ledger.artifact import Artifact, Placed


def row(filename: str, subdir: str = "noarch", data: int = 0) -> Artifact:
    name, version, _ = filename.rsplit("-", 2)
    return row_of(subdir, filename, package(name, version, padding_bytes=data).record)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerWriter]:
    with LedgerWriter.create(tmp_path / "ledger.db") as opened:
        yield opened


def commit(ledger: LedgerWriter, *rows: Artifact) -> int:
    with ledger.transaction("commit"):
        ledger.expect(rows)
        serial = ledger.raise_serial()
        ledger.accept_incoming(serial)
    return serial


def retire(ledger: LedgerWriter, *filenames: str, subdir: str = "noarch") -> None:
    with ledger.transaction("retire"):
        names = ((subdir, filename) for filename in filenames)
        ledger.retire(names, serial=ledger.raise_serial(), left=0, reason="removed")


def without_run_exports(ledger: LedgerWriter) -> list[Placed]:
    """Whose run_exports the indexer would look for in the artifact itself."""
    with Rows(ledger.path, ledger.path.with_name("cache.db")) as rows:
        return list(rows.without_run_exports())


def test_only_a_change_is_told_as_one(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"))
    with ledger.transaction("documents"):
        assert ledger.replace_other_keys("noarch", {"removed": "[]"})
        assert not ledger.replace_other_keys("noarch", {"removed": "[]"})
        assert not RunExports(ledger, "noarch", ()).change({})
        assert RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}"})
        assert not RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}"})
        assert RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{ }"})
        assert not RunExports(ledger, "noarch", ()).change({"b-1-0.conda": None})
        assert Channeldata(ledger, ()).change({"a": "{}"})
        assert not Channeldata(ledger, ()).change({"a": "{}", "b": None})
        assert Channeldata(ledger, ()).change({"a": "{ }"})
    assert ledger.other_keys("noarch") == {"removed": "[]"}
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{ }"}
    assert ledger.channeldata() == {"a": "{ }"}
    assert without_run_exports(ledger) == []
    with ledger.transaction("documents"):
        assert RunExports(ledger, "noarch", ()).change({"a-1-0.conda": None})
        assert Channeldata(ledger, ()).change({"a": None})
    assert ledger.channeldata() == {}
    assert len(without_run_exports(ledger)) == 1


def test_what_is_not_committed_is_left_out(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-b-1-0.conda"), row("a-1-0.conda", "linux-64"))
    with ledger.transaction("documents"):
        assert not RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}"})
        # "b-1" is a version of "a" to whoever cuts names at their first dash.
        assert not Channeldata(ledger, ()).change({"a-b-1": "{}", "b": "{}", "A": "{}", "a-": "{}"})
        assert Channeldata(ledger, ()).change({"a": "{}", "a-b": "{}", "c": "{}"})
    assert ledger.run_exports("noarch") == {}
    assert ledger.channeldata() == {"a": "{}", "a-b": "{}"}


def test_what_leaves_takes_its_entries_along(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"), row("a-2-0.conda", "linux-64"), row("a-b-1-0.conda"))
    with ledger.transaction("documents"):
        RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}", "a-b-1-0.conda": "{}"})
        RunExports(ledger, "linux-64", ()).change({"a-2-0.conda": "{}"})
        Channeldata(ledger, ()).change({"a": "{}", "a-b": "{}"})
    retire(ledger, "a-1-0.conda")
    assert ledger.run_exports("noarch") == {"a-b-1-0.conda": "{}"}
    assert ledger.run_exports("linux-64") == {"a-2-0.conda": "{}"}
    assert set(ledger.channeldata()) == {"a", "a-b"}  # one of the name is still here
    retire(ledger, "a-2-0.conda", subdir="linux-64")
    assert ledger.run_exports("linux-64") == {}
    assert set(ledger.channeldata()) == {"a-b"}


def test_damaged_bytes_take_entries_along_unless_others_are_committed(
    ledger: LedgerWriter,
) -> None:
    old, new = row("a-1-0.conda"), row("a-1-0.conda", data=9)
    commit(ledger, old)
    commit(ledger, new)
    with ledger.transaction("documents"):
        RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}"})
        Channeldata(ledger, ()).change({"a": "{}"})

    def retire_damaged(one: Artifact) -> None:
        damaged = Placed(one.subdir, one.filename, one.sha256, one.size, one.home)
        with ledger.transaction("retire damaged"):
            ledger.retire_damaged(iter([damaged]), serial=ledger.raise_serial(), left=0)

    retire_damaged(old)
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{}"}
    assert ledger.channeldata() == {"a": "{}"}
    retire_damaged(new)
    assert ledger.run_exports("noarch") == {}
    assert ledger.channeldata() == {}


def test_what_was_committed_since_may_lack_entries(ledger: LedgerWriter) -> None:
    before = commit(ledger, row("a-1-0.conda"))
    assert not RunExports(ledger, "noarch", ()).lacks(before)
    assert not Channeldata(ledger, []).lacks(before)
    assert Channeldata(ledger, ["a-1-0.conda"]).lacks(before)
    commit(ledger, row("b-1-0.conda"))
    assert RunExports(ledger, "noarch", ()).lacks(before)
    assert not RunExports(ledger, "linux-64", ()).lacks(before)
    assert Channeldata(ledger, []).lacks(before)
    with ledger.transaction("documents"):
        RunExports(ledger, "noarch", ()).change({"b-1-0.conda": "{}"})
        Channeldata(ledger, ()).change({"b": "{}"})
    assert not RunExports(ledger, "noarch", ()).lacks(before)
    assert not Channeldata(ledger, ["b-1-0.conda"]).lacks(before)


def test_to_look_for_what_is_lacking_costs_what_changed(ledger: LedgerWriter) -> None:
    before = commit(ledger, *(row(f"a-{number}-0.conda") for number in range(3000)))
    commit(ledger, row("b-1-0.conda"))
    with ledger.transaction("documents"):
        RunExports(ledger, "noarch", ()).change({"b-1-0.conda": "{}"})
        Channeldata(ledger, ()).change({"b": "{}"})
    steps: list[int] = []
    ledger.connection.set_progress_handler(lambda: steps.append(1), 100)
    assert not RunExports(ledger, "noarch", ()).lacks(before)
    assert not Channeldata(ledger, ["b-1-0.conda"]).lacks(before)
    assert len(steps) < 10  # of a hundred instructions; the rows alone are thousands


def test_what_earlier_versions_left_is_swept(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"), row("a-1-0.conda", "linux-64"))
    write = ledger.connection.execute
    for filename in ("a-1-0.conda", "gone-1-0.conda"):
        write("INSERT INTO run_exports VALUES ('noarch', ?, '{}', NULL)", (filename,))
        write("INSERT INTO channeldata VALUES (?, '{}', NULL)", (filename.partition("-")[0],))
    with ledger.transaction("documents"):
        assert not RunExports(ledger, "linux-64", ()).sweep()
        assert RunExports(ledger, "noarch", ()).sweep()
        assert not RunExports(ledger, "noarch", ()).sweep()
        assert Channeldata(ledger, ()).sweep()
        assert not Channeldata(ledger, ()).sweep()
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{}"}
    assert ledger.channeldata() == {"a": "{}"}
    assert ledger.names() == {"a"}
    assert list(ledger.committed("linux-64")) == ["a-1-0.conda"]
