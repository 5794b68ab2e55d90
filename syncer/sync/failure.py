"""The kinds of failures, for counting: a few words that dashboards and alerts can rely on. Pure."""

from __future__ import annotations

from syncer import errors
from volume.errors import StateError, VolumeError

# What a record or row that can't be used is counted as.
REFUSED = "refused"

# The first that fits.
_KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (errors.IntegrityError, "integrity"),
    (errors.IndexRejectedError, "index"),
    (errors.ListingRejectedError, "index"),
    (errors.HostStoppedError, "stopped"),
    (errors.HttpStatusError, "status"),
    (errors.TransferError, "connection"),
    (errors.GuardError, "guard"),
    (errors.NoSpaceError, "space"),
    (VolumeError, "volume"),
    (StateError, "volume"),
)

KINDS = ("absent", *dict.fromkeys(kind for _, kind in _KINDS), REFUSED, "other")


def kind_of(error: BaseException) -> str:
    """The word for an error; of several upstreams' errors the one that they share."""
    if errors.says_absent(error):
        return "absent"
    if isinstance(error, errors.DeniedError | errors.RefusedAddressError):
        return REFUSED
    if isinstance(error, errors.ManyUpstreamsError):
        found = {kind_of(one) for one in error.errors}
        return found.pop() if len(found) == 1 else "other"
    return next((word for kind, word in _KINDS if isinstance(error, kind)), "other")
