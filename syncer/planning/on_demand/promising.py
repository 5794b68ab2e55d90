"""Which artifacts may be promised: listed although their bytes are not here. Pure.

A client that asks for a promised name gets the promised bytes or an error. So nothing may lie under
the name already, and no kept generation may list it with other bytes; what can't be promised is
downloaded. That is little: upstreams rarely give a name new bytes.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Set
from dataclasses import dataclass, field

from syncer.conda.wanted import Wanted
from volume.ledger.ungiven import ABSENT, Ungiven
from volume.sections import is_wheel


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one subdir that have bytes on the volume, or had a promise of others.

    Args:
        with_bytes: filenames of files that no row of the index has: retired ones, strays.
        unkept: sha256 by filename of promises that were taken back (``volume.ledger.promises``).
        ungiven: by filename, what upstream listed and did not give.
        now: in seconds since the epoch.
    """

    with_bytes: Container[str] = frozenset()
    unkept: Mapping[str, Set[str]] = field(default_factory=dict)
    ungiven: Mapping[str, Ungiven] = field(default_factory=dict)
    now: float = 0.0

    def may_be_promised(self, artifact: Wanted) -> bool:
        """Whether to promise an artifact that is not known yet."""
        if is_wheel(artifact.filename):
            return False  # it is locked, and so wanted now
        if artifact.filename in self.with_bytes:
            return False  # maybe these very bytes: then they are taken over, not downloaded
        before = self.unkept.get(artifact.filename)
        return before is None or before == {artifact.sha256}

    def lacking(self, filename: str, digest: bytes) -> Ungiven | None:
        """What is noted of an artifact with these records that upstream does not have."""
        found = self.ungiven.get(filename)
        if found is None or found.kind != ABSENT or found.digest != digest:
            return None
        return found
