"""Promises: artifacts that the index lists and whose bytes are fetched when somebody asks.

A promised row is a row of ``artifact`` like any other, but for its home. Reads only; the syncer's
``artifacts/promises.py`` writes.

Guaranteed by whoever writes, at every commit, so that a promised name resolves to the promised
bytes or to an error, in every kept generation, and never to other bytes:

P1  no file in ``channels/`` or ``retired/`` has the name, but the promised bytes themselves, from
    the moment in which they are durable to that in which the row says so;
P2  no retired row has the name;
P3  no kept generation lists the name with other bytes: a promise that is taken back stays in
    ``unkept`` until none does, and what gets the name meanwhile lies in ``replaced/``.

What can't be promised so is downloaded by the sync, as what was replaced is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from volume.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """Where upstream's index of a subdir came from; ``base_url`` is that index's, or empty.

    ``base`` is the channel's URL, without credentials.
    """

    base: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Here:
    """An artifact whose bytes are here; ``entered`` is when it was listed first, or came."""

    subdir: str
    filename: str
    size: int
    entered: float


@dataclass(frozen=True, slots=True)
class Pruned:
    """An artifact that nobody asked for after ``last``, in seconds since the epoch."""

    subdir: str
    filename: str
    size: int
    last: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What is promised of what a generation lists: artifacts, and bytes as far as records tell."""

    count: int = 0
    size: int = 0

    def within(self, count: int, size: int) -> Standing:
        """At most so much: the generation may be another one than the ledger's."""
        return Standing(min(self.count, count), min(self.size, size))


class Promises:
    """Those of one channel, from its open ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._connection = ledger.connection

    def totals(self) -> dict[str, tuple[int, int]]:
        """Promised artifacts and bytes by subdir, as far as their records tell sizes."""
        rows = self._connection.execute(
            "SELECT subdir, count(*), sum(size) FROM artifact WHERE home = 'promised'"
            " GROUP BY subdir ORDER BY subdir"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def unkept(self, subdir: str) -> dict[str, set[str]]:
        """The sha256 by filename of promises that were taken back, and kept generations list.

        An empty one stands for bytes whose record tells none.
        """
        found: dict[str, set[str]] = {}
        for filename, sha256 in self._connection.execute(
            "SELECT filename, sha256 FROM unkept WHERE subdir = ?", (subdir,)
        ):
            found.setdefault(filename, set()).add(sha256)
        return found

    def with_other_bytes(self, subdir: str, sha256: Mapping[str, str]) -> set[str]:
        """Names of a subdir that are, or were, promised with other bytes than these.

        Args:
            sha256: of the bytes that are to have a name, by filename.
        """
        rows = self._connection.execute(
            "SELECT j.key FROM json_each(?2) j CROSS JOIN artifact a ON a.subdir = ?1"
            " AND a.filename = j.key WHERE a.home = 'promised' AND a.sha256 != j.value"
            " UNION SELECT j.key FROM json_each(?2) j CROSS JOIN unkept u ON u.subdir = ?1"
            " AND u.filename = j.key WHERE u.sha256 != j.value",
            (subdir, json.dumps(sha256)),
        )
        return {row[0] for row in rows}

    def needed(self, subdir: str) -> set[str]:
        """Filenames of what is here, or is to be, though nobody may ask for it."""
        rows = self._connection.execute("SELECT filename FROM needed WHERE subdir = ?", (subdir,))
        return {row[0] for row in rows}

    def pruned(self) -> list[Pruned]:
        """What is left out as nobody asked for it."""
        rows = self._connection.execute("SELECT subdir, filename, size, last FROM pruned")
        return [Pruned(*row) for row in rows]

    def arrivals(self) -> dict[tuple[str, str], float]:
        """When bytes came last, by (subdir, filename), in seconds since the epoch."""
        rows = self._connection.execute(
            "SELECT subdir, filename, max(moment) FROM history"
            " WHERE event IN ('entered', 'fetched') GROUP BY subdir, filename"
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def here(self, subdir: str) -> list[Here]:
        """What of a subdir has its bytes in ``channels/``."""
        rows = self._connection.execute(
            "SELECT subdir, filename, size, entered FROM artifact"
            " WHERE subdir = ? AND home = 'channels'",
            (subdir,),
        )
        return [Here(*row) for row in rows]

    def origin(self, subdir: str) -> Origin:
        """Where upstream's index of a subdir came from, as far as it is on record."""
        row = self._connection.execute(
            "SELECT base, base_url FROM origin WHERE subdir = ?", (subdir,)
        ).fetchone()
        return Origin(*row) if row else Origin()
