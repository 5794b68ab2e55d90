"""The indexer's branch of the exception tree (``volume.errors``).

MirrorError
+-- EngineError            conda index is missing, of another version, or failed
|   +-- EngineStoppedError  it was killed, or the machine refused it something
+-- RefusedRecordsError    records that no index can hold; it is written without them
+-- VerificationError      a generation is not what was committed; it is not published
+-- MissingLedgerError     a mirrored channel has lost its ledger; the syncer rebuilds it
"""

from __future__ import annotations

from collections.abc import Mapping

from volume.errors import MirrorError

PARTIAL = 3
"""Exit code: what is published is right, but something was left out."""


class EngineError(MirrorError):
    """``conda index`` can't be used, or failed."""


class EngineStoppedError(EngineError):
    """``conda index`` was killed or lacked memory or disk: no fault of what it read."""


class RefusedRecordsError(MirrorError):
    """Records that no index can hold, by subdir and filename; never leaves the indexer."""

    def __init__(self, reasons: Mapping[tuple[str, str], str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        (subdir, filename), reason = next(iter(self.reasons.items()))
        return (
            f"{len(self.reasons)} records can't be published, such as {subdir}/{filename}: {reason}"
        )


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


class MissingLedgerError(MirrorError):
    """A channel that was mirrored has no ledger any more."""
