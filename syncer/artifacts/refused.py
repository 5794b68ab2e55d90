"""What upstream lists and nobody can use, as the last look at its index found it.

It is noted in the channel's ledger, so that a run which finds upstream unchanged, and does not look
again, says it all the same: what is not here is named by every run.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.task import Failed
from syncer.conda.repodata import Refused
from syncer.planning.plan import SubdirPlan
from volume.ledger.ledger import Ledger

Noted = tuple[str, Refused]
"""A subdir, and what is refused of it."""


def of_plans(plans: Iterable[SubdirPlan]) -> list[Noted]:
    """What plans refuse. Pure."""
    return [(plan.subdir, one) for plan in plans for one in plan.refused]


def of_failures(failures: Iterable[Failed]) -> list[Noted]:
    """What was asked for in vain. Pure."""
    return [
        (failed.task.artifact.subdir, Refused(failed.task.artifact.filename, str(failed.error)))
        for failed in failures
    ]


def read(ledger: Ledger) -> list[Noted]:
    """What was noted, in order."""
    rows = ledger.connection.execute(
        "SELECT subdir, filename, reason FROM refused ORDER BY subdir, filename, reason"
    )
    return [(subdir, Refused(filename, reason)) for subdir, filename, reason in rows]


def write(ledger: LedgerWriter, found: Iterable[Noted]) -> None:
    """Note it in place of what was noted, inside a transaction."""
    rows = {(subdir, one.filename, one.reason) for subdir, one in found}
    if rows != {(subdir, one.filename, one.reason) for subdir, one in read(ledger)}:
        ledger.connection.execute("DELETE FROM refused")
        ledger.connection.executemany("INSERT INTO refused VALUES (?, ?, ?)", sorted(rows))
