"""Documents of artifacts on their way to be served, many at a time.

Guaranteed: they wait in staging until they are durable, so one that has its own name is whole, also
after power loss; what was noted as absent is noted after what came is there.
"""

from __future__ import annotations

from typing import Self

from syncer.name_mapping.memory import Memory
from volume.disk import files
from volume.errors import InterruptedRunError
from volume.layout import NameMapping

_TOGETHER = 1_000


class Batch:
    """What came, and what there is none of; placed when there are many, and at the end."""

    def __init__(self, mapping: NameMapping, memory: Memory, now: float) -> None:
        self._mapping = mapping
        self._memory = memory
        self._now = now
        self._staged: list[bytes] = []
        self._absent: list[bytes] = []

    def __enter__(self) -> Self:
        files.make_directory(self._mapping.staging)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, InterruptedRunError):
            self._place()
            files.remove_tree(self._mapping.staging)

    def add(self, sha256: bytes, body: bytes) -> None:
        """Take a document."""
        files.replace(self._mapping.staging / sha256.hex(), body, is_durable=False)
        self._staged.append(sha256)
        self._place_many()

    def add_absent(self, sha256: bytes) -> None:
        """Take note that there is none, or none that can be read."""
        self._absent.append(sha256)
        self._place_many()

    def _place_many(self) -> None:
        if len(self._staged) + len(self._absent) >= _TOGETHER:
            self._place()

    def _place(self) -> None:
        staging, target = self._mapping.staging, self._mapping.artifacts
        if self._staged:
            files.make_directory(target)
            files.sync_filesystem(staging)
            for sha256 in self._staged:
                files.rename(staging / sha256.hex(), self._mapping.of(sha256.hex()))
            files.sync_directory(target)
        self._memory.note(self._absent, self._staged, self._now)
        self._staged.clear()
        self._absent.clear()
