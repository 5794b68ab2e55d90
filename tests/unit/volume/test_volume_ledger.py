"""The ledger: rows, serials, and what happens when it can't be read."""

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.artifacts.document_tables import Channeldata, RunExports
from syncer.artifacts.ledger_writer import LedgerWriter
from volume.disk import faults
from volume.errors import StateError
from volume.ledger.artifact import Artifact, Compared, Known, Retired
from volume.ledger.ledger import Ledger


def row(filename: str, sha256: str = "a" * 64, **fields: object) -> Artifact:
    artifact = Artifact(
        subdir="noarch",
        filename=filename,
        section="packages.conda",
        size=3,
        sha256=sha256,
        digest=b"d",
        record='{"name": "x"}',
        home="channels",
        entered=5.0,
        source="http://upstream/x",
        md5=None,
    )
    return replace(artifact, **fields)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerWriter]:
    with LedgerWriter.create(tmp_path / "ledger.db") as opened:
        yield opened


def commit(ledger: LedgerWriter, *rows: Artifact) -> int:
    with ledger.transaction("journal"):
        ledger.expect(rows)
    with ledger.transaction("commit"):
        serial = ledger.raise_serial()
        ledger.accept_incoming(serial)
    return serial


def test_committed_rows_come_back_and_the_journal_is_empty(ledger: LedgerWriter) -> None:
    first = row("a-1-0.conda", md5="e" * 32)
    assert commit(ledger, first, row("b-1-0.conda")) == 1
    assert ledger.incoming() == []
    assert ledger.artifact("noarch", "a-1-0.conda") == first
    assert ledger.artifact("linux-64", "a-1-0.conda") is None
    assert ledger.known("noarch")["a-1-0.conda"] == Known(3, "a" * 64, b"d", "e" * 32)
    assert ledger.totals() == {"noarch": (2, 6)}
    assert ledger.subdirs() == ["noarch"]


HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(
    st.integers(0, 1 << 40),
    HASHES | st.just(""),
    st.binary(max_size=16),
    st.none() | st.binary(min_size=16, max_size=16).map(bytes.hex),
)
def test_what_is_known_comes_back_from_its_one_object(
    size: int, sha256: str, digest: bytes, md5: str | None
) -> None:
    known = Known(size, sha256, digest, md5)
    assert (known.size, known.sha256, known.digest, known.md5) == (size, sha256, digest, md5)
    assert known == Known(size, sha256, digest, md5) != Known(size + 1, sha256, digest, md5)


def test_what_is_known_of_a_million_artifacts_fits_into_memory() -> None:
    known = Known(1 << 40, "a" * 64, b"d" * 16, "e" * 32)
    assert sys.getsizeof(known) <= 128


@pytest.mark.parametrize("change", ["sha256 = 'zz'", "md5 = 'm'", "size = -1", "sha256 = x'00'"])
def test_a_damaged_row_is_an_error_with_a_cure(ledger: LedgerWriter, change: str) -> None:
    commit(ledger, row("a-1-0.conda"))
    ledger.connection.execute(f"UPDATE artifact SET {change}")
    with pytest.raises(StateError, match="move it away"):
        ledger.known("noarch")


def test_only_what_changed_after_a_serial_is_listed(ledger: LedgerWriter) -> None:
    first = commit(ledger, row("a-1-0.conda"))
    commit(ledger, row("b-1-0.conda"))
    changed = ledger.artifacts("noarch", after_serial=first)
    assert [artifact.filename for artifact in changed] == ["b-1-0.conda"]


def test_replacing_bytes_retires_the_old_ones(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"))
    serial = commit(ledger, row("a-1-0.conda", "b" * 64, home="replaced", entered=9.0))
    old = Retired("noarch", "a-1-0.conda", "a" * 64, 3, "channels", serial, 9.0, "replaced")
    assert ledger.retired() == [old]
    assert ledger.replaced() == [("noarch", "a-1-0.conda", "b" * 64)]
    commit(ledger, row("a-1-0.conda", "a" * 64))
    assert [(one.sha256, one.home) for one in ledger.retired()] == [("b" * 64, "replaced")]


def test_a_retired_row_can_be_noted_moved_and_forgotten(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"), row("b-1-0.conda"))
    with ledger.transaction("retire"):
        serial = ledger.raise_serial()
        ledger.retire([("noarch", "a-1-0.conda")], serial=serial, left=7.0, reason="removed")
    (retired,) = ledger.retired()
    assert (retired.serial, retired.left, retired.reason) == (serial, 7.0, "removed")
    assert ledger.filenames("noarch") == {"a-1-0.conda", "b-1-0.conda"}
    with ledger.transaction("move"):
        ledger.set_retired_home(retired, "retired")
    assert ledger.retired("noarch", "a-1-0.conda")[0].home == "retired"
    assert ledger.retired("noarch", "b-1-0.conda") == []
    with ledger.transaction("expire"):
        ledger.forget_retired(retired)
    assert ledger.retired() == []


def test_a_transaction_that_fails_changes_nothing(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"))
    with pytest.raises(RuntimeError), ledger.transaction("commit"):
        ledger.raise_serial()
        ledger.retire([("noarch", "a-1-0.conda")], serial=2, left=0, reason="removed")
        raise RuntimeError
    assert ledger.serial == 1
    assert ledger.retired() == []
    assert "a-1-0.conda" in ledger.known("noarch")


def test_each_transaction_is_one_fault_point(ledger: LedgerWriter) -> None:
    seen: list[str] = []
    faults.install(lambda moment, operation: seen.append(f"{moment} {operation.split()[0]}"))
    try:
        commit(ledger, row("a-1-0.conda"))
    finally:
        faults.install(None)
    assert seen == ["before journal", "after journal", "before commit", "after commit"]


def test_a_reader_does_not_create_and_can_not_write(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert Ledger.read(path) is None
    assert not path.exists()
    path.touch()  # created, and stopped before its first transaction
    assert Ledger.read(path) is None
    with LedgerWriter.create(path) as ledger:
        commit(ledger, row("a-1-0.conda"))
        reader = Ledger.read(path)
        assert reader is not None
        with reader:
            assert reader.serial == 1
            assert not hasattr(reader, "raise_serial")
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                reader.connection.execute("DELETE FROM artifact")


def test_a_reader_sees_whole_commits_while_they_happen(tmp_path: Path) -> None:
    with LedgerWriter.create(tmp_path / "ledger.db") as ledger:
        reader = Ledger.read(tmp_path / "ledger.db")
        assert reader is not None
        with reader:
            with ledger.transaction("commit"):
                ledger.expect([row("a-1-0.conda")])
                assert reader.incoming() == []
            assert len(reader.incoming()) == 1


@pytest.mark.parametrize("opened", [LedgerWriter.create, Ledger.read])
def test_a_ledger_that_is_not_one_is_an_error_with_a_cure(tmp_path: Path, opened: object) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StateError, match="move it away"):
        opened(path)  # type: ignore[operator]


def test_a_ledger_with_a_damaged_page_is_an_error_with_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with LedgerWriter.create(path) as ledger:
        commit(ledger, *(row(f"a{number}-1-0.conda") for number in range(500)))
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StateError, match="move it away"), LedgerWriter.create(path) as ledger:
        ledger.known("noarch")


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    LedgerWriter.create(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StateError, match="newer"):
        Ledger.read(path)


def test_what_every_run_asks_does_not_read_every_row(ledger: LedgerWriter) -> None:
    names = [f"a-{number}-0.conda" for number in range(3000)]
    commit(ledger, *(row(name) for name in names))
    commit(ledger, row("b-1-0.conda", subdir="win-64", home="replaced"))
    steps = []
    ledger.connection.set_progress_handler(lambda: steps.append(1), 100)
    assert ledger.replaced() == [("win-64", "b-1-0.conda", "a" * 64)]
    assert ledger.subdirs() == ["noarch", "win-64"]
    assert ledger.retired() == []
    assert ledger.incoming() == []
    assert len(steps) < 10  # of a hundred instructions; the rows alone are thousands


FLIPPED = ("subdir", "filename", "section", "size", "sha256", "md5", "record")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FLIPPED), st.integers(0, 7), st.integers(0))
def test_any_flipped_bit_of_what_is_published_is_seen_and_forgotten(
    tmp_path: Path, column: str, bit: int, place: int
) -> None:
    path = tmp_path / "ledger.db"
    path.unlink(missing_ok=True)
    record = '{"name": "a", "depends": ["openssl >=3.0.9"]}'
    with LedgerWriter.create(path) as ledger:
        commit(ledger, row("a-1-0.conda", md5="e" * 32, record=record), row("b-1-0.conda"))
        if column == "size":
            ledger.connection.execute(f"UPDATE artifact SET size = {3 ^ 1 << bit} WHERE rowid = 1")
        else:
            select = f"SELECT CAST({column} AS BLOB) FROM artifact WHERE rowid = 1"
            content = bytearray(ledger.connection.execute(select).fetchone()[0])
            content[place % len(content)] ^= 1 << bit
            ledger.connection.execute(
                f"UPDATE artifact SET {column} = CAST(? AS TEXT) WHERE rowid = 1", (content,)
            )
        (damaged,) = ledger.unproven()
        assert damaged.table == "artifact"
        with ledger.transaction("forget"):
            ledger.forget_unproven(moment=7.0)
        assert ledger.unproven() == []
        assert list(ledger.known("noarch")) == ["b-1-0.conda"]
        assert [event.event for event in ledger.history()][2:] == ["doubted"]


def test_what_stands_beside_the_records_proves_itself_too(ledger: LedgerWriter) -> None:
    commit(ledger, row("a-1-0.conda"))
    with ledger.transaction("documents"):
        ledger.replace_other_keys("noarch", {"removed": "[]"})
        RunExports(ledger, "noarch", ()).change({"a-1-0.conda": "{}"})
        Channeldata(ledger, ()).change({"a": "{}"})
        ledger.set_compared("channeldata", Compared("d", 1))
    assert ledger.unproven() == []
    for change in ("carried SET value = '[1]'", "run_exports SET run_exports = '{1}'"):
        ledger.connection.execute(f"UPDATE {change}")
    ledger.connection.execute("UPDATE channeldata SET data = '{2}'")
    assert sorted(map(str, ledger.unproven())) == [
        "carried of noarch/removed", "channeldata of a", "run_exports of noarch/a-1-0.conda",
    ]  # fmt: skip
    with ledger.transaction("forget"):
        ledger.forget_unproven(moment=7.0)
    assert (ledger.other_keys("noarch"), ledger.channeldata(), ledger.run_exports("noarch")) == (
        {}, {}, {},
    )  # fmt: skip
    assert ledger.compared("channeldata") is None


def test_what_sqlite_finds_too_big_is_no_damage(ledger: LedgerWriter) -> None:
    ledger.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    with pytest.raises(StateError, match="not damaged") as raised, ledger.transaction("journal"):
        ledger.expect([row("a-1-0.conda", record="x" * 1001)])
    assert "move it away" not in str(raised.value)
    assert ledger.incoming() == []
