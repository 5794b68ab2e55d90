"""The walk: comparing a document of sections with what it must hold, without decoding it.

A record in the document is the committed one if its text is; only where the texts differ, the two
are decoded and compared. So a large document costs one look at its bytes, and no memory.

Guaranteed: a walk that ends in ``has_arrived`` has seen every byte between the document's first
record and its last one, in all its sections, and there was nothing in them but what was given to
``step``. Not guaranteed: the converse, as the order of the keys or blanks between them stop a walk;
then the document must be decoded.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from indexer.engines.envelope import HEAD_END, JOINT, ORDER, V3_BEGIN, V3_JOINT, WHEELS_JOINT
from indexer.engines.sections import quoted
from volume.sections import V3, V3_SECTIONS

_DECODER = json.JSONDecoder()
_LONGER = 4096  # bytes that a value may be longer in the document than as it was committed
_PACKAGES, _CONDA, _V3_CONDA, _V3_TAR_BZ2, _WHEELS = ORDER
_EMPTY_V3: dict[str, Any] = {section.removeprefix(f"{V3}."): {} for section in V3_SECTIONS}

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
        """Find the old sections.

        Raises:
            OSError: the file can't be read.
        """
        with self._path.open("rb") as stream:
            # ValueError: an empty file can't be mapped.
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        begin = self._map.find(HEAD_END)
        joint = self._map.find(JOINT)
        if begin < 0 or joint < begin:
            self._is_lost = True
            begin = joint = 0
        # Where each section begins, and where it was walked to.
        self._first = {_PACKAGES: begin + len(HEAD_END), _CONDA: joint + len(JOINT)}
        self._at = dict(self._first)
        self._joint = joint
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._map.close()

    def step(self, section: str, key: str, text: str) -> bool:
        """Whether the next record of this section has this key, and this value (a JSON text)."""
        if self._is_lost:
            return False
        if section not in self._at:
            self._find_v3()
        at = self._at[section]
        comma = "" if at == self._first[section] else ","
        begin = f"{comma}{quoted(key)}:".encode()
        value = text.encode("utf-8", "surrogatepass")
        start = at + len(begin)
        end = start + len(value)
        if self._map[at:start] != begin:
            self._is_lost = True
        elif self._map[start:end] == value:
            self._at[section] = end
        else:
            self._at[section] = self._compare(start, value)
        return not self._is_lost

    def _find_v3(self) -> None:
        """Find the sections of revision 3, from the end: most of a document is before them."""
        begin = self._map.rfind(V3_BEGIN)
        joint = self._map.rfind(V3_JOINT)
        wheels = self._map.rfind(WHEELS_JOINT)
        if not self._first[_CONDA] <= begin < joint < wheels:
            self._is_lost = True
            begin = joint = wheels = 0
        found = {
            _V3_CONDA: begin + len(V3_BEGIN),
            _V3_TAR_BZ2: joint + len(V3_JOINT),
            _WHEELS: wheels + len(WHEELS_JOINT),
        }
        self._first |= found
        self._at |= found
        self._ends = {_V3_CONDA: joint, _V3_TAR_BZ2: wheels}

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
        """Whether all sections were walked to their ends; reads what stands around them."""
        if self._is_lost or self._at[_PACKAGES] != self._joint:
            return False
        has_v3 = _V3_CONDA in self._at
        if has_v3 and any(self._at[section] != end for section, end in self._ends.items()):
            return False
        try:
            head = json.loads(self._map[: self._first[_PACKAGES]] + b"}}")
            tail = json.loads(b'{"":{' + (self._after_v3() if has_v3 else self._after(_CONDA)))
        except (ValueError, RecursionError):
            return False
        if not isinstance(head, dict) or list(head)[-1:] != ["packages"] or head.pop("packages"):
            return False
        if tail.pop("", None) != {} or {_PACKAGES, _CONDA, *head} & tail.keys():
            return False
        if (tail.pop(V3, None) != _EMPTY_V3) if has_v3 else V3 in tail:
            return False
        self.head, self.tail = head, tail
        return True

    def _after(self, section: str) -> bytes:
        return self._map[self._at[section] :]

    def _after_v3(self) -> bytes:
        """What stands after the old sections, without the records of revision 3."""
        between = self._map[self._at[_CONDA] : self._first[_V3_CONDA]]
        return between + V3_JOINT + WHEELS_JOINT + self._after(_WHEELS)
