"""Promises: written by a sync, kept by whoever has fetched what one promises.

Guaranteed: P1 to P3 of ``volume/ledger/promises.py``, if no name is promised that has bytes here,
or had others. A promise is kept by one transaction that finds it still there, or changes nothing: a
retirement, a replacement or other bytes of the same name win. The serial stays the same then, as
what is published does. All that writes is called inside ``transaction``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.sidecars.table import SidecarWriter
from syncer.artifacts.ungiven import UngivenWriter
from syncer.conda.attestations import promised
from syncer.conda.wanted import Wanted
from volume.ledger.artifact import Artifact, Home
from volume.ledger.promises import Origin, Promises, Pruned
from volume.ledger.schema import COLUMNS, artifact_proof, proof

_NEW_PROOF = proof("?1", "?2", "?3", "?4", "?5", "?11", "?7", added="?12")


@dataclass(frozen=True, slots=True)
class Arrived:
    """Verified bytes of a promised artifact; ``source`` is their URL, without credentials."""

    subdir: str
    filename: str
    sha256: str
    md5: str | None
    size: int
    source: str
    home: Home = "channels"

    def keeps(self, row: Artifact) -> bool:
        """Whether these are the bytes that a row promises, or has: whatever its record says else.

        ``md5`` is compared where the row has no sha256, as everywhere.
        """
        if row.size not in {0, self.size}:
            return False
        return row.sha256 == self.sha256 if row.sha256 else self.md5 in {row.md5} - {None}


class PromisesWriter(Promises):
    """Those of one channel, from its ledger that is open for writing."""

    def __init__(self, ledger: LedgerWriter) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    def promise(self, artifacts: Iterable[Wanted], serial: int, *, moment: float) -> None:
        """List artifacts whose bytes are not here. Names that have a row already keep it."""
        self._connection.executemany(
            f"INSERT OR IGNORE INTO artifact ({COLUMNS}, serial, verified, proof)"  # noqa: S608
            f" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?9, {_NEW_PROOF})",
            _rows(artifacts, serial, moment),
        )
        self._connection.execute(  # what is promised again
            "DELETE FROM unkept WHERE EXISTS (SELECT 1 FROM artifact a WHERE a.subdir ="
            " unkept.subdir AND a.filename = unkept.filename AND a.home = 'promised'"
            " AND a.sha256 = unkept.sha256 AND a.sha256 != '')"
        )

    def promise_anew(self, artifacts: Iterable[Wanted], serial: int, *, moment: float) -> None:
        """Take over new records of the same promised bytes, also if they were fetched since."""
        for one in artifacts:
            row = self._ledger.artifact(one.subdir, one.filename)
            if row is None or row.home != "promised":
                self._ledger.update_records([one], serial, moment=moment)
                if row is not None:
                    self._want_sidecars(one.subdir, one.filename, one.record, one.twin)
                continue
            self._connection.execute(
                "UPDATE artifact SET section = ?3, size = ?4, sha256 = ?5, digest = ?6,"  # noqa: S608
                " record = ?7, md5 = ?8, twin = ?9, serial = ?10, proof ="
                f" {artifact_proof('?3', '?8', '?7', '?9', size='?4', sha256='?5')}"
                " WHERE subdir = ?1 AND filename = ?2",
                (
                    one.subdir, one.filename, one.section, one.size or row.size,
                    one.sha256 or row.sha256, one.digest, one.record, one.md5, one.twin, serial,
                ),
            )  # fmt: skip

    def keep(self, arrived: Arrived, *, moment: float) -> bool:
        """Note that promised bytes are in ``channels/``; return whether the row says so now.

        They entered when they were promised: what is published of them does not change.

        False, and nothing changes: nobody promises these bytes any more.
        """
        row = self._ledger.artifact(arrived.subdir, arrived.filename)
        if row is None or not arrived.keeps(row) or row.home == "replaced":
            return False
        if row.home == "channels":
            return True
        key = (arrived.subdir, arrived.filename)
        self._connection.execute(
            "UPDATE artifact SET home = 'channels', size = ?3, sha256 = ?4,"  # noqa: S608
            f" verified = ?5, source = ?6, proof = {artifact_proof(size='?3', sha256='?4')}"
            " WHERE subdir = ?1 AND filename = ?2",
            (*key, arrived.size, arrived.sha256, moment, arrived.source),
        )
        self._ledger.note_fetched(*key)
        UngivenWriter(self._ledger).forget([key])
        self._want_sidecars(*key, row.record, row.twin)
        return True

    def promise_again(self, subdir: str, filename: str, *, moment: float) -> Artifact | None:
        """Let an artifact be promised whose bytes may go; return its row, as it was.

        None, and nothing changes: it is not in ``channels/``, or its name had other bytes that a
        kept generation lists. Its sha256 stays, so no other bytes can ever keep the promise.
        """
        row = self._ledger.artifact(subdir, filename)
        if row is None or row.home != "channels" or self._has_others(row):
            return None
        self._ledger.note_evicted(subdir, filename, moment=moment)
        self._ledger.set_home(subdir, filename, "promised")
        return row

    def _has_others(self, row: Artifact) -> bool:
        """Whether its name has, or kept generations promise under it, other bytes."""
        found = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM unkept WHERE subdir = ?1 AND filename = ?2"
            " AND sha256 != ?3 UNION ALL SELECT 1 FROM retired WHERE subdir = ?1"
            " AND filename = ?2)",
            (row.subdir, row.filename, row.sha256),
        )
        return bool(found.fetchone()[0])

    def need(self, subdir: str, filenames: Iterable[str]) -> None:
        """Note what of a subdir is here, or is to be, though nobody may ask for it."""
        execute = self._connection.execute
        names = json.dumps(sorted(filenames))
        execute(
            "DELETE FROM needed WHERE subdir = ?1"
            " AND filename NOT IN (SELECT value FROM json_each(?2))",
            (subdir, names),
        )
        execute("INSERT OR IGNORE INTO needed SELECT ?1, value FROM json_each(?2)", (subdir, names))

    def prune(self, pruned: Iterable[Pruned]) -> None:
        """Note what is left out as nobody asks for it: these and no others."""
        self._connection.execute("DELETE FROM pruned")
        self._connection.executemany(
            "INSERT INTO pruned VALUES (?, ?, ?, ?)",
            [(one.subdir, one.filename, one.size, one.last) for one in pruned],
        )

    def _want_sidecars(self, subdir: str, filename: str, record: str, twin: str | None) -> None:
        """What lies beside an artifact whose bytes are here now comes with the next sync."""
        SidecarWriter(self._ledger).want(subdir, filename, promised(record, twin))

    def doubt(self, subdir: str, listed: Mapping[str, Set[str]], serial: int) -> None:
        """Note what kept generations list and this ledger does not know: maybe it was promised.

        Args:
            listed: sha256 by filename.
        """
        known = self._ledger.known(subdir)
        retired = {(row.filename, row.sha256) for row in self._ledger.retired(subdir)}
        self._connection.executemany(
            "INSERT OR REPLACE INTO unkept VALUES (?, ?, ?, ?)",
            (
                (subdir, filename, sha256, serial)
                for filename, hashes in listed.items()
                for sha256 in hashes
                if (filename, sha256) not in retired
                and (filename not in known or known[filename].sha256 != sha256)
            ),
        )

    def set_origin(self, subdir: str, origin: Origin) -> None:
        """Note where the index of a subdir came from."""
        self._connection.execute(
            "INSERT OR REPLACE INTO origin VALUES (?, ?, ?)",
            (subdir, origin.base, origin.base_url),
        )

    def has_unkept(self, oldest: int) -> bool:
        """Whether ``forget_unkept`` has something to do."""
        query = "SELECT EXISTS (SELECT 1 FROM unkept WHERE serial <= ?)"
        return bool(self._connection.execute(query, (oldest,)).fetchone()[0])

    def forget_unkept(self, oldest: int) -> None:
        """Drop promises that no kept generation lists: all are of ``oldest`` or a later serial."""
        self._connection.execute("DELETE FROM unkept WHERE serial <= ?", (oldest,))


def _rows(artifacts: Iterable[Wanted], serial: int, moment: float) -> Iterator[tuple[object, ...]]:
    for one in artifacts:
        yield (
            one.subdir, one.filename, one.section, one.size or 0, one.sha256 or "", one.digest,
            one.record, "promised", moment, "", one.md5, one.twin, serial,
        )  # fmt: skip
