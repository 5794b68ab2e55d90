"""The indexer's branch of the exception tree (``volume.errors``).

MirrorError
+-- EngineError            conda index is missing, of another version, or failed
|   +-- EngineStoppedError  it was killed, or the machine refused it something
+-- VerificationError      a generation is not what was committed; it is not published
+-- MissingLedgerError     a mirrored channel has lost its ledger; the syncer rebuilds it
+-- DamagedRowsError       rows of a ledger are not what was written; the syncer heals them
"""

from __future__ import annotations

from collections.abc import Sequence

from volume.errors import MirrorError
from volume.ledger.artifact import Unproven

PARTIAL = 3
"""Exit code: what is published is right, but something was left out."""


class EngineError(MirrorError):
    """``conda index`` can't be used, or failed."""


class EngineStoppedError(EngineError):
    """``conda index`` was killed or lacked memory or disk: no fault of what it read."""


class VerificationError(MirrorError):
    """A finished generation does not hold what it must hold."""

    def __init__(self, channel: str, subdir: str, fact: str) -> None:
        super().__init__(channel, subdir, fact)
        self.channel = channel
        self.subdir = subdir
        self.fact = fact

    def __str__(self) -> str:
        return (
            f"{self.channel}/{self.subdir}: {self.fact}; this generation is thrown away and the"
            " published one stays"
        )


class DamagedRowsError(MirrorError):
    """Rows of a channel's ledger are not what the syncer wrote."""

    def __init__(self, channel: str, rows: Sequence[Unproven]) -> None:
        super().__init__(channel, rows)
        self.channel = channel
        self.rows = rows

    def __str__(self) -> str:
        named = ", ".join(str(row) for row in self.rows[:10])
        more = " and others" if len(self.rows) > 10 else ""
        return (
            f"{self.channel}: {len(self.rows):,} rows of its ledger are damaged ({named}{more});"
            " what is published stays. The next sync heals them from upstream's index: run"
            " 'syncer --once', and look at the state volume's disk"
        )


class MissingLedgerError(MirrorError):
    """A channel that was mirrored has no ledger any more."""
