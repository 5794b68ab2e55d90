"""What a client is told that can't have an artifact: thing, fact, next step. Pure."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from syncer.errors import (
    DeniedError,
    HostStoppedError,
    IntegrityError,
    ManyUpstreamsError,
    NoSpaceError,
    RefusedAddressError,
    says_absent,
)
from volume.errors import InterruptedRunError, MirrorError, VolumeError
from volume.ledger.ungiven import ABSENT, Ungiven
from volume.program.log import redact
from volume.program.printable import printable_lines

REMEMBERED = 600.0
"""Seconds for which upstream is not asked for what it does not have, or has other bytes of."""

_SOON = 5
_LATER = 60
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and its text; ``retry_after`` and ``remembered`` are in seconds, 0 for not."""

    status: int
    text: str
    retry_after: int = 0
    remembered: float = 0.0


UNKNOWN = Refusal(404, "no such artifact: no channel of this mirror lists it")
GONE = Refusal(
    404,
    "no longer listed: upstream removed or replaced it, or the mirror's policy forbids it, and its"
    " bytes were never here. Refresh the index, and solve again",
)
STOPPING = Refusal(503, "the fetcher is being restarted; ask again", retry_after=_SOON)
NOT_READY = Refusal(503, "the mirror's volumes can't be used yet; see 'syncer status'", _SOON)


def method_not_allowed(method: str) -> Refusal:
    return Refusal(405, f"{printable_lines(method)} is not allowed: artifacts are read only")


def of_error(name: str, error: MirrorError) -> Refusal:
    """What an error means to who asked for an artifact.

    Args:
        name: channel, subdir and filename.
    """
    said = redact(str(error))
    if isinstance(error, InterruptedRunError):
        return STOPPING
    if isinstance(error, NoSpaceError) or _is_full(error):
        return Refusal(507, f"{name} does not fit on the mirror's volume: {said}")
    if isinstance(error, DeniedError):
        return Refusal(404, f"{name}: {said}", remembered=REMEMBERED)
    if isinstance(error, VolumeError):
        return Refusal(503, f"{name} can't be stored: {said}", _LATER)
    if says_absent(error):
        return _absent(name, said)
    if any(isinstance(one, IntegrityError) for one in _each(error)):
        return _wrong(name, said)
    if any(isinstance(one, RefusedAddressError) for one in _each(error)):
        return Refusal(502, f"{name} is where nobody is asked: {said}", remembered=REMEMBERED)
    is_stopped = any(isinstance(one, HostStoppedError) for one in _each(error))
    return Refusal(
        503, f"{name} can't be had from upstream now: {said}", _LATER if is_stopped else _SOON
    )


def of_note(name: str, noted: Ungiven) -> Refusal:
    """What was said when upstream did not give it."""
    return (_absent if noted.kind == ABSENT else _wrong)(name, noted.reason)


def _absent(name: str, said: str) -> Refusal:
    return Refusal(
        404,
        f"{name} is listed upstream, and upstream does not have it: {said}. It is asked again"
        " in some minutes; choose another build meanwhile",
        remembered=REMEMBERED,
    )


def _wrong(name: str, said: str) -> Refusal:
    return Refusal(
        502,
        f"{name}: upstream sends other bytes than its index promises: {said}. They are not"
        " passed on; it is asked again in some minutes",
        remembered=REMEMBERED,
    )


def _each(error: BaseException) -> list[BaseException]:
    if isinstance(error, ManyUpstreamsError):
        return [inner for one in error.errors for inner in _each(one)]
    return [error]


def _is_full(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL
