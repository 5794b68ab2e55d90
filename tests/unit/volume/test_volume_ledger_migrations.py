"""A ledger of an older version is upgraded in place, whole or not at all.

``ledger-0.1.0.sql`` is the dump of a ledger that the code of 0.1.0 wrote, with something in each of
its tables.
"""

import os
import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from volume.disk import faults
from volume.errors import StateError
from volume.ledger import migrations
from volume.ledger.artifact import Compared, Retired, Settled, Unproven
from volume.ledger.ledger import Ledger
from volume.ledger.schema import VERSION

DUMP = Path(__file__).with_name("ledger-0.1.0.sql").read_text()
ROWS = (
    "SELECT subdir, filename, section, size, sha256, digest, record, home, serial, entered, source,"
    " md5, verified FROM artifact ORDER BY 1, 2",
    "SELECT subdir, filename, section, size, sha256, digest, record, home, entered, source, md5"
    " FROM incoming",
    "SELECT * FROM retired",
    "SELECT subdir, key, value FROM carried ORDER BY 1, 2",
    "SELECT subdir, filename, run_exports FROM run_exports",
    "SELECT name, data FROM channeldata",
    "SELECT * FROM run",
    "SELECT rowid, * FROM history",
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger of 0.1.0."""
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.executescript(DUMP)
    connection.close()
    return path


def rows(path: Path) -> list[list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return [connection.execute(select).fetchall() for select in ROWS]
    finally:
        connection.close()


def shape(path: Path) -> dict[str, object]:
    """Tables with their columns, and everything else by name."""
    connection = sqlite3.connect(path)
    try:
        names = connection.execute("SELECT name, type FROM sqlite_master ORDER BY 1").fetchall()
        return {
            name: connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            if kind == "table"
            else kind
            for name, kind in names
        }
    finally:
        connection.close()


def version(path: Path) -> tuple[int, int]:
    connection = sqlite3.connect(path)
    try:
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        (schema,) = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        return number, schema
    finally:
        connection.close()


@pytest.mark.parametrize("opened", [LedgerWriter.create, Ledger.read])
def test_a_ledger_of_0_1_0_is_the_same_afterwards(
    old: Path, tmp_path: Path, opened: Callable[[Path], Ledger]
) -> None:
    before = rows(old)
    assert all(before)
    with opened(old) as ledger:
        assert ledger.serial == 4
        assert ledger.settled == Settled("0123 4567", 1700259200.5)
        assert ledger.scrubbed == "noarch/b-1-0.conda/00"
        assert '"by_policy": 1' in ledger.kept
        assert not ledger.is_restoring
        assert ledger.compared("run_exports.noarch") == Compared("ab" * 16, 4)
        assert ledger.compared("channeldata") == Compared("cd" * 16, 4)
        assert ledger.compared("run_exports.linux-64") is None
        assert [one.filename for one in ledger.incoming()] == ["e-1-0.conda"]
        assert [type(one) for one in ledger.retired()] == [Retired, Retired]
        assert ledger.unproven() == []
    assert rows(old) == before
    assert version(old) == (VERSION, VERSION)
    new = tmp_path / "new.db"
    LedgerWriter.create(new).close()
    assert shape(old) == shape(new)


def test_a_ledger_of_before_the_index_of_replaced_rows_gets_it(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("DROP INDEX artifact_replaced")
    connection.close()
    with LedgerWriter.create(old) as ledger:
        found = ledger.connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'artifact_replaced'"
        )
        assert found.fetchone() == (1,)


def test_a_row_of_0_1_0_that_is_not_what_was_written_is_seen(old: Path) -> None:
    connection = sqlite3.connect(old)
    connection.execute("UPDATE artifact SET record = replace(record, '>=3', '>=1') WHERE rowid = 1")
    connection.commit()
    connection.close()
    with LedgerWriter.create(old) as ledger:
        assert len(ledger.unproven()) == 1


@pytest.mark.parametrize("opened", [LedgerWriter.create, Ledger.read])
def test_a_row_may_be_promised_after_an_upgrade_and_nothing_else_is_new(
    old: Path, opened: Callable[[Path], Ledger]
) -> None:
    waiting = sqlite3.connect(old, isolation_level=None)  # had read the old schema before
    waiting.execute("SELECT count(*) FROM artifact").fetchone()
    opened(old).close()
    promise = "UPDATE artifact SET home = ? WHERE filename LIKE 'd-%'"
    for connection in (waiting, sqlite3.connect(old, isolation_level=None)):
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute(promise, ("promised",)).rowcount == 1
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(promise, ("elsewhere",))
        connection.close()
    connection = sqlite3.connect(old, isolation_level=None)  # a later version's step
    connection.execute("ALTER TABLE artifact ADD COLUMN later TEXT")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_the_tables_of_an_upgraded_ledger_are_those_of_a_new_one(old: Path, tmp_path: Path) -> None:
    LedgerWriter.create(old).close()
    new = tmp_path / "new.db"
    LedgerWriter.create(new).close()
    assert checks(old) == checks(new)


def checks(path: Path) -> list[tuple[str, list[str]]]:
    """What each table checks."""
    connection = sqlite3.connect(path)
    try:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return sorted((name, re.findall(r"CHECK \(.*?\)\)?", sql)) for name, sql in tables)
    finally:
        connection.close()


def test_what_is_committed_after_an_upgrade_has_proofs(old: Path) -> None:
    with LedgerWriter.create(old) as ledger:
        with ledger.transaction("commit"):
            ledger.accept_incoming(ledger.raise_serial())
        assert ledger.serial == 5
        ledger.connection.execute("UPDATE artifact SET section = 'x' WHERE filename LIKE 'e-%'")
        ledger.connection.execute("UPDATE artifact SET section = 'x' WHERE filename LIKE 'd-%'")
        assert ledger.unproven() == [Unproven("artifact", "linux-64/e-1-0.conda")]


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_an_upgrade_that_is_killed_is_done_or_not_begun(
    old: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = rows(old)

    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        if moment == "within":  # all of it is written, nothing is committed
            monkeypatch.setattr(migrations, "_set_version", kill)
        else:
            faults.install(lambda at, _: kill() if at == moment else None)
        LedgerWriter.create(old)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert version(old) == ((VERSION, VERSION) if moment == "after" else (0, 1))
    with LedgerWriter.create(old) as ledger:
        assert ledger.serial == 4
    assert rows(old) == before
    assert version(old) == (VERSION, VERSION)


def test_an_upgrade_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, shape_before = rows(old), shape(old)

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(migrations, "_set_version", fail)
    with pytest.raises(RuntimeError):
        LedgerWriter.create(old)
    assert (rows(old), shape(old)) == (before, shape_before)


@pytest.mark.parametrize("opened", [LedgerWriter.create, Ledger.read])
def test_a_newer_ledger_is_refused_and_left_alone(
    old: Path, opened: Callable[[Path], Ledger]
) -> None:
    LedgerWriter.create(old).close()
    connection = sqlite3.connect(old)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = shape(old)
    with pytest.raises(StateError, match="newer"):
        opened(old)
    assert shape(old) == before
