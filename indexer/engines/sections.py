"""Writing a document of sections, record by record.

Guaranteed: the file has its name only when it is complete; no more than a block of each section is
in memory, however long the document. Durability is the publication's business.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from indexer.base.repodata import decode
from indexer.engines.envelope import ORDER
from volume.disk.files import volume_error

_BLOCK = 1 << 20

quoted = json.encoder.encode_basestring_ascii
"""A text as ``json.dumps`` writes it, at a tenth of the time."""


class Sections:
    """A document that is being written; each section in the order in which it is given."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._streams: dict[str, IO[bytes]] = {}
        self._stack = contextlib.ExitStack()

    @contextlib.contextmanager
    def opened(self, frame: Callable[[], Sequence[bytes]]) -> Iterator[None]:
        """Write the document: what ``add`` is given inside, within what ``frame`` says at the end.

        What stands before the records may count them, so each section is written to a file without
        a name first.

        Raises:
            VolumeError: the mirror volume refuses.
        """
        try:
            with self._stack:
                yield
                first, *others = frame()
                with self._temporary.open("wb", buffering=_BLOCK) as target:
                    target.write(first)
                    for section, piece in zip(ORDER, others, strict=False):
                        if section in self._streams:
                            self._streams[section].seek(0)
                            shutil.copyfileobj(self._streams[section], target, _BLOCK)
                        target.write(piece)
            self._temporary.replace(self._path)
        except OSError as error:
            raise volume_error(error, "write", self._path) from error

    def add(self, section: str, key: str, text: str) -> None:
        """Append a value, a JSON text."""
        comma = "," if section in self._streams else ""
        if not comma:
            file = tempfile.TemporaryFile(dir=self._path.parent, buffering=_BLOCK)  # noqa: SIM115
            self._streams[section] = self._stack.enter_context(file)
        self._streams[section].write(f"{comma}{quoted(key)}:{text}".encode())


def compacted(text: str) -> str:
    """A JSON text on one line without blanks; one that has none is taken as it is.

    Raises:
        ValueError: no index can hold it.
    """
    if '": ' in text or "\n" in text:
        return json.dumps(decode(text), sort_keys=True, separators=(",", ":"))
    return text
