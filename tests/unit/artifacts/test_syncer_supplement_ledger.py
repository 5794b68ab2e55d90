"""The ledger's supplements: they follow what is committed, and only a change is a change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_only_a_change_is_told_as_one(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"))
    with ledger.transaction("supplement"):
        assert ledger.replace_carried("noarch", {"removed": "[]"})
        assert not ledger.replace_carried("noarch", {"removed": "[]"})
        assert not ledger.change_run_exports("noarch", {})
        assert ledger.change_run_exports("noarch", {"a-1-0.conda": "{}"})
        assert not ledger.change_run_exports("noarch", {"a-1-0.conda": "{}"})
        assert ledger.change_run_exports("noarch", {"a-1-0.conda": "{ }"})
        assert not ledger.change_run_exports("noarch", {"b-1-0.conda": None})
        assert ledger.change_channeldata({"a": "{}"})
        assert not ledger.change_channeldata({"a": "{}", "b": None})
        assert ledger.change_channeldata({"a": "{ }"})
    assert ledger.carried("noarch") == {"removed": "[]"}
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{ }"}
    assert ledger.channeldata() == {"a": "{ }"}
    assert list(ledger.without_run_exports()) == []
    with ledger.transaction("supplement"):
        assert ledger.change_run_exports("noarch", {"a-1-0.conda": None})
        assert ledger.change_channeldata({"a": None})
    assert ledger.channeldata() == {}
    assert len(list(ledger.without_run_exports())) == 1


def test_what_is_not_committed_is_left_out(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-b-1-0.conda"), row("a-1-0.conda", "linux-64"))
    with ledger.transaction("supplement"):
        assert not ledger.change_run_exports("noarch", {"a-1-0.conda": "{}"})
        # "b-1" is a version of "a" to whoever cuts names at their first dash.
        assert not ledger.change_channeldata({"a-b-1": "{}", "b": "{}", "A": "{}", "a-": "{}"})
        assert ledger.change_channeldata({"a": "{}", "a-b": "{}", "c": "{}"})
    assert ledger.run_exports("noarch") == {}
    assert ledger.channeldata() == {"a": "{}", "a-b": "{}"}


def test_what_leaves_takes_its_entries_along(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"), row("a-2-0.conda", "linux-64"), row("a-b-1-0.conda"))
    with ledger.transaction("supplement"):
        ledger.change_run_exports("noarch", {"a-1-0.conda": "{}", "a-b-1-0.conda": "{}"})
        ledger.change_run_exports("linux-64", {"a-2-0.conda": "{}"})
        ledger.change_channeldata({"a": "{}", "a-b": "{}"})
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
    with ledger.transaction("supplement"):
        ledger.change_run_exports("noarch", {"a-1-0.conda": "{}"})
        ledger.change_channeldata({"a": "{}"})

    def condemn(one: Artifact) -> None:
        damaged = Placed(one.subdir, one.filename, one.sha256, one.size, one.home)
        with ledger.transaction("condemn"):
            ledger.condemn(iter([damaged]), serial=ledger.raise_serial(), left=0)

    condemn(old)
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{}"}
    assert ledger.channeldata() == {"a": "{}"}
    condemn(new)
    assert ledger.run_exports("noarch") == {}
    assert ledger.channeldata() == {}


def test_what_was_committed_since_may_lack_entries(ledger: LedgerWriter) -> None:
    before = commit(ledger, row("a-1-0.conda"))
    assert not ledger.lacks_run_exports("noarch", after_serial=before)
    assert not ledger.lacks_channeldata([], after_serial=before)
    assert ledger.lacks_channeldata(["a"], after_serial=before)
    commit(ledger, row("b-1-0.conda"))
    assert ledger.lacks_run_exports("noarch", after_serial=before)
    assert not ledger.lacks_run_exports("linux-64", after_serial=before)
    assert ledger.lacks_channeldata([], after_serial=before)
    with ledger.transaction("supplement"):
        ledger.change_run_exports("noarch", {"b-1-0.conda": "{}"})
        ledger.change_channeldata({"b": "{}"})
    assert not ledger.lacks_run_exports("noarch", after_serial=before)
    assert not ledger.lacks_channeldata(["b"], after_serial=before)


def test_to_look_for_what_is_lacking_costs_what_changed(ledger: LedgerWriter) -> None:
    before = commit(ledger, *(row(f"a-{number}-0.conda") for number in range(3000)))
    commit(ledger, row("b-1-0.conda"))
    with ledger.transaction("supplement"):
        ledger.change_run_exports("noarch", {"b-1-0.conda": "{}"})
        ledger.change_channeldata({"b": "{}"})
    steps: list[int] = []
    ledger._connection.set_progress_handler(lambda: steps.append(1), 100)
    assert not ledger.lacks_run_exports("noarch", after_serial=before)
    assert not ledger.lacks_channeldata(["b"], after_serial=before)
    assert len(steps) < 10  # of a hundred instructions; the rows alone are thousands


def test_what_earlier_versions_left_is_swept(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"), row("a-1-0.conda", "linux-64"))
    write = ledger._connection.execute
    for filename in ("a-1-0.conda", "gone-1-0.conda"):
        write("INSERT INTO run_exports VALUES ('noarch', ?, '{}')", (filename,))
        write("INSERT INTO channeldata VALUES (?, '{}')", (filename.partition("-")[0],))
    with ledger.transaction("supplement"):
        assert not ledger.drop_strange_run_exports("linux-64")
        assert ledger.drop_strange_run_exports("noarch")
        assert not ledger.drop_strange_run_exports("noarch")
        assert ledger.drop_strange_channeldata()
        assert not ledger.drop_strange_channeldata()
    assert ledger.run_exports("noarch") == {"a-1-0.conda": "{}"}
    assert ledger.channeldata() == {"a": "{}"}
    assert ledger.names() == {"a"}
    assert list(ledger.committed("linux-64")) == ["a-1-0.conda"]
