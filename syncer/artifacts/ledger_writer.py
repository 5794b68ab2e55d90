"""Writing the ledger: the syncer's side of ``volume.ledger.ledger``.

Guaranteed: whatever enters or leaves is written to the history in the same transaction, and what
leaves takes upstream's word on it along.
All methods are called inside ``transaction``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from syncer.artifacts.supplement_ledger import SupplementLedger
from volume.ledger.artifact import Artifact, Home, Placed, Retired
from volume.ledger.schema import COLUMNS, RETIRED_COLUMNS


class Hotfix(Protocol):
    """A new record of unchanged bytes."""

    @property
    def subdir(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def record(self) -> str: ...
    @property
    def md5(self) -> str | None: ...


class LedgerWriter(SupplementLedger):
    """A ledger, open for writing."""

    def expect(self, artifacts: Iterable[Artifact]) -> None:
        """Write the rows of a commit before its files are renamed."""
        self._connection.executemany(
            f"INSERT OR REPLACE INTO incoming ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            [_row(artifact) for artifact in artifacts],
        )

    def accept_incoming(self, serial: int) -> None:
        """Make the incoming rows part of the channel; what they replace is retired."""
        execute = self._connection.execute
        self._remember(
            "SELECT i.entered, 'replaced', a.subdir, a.filename, a.sha256, a.size, a.source"
            " FROM artifact a JOIN incoming i USING (subdir, filename) WHERE a.sha256 != i.sha256"
        )
        self._remember(
            "SELECT entered, 'entered', subdir, filename, sha256, size, source FROM incoming"
        )
        execute(
            f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
            " SELECT a.subdir, a.filename, a.sha256, a.size, a.home, ?, i.entered, 'replaced'"
            " FROM artifact a JOIN incoming i USING (subdir, filename) WHERE a.sha256 != i.sha256",
            (serial,),
        )
        execute(
            "DELETE FROM retired WHERE (subdir, filename, sha256) IN"
            " (SELECT subdir, filename, sha256 FROM incoming)"
        )
        execute(
            f"INSERT OR REPLACE INTO artifact ({COLUMNS}, serial, verified)"  # noqa: S608
            f" SELECT {COLUMNS}, ?, entered FROM incoming",
            (serial,),
        )
        execute("DELETE FROM incoming")

    def update_records(self, changes: Iterable[Hotfix], serial: int, *, moment: float) -> None:
        """Take over new records of unchanged bytes."""
        for change in changes:
            key = (change.subdir, change.filename)
            self._remember(
                "SELECT ?, 'hotfixed', subdir, filename, sha256, size, source FROM artifact"
                " WHERE subdir = ? AND filename = ?",
                (moment, *key),
            )
            self._connection.execute(
                "UPDATE artifact SET section = ?3, digest = ?4, record = ?5, md5 = ?6, serial = ?7"
                " WHERE subdir = ?1 AND filename = ?2",
                (*key, change.section, change.digest, change.record, change.md5, serial),
            )

    def retire(
        self, names: Iterable[tuple[str, str]], *, serial: int, left: float, reason: str
    ) -> None:
        """Take (subdir, filename) out of the index; their bytes stay for now."""
        leaving = list(names)
        for subdir, filename in leaving:
            self._remember(
                "SELECT ?, ?, subdir, filename, sha256, size, source FROM artifact"
                " WHERE subdir = ? AND filename = ?",
                (left, reason, subdir, filename),
            )
            self._connection.execute(
                f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, ? FROM artifact"
                " WHERE subdir = ? AND filename = ?",
                (serial, left, reason, subdir, filename),
            )
            self._connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ?", (subdir, filename)
            )
        self._drop_entries(leaving)

    def set_retired_home(self, retired: Retired, home: Home) -> None:
        """Note where retired bytes are now."""
        self._connection.execute(
            "UPDATE retired SET home = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (home, retired.subdir, retired.filename, retired.sha256),
        )

    def enter_retired(self, retired: Retired, *, source: str) -> None:
        """Note bytes that are kept downloadable without ever having been in the index."""
        self._remember(
            "SELECT ?, ?, ?, ?, ?, ?, ?",
            (
                retired.left, retired.reason, retired.subdir, retired.filename, retired.sha256,
                retired.size, source,
            ),
        )  # fmt: skip
        self._connection.execute(
            f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
            (
                retired.subdir, retired.filename, retired.sha256, retired.size, retired.home,
                retired.serial, retired.left, retired.reason,
            ),
        )  # fmt: skip

    def renew_retired(self, retired: Retired, left: float) -> None:
        """Let the grace period of retired bytes begin again."""
        self._connection.execute(
            "UPDATE retired SET left = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (left, retired.subdir, retired.filename, retired.sha256),
        )

    def set_home(self, subdir: str, filename: str, home: Home) -> None:
        """Note where a committed artifact's bytes are now; what is published stays the same."""
        self._connection.execute(
            "UPDATE artifact SET home = ? WHERE subdir = ? AND filename = ?",
            (home, subdir, filename),
        )

    def set_verified(self, placed: Iterable[Placed], moment: float) -> None:
        """Note that bytes were looked at and are right."""
        self._connection.executemany(
            "UPDATE artifact SET verified = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            [(moment, item.subdir, item.filename, item.sha256) for item in placed],
        )

    def condemn(self, placed: Iterable[Placed], *, serial: int, left: float) -> None:
        """Take damaged bytes out of the index, or note it of bytes that are out already."""
        damaged = list(placed)
        for item in damaged:
            key = (item.subdir, item.filename, item.sha256)
            self._remember(
                "SELECT ?, 'damaged', ?, ?, ?, ?, ''",
                (left, item.subdir, item.filename, item.sha256, item.size),
            )
            self._connection.execute(
                f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, 'damaged' FROM artifact"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                (serial, left, *key),
            )
            self._connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ? AND sha256 = ?", key
            )
            self._connection.execute(
                "UPDATE retired SET reason = 'damaged'"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                key,
            )
        self._drop_entries((item.subdir, item.filename) for item in damaged)

    def expire(self, retired: Retired, *, moment: float) -> None:
        """Drop the row of retired bytes that are gone, and remember it."""
        self._remember(
            "SELECT ?, 'expired', ?, ?, ?, ?, ''",
            (moment, retired.subdir, retired.filename, retired.sha256, retired.size),
        )
        self.forget_retired(retired)

    def forget_retired(self, retired: Retired) -> None:
        """Drop the row of bytes that are gone."""
        self._connection.execute(
            "DELETE FROM retired WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (retired.subdir, retired.filename, retired.sha256),
        )


def _row(artifact: Artifact) -> tuple[object, ...]:
    return (
        artifact.subdir,
        artifact.filename,
        artifact.section,
        artifact.size,
        artifact.sha256,
        artifact.digest,
        artifact.record,
        artifact.home,
        artifact.entered,
        artifact.source,
        artifact.md5,
    )
