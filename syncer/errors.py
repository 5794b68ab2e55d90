"""The syncer's branch of the exception tree (``volume.errors``).

MirrorError
+-- UpstreamError            an upstream does not answer as it should
|   +-- HttpStatusError      it answered with a status that can't be used
|   +-- TransferError        the connection failed or was cut
|   +-- IntegrityError       the bytes are not the promised ones
|   +-- IndexRejectedError   its index can't be trusted
+-- GuardError               the run would do more damage than is allowed
+-- NoSpaceError             the plan does not fit
+-- InterruptedRunError      130, somebody stopped the run
"""

from __future__ import annotations

from volume.errors import MirrorError


class UpstreamError(MirrorError):
    """An upstream does not answer as it should."""


class HttpStatusError(UpstreamError):
    """An upstream answered with a status that can't be used."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(url, status)
        self.url = url
        self.status = status

    def __str__(self) -> str:
        return f"{self.url} answered {self.status}"


class TransferError(UpstreamError):
    """The connection failed, was cut, or was too slow."""


class IntegrityError(UpstreamError):
    """The bytes are not the ones that upstream's index promises."""


class IndexRejectedError(UpstreamError):
    """An upstream index is truncated, malformed or older than the one that we have."""


class GuardError(MirrorError):
    """The run would retire more than the wipe guard allows."""


class NoSpaceError(MirrorError):
    """The plan does not fit on the volume."""
