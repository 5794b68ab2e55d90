"""The syncer's branch of the exception tree (``volume.errors``).

MirrorError
+-- UpstreamError            an upstream does not answer as it should
|   +-- HttpStatusError      it answered with a status that can't be used
|   +-- TransferError        the connection failed or was cut
|   |   +-- StalledError       it stood still until our patience ended
|   +-- HostStoppedError     it wants no more requests, and gets none in this run
|   +-- RefusedAddressError  it is, or leads, where no request may go
|   +-- MissingError         a folder that is an upstream does not have the file
|   +-- ManyUpstreamsError   none of several upstreams could be used
|   |   +-- PeerError          another channel can't be had that an environment needs as well
|   +-- IntegrityError       the bytes are not the promised ones
|   +-- IndexRejectedError   its index can't be trusted
|   +-- ListingRejectedError its listing of installers can't be trusted
+-- GuardError               the run would do more damage than is allowed
+-- NoSpaceError             the plan does not fit
+-- DeniedError              the bytes are on the deny list
+-- NoSolutionError          an environment that is to be solved has no solution
+-- InterruptedRunError      130, somebody stopped the run
"""

from __future__ import annotations

from collections.abc import Sequence

from volume.errors import MirrorError


class UpstreamError(MirrorError):
    """An upstream does not answer as it should."""


class HttpStatusError(UpstreamError):
    """An upstream answered with a status that can't be used."""

    def __init__(self, url: str, status: int, advice: str = "") -> None:
        super().__init__(url, status, advice)
        self.url = url
        self.status = status
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.url} answered {self.status}" + (f": {self.advice}" if self.advice else "")


class TransferError(UpstreamError):
    """The connection failed, was cut, or was too slow."""


class StalledError(TransferError):
    """The connection stood still, or as good as, until our patience ended."""


class HostStoppedError(UpstreamError):
    """A host had enough of us: it is not asked again in this run."""


class RefusedAddressError(UpstreamError):
    """An address may not be asked: somebody's terms are not accepted, or it is not public."""


class MissingError(UpstreamError):
    """An upstream does not have the file: a folder without it, a web page in its place."""


class ManyUpstreamsError(UpstreamError):
    """None of several upstreams could be used, each for a reason of its own."""

    def __init__(self, errors: Sequence[MirrorError]) -> None:
        super().__init__(tuple(errors))
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "; ".join(dict.fromkeys(map(str, self.errors)))


class PeerError(ManyUpstreamsError):
    """Another channel can't be had, and an environment takes packages from both."""

    def __init__(self, peer: str, environment: str, error: MirrorError) -> None:
        super().__init__([error])
        self.peer = peer
        self.environment = environment

    def __str__(self) -> str:
        return (
            f"environment {self.environment} takes packages from {self.peer} too, and that can't be"
            f" had: {super().__str__()}. Nothing was changed here; what is published stays"
        )


class IntegrityError(UpstreamError):
    """The bytes are not the ones that upstream's index promises."""


class IndexRejectedError(UpstreamError):
    """An upstream index is truncated, malformed or older than the one that we have."""


class ListingRejectedError(UpstreamError):
    """A listing of installers is cut, malformed, something else, or older than the one we know."""


class GuardError(MirrorError):
    """The run would retire more than the wipe guard allows."""


class DeniedError(MirrorError):
    """The bytes are on the deny list, which only their own hash tells."""


class NoSolutionError(MirrorError):
    """An environment that is to be solved has no solution in what is permitted."""


class NoSpaceError(MirrorError):
    """The plan does not fit on the volume."""


_FORBIDDEN = 403
_ABSENT = frozenset({_FORBIDDEN, 404, 410})


def says_absent(error: BaseException) -> bool:
    """Whether an upstream answered that it does not have what was asked for."""
    if isinstance(error, ManyUpstreamsError):
        return all(map(says_absent, error.errors))
    if isinstance(error, HttpStatusError):
        # A 403 with advice refused our credentials, or came from a proxy.
        return error.status in _ABSENT and (error.status != _FORBIDDEN or not error.advice)
    return isinstance(error, MissingError)


def is_answer(error: BaseException) -> bool:
    """Whether this is about one document only: its host answers, and may well have another."""
    if isinstance(error, ManyUpstreamsError):
        return all(map(is_answer, error.errors))
    return isinstance(error, HttpStatusError | MissingError | IndexRejectedError)


def is_upstreams_own(error: BaseException) -> bool:
    """Whether trying again is no use: upstream does not deliver what it lists, or it is denied."""
    if isinstance(error, ManyUpstreamsError):
        return all(map(is_upstreams_own, error.errors))
    return says_absent(error) or isinstance(error, IntegrityError | DeniedError)
