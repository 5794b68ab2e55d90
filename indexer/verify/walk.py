"""The walk: comparing a document of two sections with what it must hold, without decoding it.

A record in the document is the committed one if its text is; only where the texts differ, the two
are decoded and compared. So a large document costs one look at its bytes, and no memory.

Guaranteed: a walk that ends in ``has_arrived`` has seen every byte between the document's first
record and its last one, in the sections ``packages`` and ``packages.conda``, and there was nothing
in them but what was given to ``step``. Not guaranteed: the converse, as the order of the keys or
blanks between them stop a walk; then the document must be decoded.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from indexer.engines.envelope import JOINT

_HEAD_END = b',"packages":{'
_DECODER = json.JSONDecoder()
_LONGER = 4096  # bytes that a value may be longer in the document than as it was committed

Same = Callable[[Any, Any], bool]
"""Whether two decoded values, that of the document and the expected one, are the same."""


class Walk:
    """One document; to be used in a ``with``."""

    def __init__(self, path: Path, same: Same) -> None:
        self._path = path
        self._same = same
        self._is_lost = False
        self.head: dict[str, Any] = {}
        self.tail: dict[str, Any] = {}

    def __enter__(self) -> Walk:
        """Find the sections.

        Raises:
            OSError: the file can't be read.
        """
        with self._path.open("rb") as stream:
            # ValueError: an empty file can't be mapped.
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        begin = self._map.find(_HEAD_END)
        joint = self._map.find(JOINT)
        if begin < 0 or joint < begin:
            self._is_lost = True
            begin = joint = 0
        self._first = begin + len(_HEAD_END)
        self._at = {False: self._first, True: joint + len(JOINT)}
        self._is_begun = {False: False, True: False}
        self._joint = joint
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._map.close()

    def step(self, filename: str, text: str) -> bool:
        """Whether the next artifact of its section is this one, with this value (a JSON text)."""
        if self._is_lost:
            return False
        is_conda = filename.endswith(".conda")
        comma = "," if self._is_begun[is_conda] else ""
        key = f"{comma}{json.dumps(filename)}:".encode()
        value = text.encode("utf-8", "surrogatepass")
        at = self._at[is_conda]
        start = at + len(key)
        end = start + len(value)
        if self._map[at:start] != key:
            self._is_lost = True
        elif self._map[start:end] == value:
            self._at[is_conda] = end
        else:
            self._at[is_conda] = self._compare(start, value)
        self._is_begun[is_conda] = True
        return not self._is_lost

    def _compare(self, start: int, value: bytes) -> int:
        """Decode both; return where the document's value ends."""
        piece = self._map[start : start + 6 * len(value) + _LONGER]
        try:
            # The piece may end within a character, but not within the value.
            found, length = _DECODER.raw_decode(piece.decode("utf-8", "replace"))
            consumed = len(piece.decode("utf-8", "replace")[:length].encode("utf-8"))
            self._is_lost = not self._same(found, json.loads(value))
        except (ValueError, RecursionError):
            self._is_lost = True
            return start
        return start + consumed

    @property
    def has_arrived(self) -> bool:
        """Whether both sections were walked to their ends; reads what stands around them."""
        if self._is_lost or self._at[False] != self._joint:
            return False
        try:
            head = json.loads(self._map[: self._first] + b"}}")
            tail = json.loads(b'{"":{' + self._map[self._at[True] :])
        except (ValueError, RecursionError):
            return False
        if not isinstance(head, dict) or list(head)[-1:] != ["packages"] or head.pop("packages"):
            return False
        if tail.pop("", None) != {} or {"packages", "packages.conda", *head} & tail.keys():
            return False
        self.head, self.tail = head, tail
        return True
