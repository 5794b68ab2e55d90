"""Writing the ledger's rows of artifacts: the syncer's side of ``volume.ledger.ledger``.

Guaranteed: whatever enters or leaves is written to the history in the same transaction; what leaves
takes upstream's word on it along: run_exports are those of committed artifacts, and channeldata is
that of names of which an artifact is committed. Each row that is published is written with its
proof. All that writes is called inside ``transaction``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from syncer.artifacts.open_ledger import OpenLedger
from volume.ledger.artifact import Artifact, Home, Placed, Retired
from volume.ledger.schema import (
    COLUMNS,
    RETIRED_COLUMNS,
    UNPROVEN,
    artifact_proof,
    proof,
)
from volume.names import package_name

_HAS_BYTES = "home != 'promised'"
_REPLACED = (
    "artifact a JOIN incoming i USING (subdir, filename)"
    f" WHERE a.sha256 != i.sha256 AND a.{_HAS_BYTES}"
)
# Bytes that were here before, or promised, entered then: clients' cooldowns count from it.
_FIRST_ENTERED = (
    "min(entered,"
    " ifnull((SELECT a.entered FROM artifact a WHERE a.subdir = incoming.subdir"
    " AND a.filename = incoming.filename AND a.sha256 = incoming.sha256), entered),"
    " ifnull((SELECT min(h.moment) FROM history h WHERE h.filename = incoming.filename"
    " AND h.subdir = incoming.subdir AND h.sha256 = incoming.sha256"
    " AND h.event = 'entered'), entered))"
)
_ENTERING = COLUMNS.replace("entered", _FIRST_ENTERED)
_IS_COMMITTED = "EXISTS (SELECT 1 FROM artifact WHERE subdir = ?1 AND filename = ?2)"


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
    @property
    def twin(self) -> str | None: ...


class LedgerWriter(OpenLedger):
    """A ledger, open for writing, with what is written of artifacts."""

    def forget_unproven(self, *, moment: float) -> None:
        """Drop the rows that are not what was written; whoever asks upstream gets them anew."""
        execute = self.connection.execute
        execute("REINDEX")  # a damaged name is not where its index has it
        for row in self.unproven():
            if row.table == "artifact":  # of what it says besides, nothing is known
                subdir, _, filename = row.name.partition("/")
                self._remember("SELECT ?, 'doubted', ?, ?, '', 0, ''", (moment, subdir, filename))
        for table, unproven in UNPROVEN.items():
            execute(f"DELETE FROM {table} WHERE {unproven}")  # noqa: S608
        execute("DELETE FROM compared")

    def note_md5(self, sha256: str, md5: str) -> None:
        """Note what md5 these bytes have, as their record says another."""
        self.connection.execute("INSERT OR REPLACE INTO other_md5 VALUES (?, ?)", (sha256, md5))

    def expect(self, artifacts: Iterable[Artifact]) -> None:
        """Write the rows of a commit before its files are renamed."""
        self.connection.executemany(
            f"INSERT OR REPLACE INTO incoming ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            [_row(artifact) for artifact in artifacts],
        )

    def accept_incoming(self, serial: int) -> None:
        """Make the incoming rows part of the channel; what they replace is retired."""
        execute = self.connection.execute
        execute(  # kept generations list them with the bytes that they promised
            "INSERT OR REPLACE INTO unkept SELECT a.subdir, a.filename, a.sha256, ?"
            " FROM artifact a JOIN incoming i USING (subdir, filename)"
            " WHERE a.sha256 != i.sha256 AND a.home = 'promised'",
            (serial,),
        )
        self._remember(
            "SELECT i.entered, 'replaced', a.subdir, a.filename, a.sha256, a.size, a.source"  # noqa: S608
            f" FROM {_REPLACED}"
        )
        self._remember(
            "SELECT entered, 'entered', subdir, filename, sha256, size, source FROM incoming"
        )
        execute(
            f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
            " SELECT a.subdir, a.filename, a.sha256, a.size, a.home, ?, i.entered, 'replaced'"
            f" FROM {_REPLACED}",
            (serial,),
        )
        execute(
            "DELETE FROM retired WHERE (subdir, filename, sha256) IN"
            " (SELECT subdir, filename, sha256 FROM incoming)"
        )
        # A path holds one content: whoever retires its row later must not remove this one's.
        execute(
            "DELETE FROM retired WHERE home = 'channels' AND (subdir, filename) IN"
            " (SELECT subdir, filename FROM incoming WHERE home = 'channels')"
        )
        execute(
            f"INSERT OR REPLACE INTO artifact ({COLUMNS}, serial, verified, proof)"  # noqa: S608
            f" SELECT {_ENTERING}, ?, entered, {artifact_proof()} FROM incoming",
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
            self.connection.execute(
                "UPDATE artifact SET section = ?3, digest = ?4, record = ?5, md5 = ?6, twin = ?7,"  # noqa: S608
                f" serial = ?8, proof = {artifact_proof('?3', '?6', '?5', '?7')}"
                " WHERE subdir = ?1 AND filename = ?2",
                (
                    *key,
                    change.section,
                    change.digest,
                    change.record,
                    change.md5,
                    change.twin,
                    serial,
                ),
            )

    def retire(
        self, names: Iterable[tuple[str, str]], *, serial: int, left: float, reason: str
    ) -> None:
        """Take (subdir, filename) out of the index; their bytes, if they are here, stay for now."""
        leaving = list(names)
        for subdir, filename in leaving:
            self.connection.execute(  # a promise: kept generations go on listing it
                "INSERT OR REPLACE INTO unkept SELECT subdir, filename, sha256, ? FROM artifact"
                " WHERE subdir = ? AND filename = ? AND home = 'promised'",
                (serial, subdir, filename),
            )
            self._remember(
                "SELECT ?, ?, subdir, filename, sha256, size, source FROM artifact"  # noqa: S608
                f" WHERE subdir = ? AND filename = ? AND {_HAS_BYTES}",
                (left, reason, subdir, filename),
            )
            self.connection.execute(
                f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, ? FROM artifact"
                f" WHERE subdir = ? AND filename = ? AND {_HAS_BYTES}",
                (serial, left, reason, subdir, filename),
            )
            self.connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ?", (subdir, filename)
            )
        self._drop_entries(leaving)

    def note_fetched(self, subdir: str, filename: str) -> None:
        """Remember that an artifact's bytes came because somebody asked for them."""
        self._remember(
            "SELECT verified, 'fetched', subdir, filename, sha256, size, source FROM artifact"
            " WHERE subdir = ? AND filename = ?",
            (subdir, filename),
        )

    def note_evicted(self, subdir: str, filename: str, *, moment: float) -> None:
        """Remember that an artifact's bytes went, and are fetched again when somebody asks."""
        self._remember(
            "SELECT ?, 'evicted', subdir, filename, sha256, size, source FROM artifact"
            " WHERE subdir = ? AND filename = ?",
            (moment, subdir, filename),
        )

    def set_retired_home(self, retired: Retired, home: Home) -> None:
        """Note where retired bytes are now."""
        self.connection.execute(
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
        self.connection.execute(
            f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
            (
                retired.subdir, retired.filename, retired.sha256, retired.size, retired.home,
                retired.serial, retired.left, retired.reason,
            ),
        )  # fmt: skip

    def renew_retired(self, retired: Retired, left: float) -> None:
        """Let the grace period of retired bytes begin again."""
        self.connection.execute(
            "UPDATE retired SET left = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (left, retired.subdir, retired.filename, retired.sha256),
        )

    def set_home(self, subdir: str, filename: str, home: Home) -> None:
        """Note where a committed artifact's bytes are now; what is published stays the same."""
        self.connection.execute(
            "UPDATE artifact SET home = ? WHERE subdir = ? AND filename = ?",
            (home, subdir, filename),
        )

    def set_verified(self, placed: Iterable[Placed], moment: float) -> None:
        """Note that bytes were looked at and are right."""
        self.connection.executemany(
            "UPDATE artifact SET verified = ? WHERE subdir = ? AND filename = ? AND sha256 = ?",
            [(moment, item.subdir, item.filename, item.sha256) for item in placed],
        )

    def retire_damaged(self, placed: Iterable[Placed], *, serial: int, left: float) -> None:
        """Take damaged bytes out of the index, or note it of bytes that are out already."""
        damaged = list(placed)
        for item in damaged:
            key = (item.subdir, item.filename, item.sha256)
            self._remember(
                "SELECT ?, 'damaged', ?, ?, ?, ?, ''",
                (left, item.subdir, item.filename, item.sha256, item.size),
            )
            self.connection.execute(
                f"INSERT OR REPLACE INTO retired ({RETIRED_COLUMNS})"  # noqa: S608
                " SELECT subdir, filename, sha256, size, home, ?, ?, 'damaged' FROM artifact"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                (serial, left, *key),
            )
            self.connection.execute(
                "DELETE FROM artifact WHERE subdir = ? AND filename = ? AND sha256 = ?", key
            )
            self.connection.execute(
                "UPDATE retired SET reason = 'damaged'"
                " WHERE subdir = ? AND filename = ? AND sha256 = ?",
                key,
            )
        self._drop_entries((item.subdir, item.filename) for item in damaged)

    def forget(self, lost: Iterable[Placed], *, moment: float) -> None:
        """Drop the rows of bytes that are not there."""
        left = list(lost)
        for item in left:
            key = (item.subdir, item.filename, item.sha256)
            self._remember("SELECT ?, 'doubted', ?, ?, ?, ?, ''", (moment, *key, item.size))
            for table in ("artifact", "retired"):
                self.connection.execute(
                    f"DELETE FROM {table} WHERE subdir = ? AND filename = ? AND sha256 = ?",  # noqa: S608
                    key,
                )
        self._drop_entries((item.subdir, item.filename) for item in left)

    def expire(self, retired: Retired, *, moment: float) -> None:
        """Drop the row of retired bytes that are gone, and remember it."""
        self._remember(
            "SELECT ?, 'expired', ?, ?, ?, ?, ''",
            (moment, retired.subdir, retired.filename, retired.sha256, retired.size),
        )
        self.forget_retired(retired)

    def forget_retired(self, retired: Retired) -> None:
        """Drop the row of bytes that are gone."""
        self.connection.execute(
            "DELETE FROM retired WHERE subdir = ? AND filename = ? AND sha256 = ?",
            (retired.subdir, retired.filename, retired.sha256),
        )
        self._release_sidecars(retired.subdir, retired.filename)

    # -- what upstream publishes beside its records ---------------------------------------------

    def replace_other_keys(self, subdir: str, sections: dict[str, str]) -> bool:
        """Set a subdir's other sections; return whether anything changed."""
        if self.other_keys(subdir) == sections:
            return False
        self.connection.execute("DELETE FROM carried WHERE subdir = ?", (subdir,))
        self.connection.executemany(
            f"INSERT INTO carried VALUES (?1, ?2, ?3, {proof('?1', '?2', '?3')})",  # noqa: S608
            [(subdir, key, value) for key, value in sections.items()],
        )
        return True

    def _release_sidecars(self, subdir: str, filename: str) -> None:
        """Note that what lies beside an artifact may go, if the artifact itself is gone."""
        self.connection.execute(
            "UPDATE sidecar SET missing = 'its artifact is gone'"  # noqa: S608
            # Their names begin with the artifact's and a dot; "/" follows ".".
            " WHERE subdir = ?1 AND name > ?2 || '.' AND name < ?2 || '/'"
            f" AND NOT {_IS_COMMITTED}"
            " AND NOT EXISTS (SELECT 1 FROM retired WHERE subdir = ?1 AND filename = ?2)",
            (subdir, filename),
        )

    def _drop_entries(self, left: Iterable[tuple[str, str]]) -> None:
        """Drop what was said of artifacts, given as (subdir, filename), as far as they are gone."""
        names: set[str] = set()
        for subdir, filename in left:
            self.connection.execute(
                "DELETE FROM run_exports WHERE subdir = ?1 AND filename = ?2"  # noqa: S608
                f" AND NOT {_IS_COMMITTED}",
                (subdir, filename),
            )
            names.add(package_name(filename))
            self._release_sidecars(subdir, filename)
        gone = [(name,) for name in names - self.committed_of(names)]
        self.connection.executemany("DELETE FROM channeldata WHERE name = ?", gone)


def _row(artifact: Artifact) -> tuple[object, ...]:
    return (
        artifact.subdir, artifact.filename, artifact.section, artifact.size, artifact.sha256,
        artifact.digest, artifact.record, artifact.home, artifact.entered, artifact.source,
        artifact.md5, artifact.twin,
    )  # fmt: skip
