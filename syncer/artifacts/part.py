"""A partly downloaded artifact: its file in staging, the bytes in it, and their hash so far.

Guaranteed: ``finish`` returns only for bytes of upstream's size and hash. What an interrupted
transfer left is hashed before more is added to it, so whatever a crash made of it is noticed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol, Self

from syncer.conda.repodata import Wanted
from syncer.errors import IntegrityError
from volume.disk.files import operation, unlink, volume_error
from volume.limits import ARTIFACT_SIZE
from volume.program.log import redact

BLOCK = 1 << 20  # bytes written and hashed at a time


class Meter(Protocol):
    """Who is told about bytes as they arrive."""

    def received(self, size: int) -> None:
        """``size`` more bytes of wanted content are here."""


class Part:
    """A partly downloaded artifact: its file, the bytes in it, and their hash so far."""

    def __init__(self, path: str, artifact: Wanted, meter: Meter) -> None:
        self._path = path
        self._artifact = artifact
        self._meter = meter
        self._verify_md5 = artifact.sha256 is None
        self._descriptor = -1
        self.restart()

    def restart(self) -> None:
        """Forget the bytes: the next ones are the first."""
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
        self.position = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if self._verify_md5 else None

    def begin(self) -> int:
        """Hash what an earlier run left; return the bytes that we have."""
        try:
            with Path(self._path).open("rb", buffering=0) as stream:
                while chunk := stream.read(BLOCK):
                    self._hash(chunk)
                    self.position += len(chunk)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise volume_error(error, "read", self._path) from error
        size = self._artifact.size
        if size is not None and self.position > size:
            self.discard()
        return self.position

    @property
    def is_large(self) -> bool:
        """Whether it takes a while."""
        return self._artifact.size is None or self._artifact.size > BLOCK

    def __enter__(self) -> Self:
        # Neither emptied nor appended to: a server may make us start over in the middle.
        with operation("stage", self._path):
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            IntegrityError: more bytes come than upstream's index promises.
            VolumeError: it can't be written.
        """
        largest = ARTIFACT_SIZE if self._artifact.size is None else self._artifact.size
        if self.position + len(chunk) > largest:
            raise IntegrityError(
                f"{self._artifact.filename}: upstream sends more than the {largest:,} bytes that"
                " its index allows; left out, tried again next run"
            )
        self.position += len(chunk)
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        if self._waiting_size >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        """Write and hash what waits: libcurl's pieces are too small to do it for each."""
        if not self._waiting:
            return
        block = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_size = 0
        try:
            rest = memoryview(block)
            offset = self.position - len(block)
            while rest:  # a nearly full disk takes a part only
                written = os.pwrite(self._descriptor, rest, offset)
                offset += written
                rest = rest[written:]
        except OSError as error:
            raise volume_error(error, "stage", self._path) from error
        self._hash(block)
        self._meter.received(len(block))

    def finish(self, url: str) -> str:
        """Compare with what upstream's index promises; return the sha256.

        Raises:
            IntegrityError: the bytes are others.
        """
        artifact = self._artifact
        sha256 = self._sha256.hexdigest()
        if artifact.size is not None and self.position != artifact.size:
            problem = f"{self.position:,} bytes instead of {artifact.size:,}"
        elif artifact.sha256 is not None and sha256 != artifact.sha256:
            problem = f"sha256 {sha256} instead of {artifact.sha256}"
        elif self._md5 is not None and self._md5.hexdigest() != artifact.md5:
            problem = f"md5 {self._md5.hexdigest()} instead of {artifact.md5}"
        else:
            return sha256
        raise IntegrityError(
            f"{artifact.filename} from {redact(url)}: {problem}; left out, tried again next run"
        )

    def discard(self) -> None:
        """Remove the file and start over."""
        unlink(Path(self._path))
        self.restart()

    def _hash(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._md5 is not None:
            self._md5.update(block)
