"""What upstream lists and did not give when somebody asked: as it was met, until it is had.

Reads only; the syncer's ``artifacts/ungiven.py`` writes. It is bounded: of very many the latest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from volume.ledger.ledger import Ledger

ABSENT = "absent"
"""Every upstream said that it does not have it."""

WRONG = "wrong"
"""What came were other bytes than the record promises."""

KINDS = {
    ABSENT: "upstream does not have it",
    WRONG: "upstream sends other bytes than its index promises",
}


@dataclass(frozen=True, slots=True)
class Ungiven:
    """An artifact with the records of ``digest``; times are in seconds since the epoch.

    ``since`` is when that was met first, ``last`` when it was met last, for the time of number
    ``tries``; ``due`` is from when on a sync asks again.
    """

    subdir: str
    filename: str
    digest: bytes
    kind: str
    reason: str
    since: float
    last: float
    tries: int
    due: float


_COLUMNS = "subdir, filename, digest, kind, reason, since, last, tries, due"


class UngivenTable:
    """Those of one channel, from its open ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._connection = ledger.connection

    def find(self, subdir: str, filename: str) -> Ungiven | None:
        """What is noted of an artifact."""
        return next(self._select("WHERE subdir = ?1 AND filename = ?2", subdir, filename), None)

    def of_subdir(self, subdir: str) -> dict[str, Ungiven]:
        """By filename."""
        return {one.filename: one for one in self._select("WHERE subdir = ?1", subdir)}

    def all(self) -> list[Ungiven]:
        """In the order of their names."""
        return list(self._select("ORDER BY subdir, filename"))

    def counts(self) -> dict[str, int]:
        """How many there are of each kind that is known."""
        rows = self._connection.execute("SELECT kind, count(*) FROM ungiven GROUP BY kind")
        return dict.fromkeys(KINDS, 0) | {row[0]: row[1] for row in rows if row[0] in KINDS}

    def due(self) -> float:
        """When a sync has something to do here, in seconds since the epoch; 0.0 for never.

        At once if something is promised that upstream does not have.
        """
        (moment,) = self._connection.execute(
            "SELECT min(CASE WHEN EXISTS (SELECT 1 FROM artifact a WHERE a.subdir = u.subdir"
            " AND a.filename = u.filename AND a.home = 'promised') THEN 1.0 ELSE due END)"
            " FROM ungiven u WHERE kind = ?",
            (ABSENT,),
        ).fetchone()
        return float(moment or 0.0)

    def _select(self, which: str, *values: str) -> Iterator[Ungiven]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM ungiven {which}", values)  # noqa: S608
        return (Ungiven(*row) for row in rows)
