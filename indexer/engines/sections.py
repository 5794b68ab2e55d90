"""Writing a document of two sections, ``packages`` and ``packages.conda``, record by record.

Guaranteed: the file has its name only when it is complete; no more than a block is in memory,
however long the document. Durability is the publication's business.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from indexer.base.repodata import decode
from indexer.engines.envelope import JOINT
from volume.disk.files import volume_error

_BLOCK = 1 << 20


class Sections:
    """A document that is being written, in the order of the filenames."""

    def __init__(self, path: Path, head: bytes) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._head = head
        self._count = {True: 0, False: 0}

    @contextlib.contextmanager
    def opened(self, tail: bytes) -> Iterator[None]:
        """Write the document: what ``add`` is given inside, then the tail.

        Raises:
            VolumeError: the mirror volume refuses.
        """
        try:
            with (
                self._temporary.open("wb", buffering=_BLOCK) as main,
                tempfile.TemporaryFile(dir=self._path.parent, buffering=_BLOCK) as second,
            ):
                self._write = {True: second.write, False: main.write}
                main.write(self._head)
                yield
                main.write(JOINT)
                second.seek(0)
                shutil.copyfileobj(second, main, _BLOCK)
                main.write(tail)
            self._temporary.replace(self._path)
        except OSError as error:
            raise volume_error(error, "write", self._path) from error

    def add(self, filename: str, text: str) -> None:
        """Append an artifact's value, a JSON text."""
        is_conda = filename.endswith(".conda")
        comma = "," if self._count[is_conda] else ""
        self._count[is_conda] += 1
        self._write[is_conda](f"{comma}{json.dumps(filename)}:{text}".encode())


def compacted(text: str) -> str:
    """A JSON text on one line without blanks; one that has none is taken as it is.

    Raises:
        ValueError: no index can hold it.
    """
    if '": ' in text or "\n" in text:
        return json.dumps(decode(text), sort_keys=True, separators=(",", ":"))
    return text
