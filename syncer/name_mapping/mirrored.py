"""The artifacts that are mirrored of the channels that the mapping service knows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from volume.ledger.ledger import Ledger

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Mirrored:
    """What is mirrored of the channels that the service knows."""

    def __init__(self, ledgers: Mapping[str, Path]) -> None:
        """Look at their ledgers.

        Raises:
            StateError: one can't be read.
        """
        self._ledgers = ledgers
        digest = hashlib.sha256()
        self.is_known = bool(ledgers)
        for channel, path in ledgers.items():
            ledger = Ledger.read(path)
            if ledger is None:
                self.is_known = False
                continue
            with ledger:
                self.is_known = self.is_known and not ledger.is_restoring
                digest.update(f"{channel} {ledger.identity} {ledger.serial}\n".encode())
        self.inputs = digest.hexdigest()
        """Changes when there may be other artifacts."""

    def artifacts(self) -> dict[bytes, None]:
        """Their sha256, what came last first; what is promised is asked for when it is here.

        Raises:
            StateError: a ledger can't be read.
        """
        found: dict[bytes, None] = {}
        for path in self._ledgers.values():
            ledger = Ledger.read(path)
            if ledger is not None:
                with ledger:
                    hashes = ledger.stored()
                    found.update((bytes.fromhex(one), None) for one in hashes if _is_hash(one))
        return found


def _is_hash(text: object) -> bool:
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
