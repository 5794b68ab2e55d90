"""Committed rows that no index may list: damaged ones, and records that no document can hold.

A ledger's row proves itself (``volume.ledger.schema.proof``); one that does not is not what the
syncer wrote. It is left out and named, and the next sync heals it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from volume.ledger.ledger import Ledger
from volume.ledger.schema import UNPROVEN, refusal

_COLUMNS = (
    "a.rowid, CAST(a.subdir AS BLOB), CAST(a.filename AS BLOB), CAST(a.size AS INTEGER),"
    " a.twin IS NOT NULL"
)
_DAMAGED = (
    f"SELECT {_COLUMNS} FROM artifact a WHERE {UNPROVEN['artifact']}"  # noqa: S608
    f" UNION SELECT {_COLUMNS} FROM artifact a JOIN"
    f" (SELECT subdir, filename FROM run_exports WHERE {UNPROVEN['run_exports']})"
    " USING (subdir, filename)"
)
_REASON = "its row in the ledger is damaged; the next sync writes it again"


@dataclass(frozen=True, slots=True)
class RefusedArtifact:
    """One artifact; ``row`` is its row in the ledger, by which it is found whatever is damaged.

    ``is_damaged`` if the row is not what was written, ``has_twin`` if it has two records.
    """

    row: int
    subdir: str
    filename: str
    size: int
    reason: str
    is_damaged: bool = False
    has_twin: bool = False


def damaged(ledger: Ledger) -> tuple[RefusedArtifact, ...]:
    """Artifacts of which a row is not what was written; reads every row.

    Raises:
        StateError: the ledger can't be read.
    """
    try:
        return tuple(
            RefusedArtifact(
                row, _text(subdir), _text(filename), size, _REASON, True, bool(has_twin)
            )
            for row, subdir, filename, size, has_twin in ledger.connection.execute(_DAMAGED)
        )
    except sqlite3.DatabaseError as error:
        raise refusal(error, "read", ledger.path) from error


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def named(ledger: Ledger, reasons: Mapping[tuple[str, str], str]) -> Iterator[RefusedArtifact]:
    """Those of these artifacts, by subdir and filename, that are committed."""
    for (subdir, filename), reason in reasons.items():
        row = ledger.connection.execute(
            "SELECT rowid, size, twin IS NOT NULL FROM artifact WHERE subdir = ? AND filename = ?",
            (subdir, filename),
        ).fetchone()
        if row is not None:
            rowid, size, has_twin = row
            yield RefusedArtifact(rowid, subdir, filename, size, reason, has_twin=bool(has_twin))
