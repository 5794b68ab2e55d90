"""Downloads: artifacts into staging, verified while they stream.

Guaranteed: what ``Downloads`` reports as staged has upstream's size and hash. An interrupted
download goes on where it stopped, in this run or the next. Nothing here is durable yet and nothing
is served; ``commit`` does that.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from syncer import adopt
from syncer.adopt import Adoption
from syncer.errors import IntegrityError
from syncer.repodata import LARGEST, Wanted
from syncer.transfer import Transfers
from volume.errors import MirrorError, VolumeError
from volume.files import make_directory, operation, unlink, volume_error
from volume.layout import Mirror
from volume.log import redact
from volume.stop import Stop

_BLOCK = 1 << 20  # bytes written and hashed at a time
_ENDING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """One artifact to stage, and the URLs to try, best first."""

    channel: str
    artifact: Wanted
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """A verified artifact in staging; ``source`` is where it came from."""

    task: Task
    sha256: str
    size: int
    source: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An artifact that could not be had, and why. It is left out and tried again next run."""

    task: Task
    error: MirrorError


@dataclass(frozen=True, slots=True)
class Absent:
    """An artifact that a mirror which is taken over does not have, or not intact."""

    task: Task


class Meter(Protocol):
    """Who is told about bytes as they arrive."""

    def received(self, size: int) -> None:
        """``size`` more bytes of wanted content are here."""


def staged_path(mirror: Mirror, channel: str, subdir: str, filename: str, digest: bytes) -> Path:
    """Where a download is staged: its record's digest keeps contents of one name apart."""
    return mirror.staging(channel, subdir) / f"{filename}.{digest.hex()[:16]}.part"


class Downloads:
    """Stages many artifacts with a few workers; iterate to get each as it ends.

    A full or failing volume ends everything at once: the error is raised from the iteration.
    """

    def __init__(
        self,
        transfers: Transfers,
        mirror: Mirror,
        stop: Stop,
        *,
        workers: int,
        meter: Meter,
        adoption: Adoption | None = None,
    ) -> None:
        """With ``adoption`` nothing is downloaded: what is not found there is ``Absent``."""
        self._transfers = transfers
        self._mirror = mirror
        self._stop = stop
        self._workers = workers
        self._meter = meter
        self._adoption = adoption

    def run(self, tasks: Sequence[Task]) -> Iterator[Staged | Failed | Absent | None]:
        """Stage ``tasks``; yield each outcome, and None once a second while nothing ends.

        Raises:
            VolumeError: the mirror volume refused; retrying would not help.
            InterruptedRunError: the run was stopped.
        """
        for subdir in {(task.channel, task.artifact.subdir) for task in tasks}:
            make_directory(self._mirror.staging(*subdir))
        waiting = iter(tasks)
        guard = threading.Lock()
        outcomes: queue.SimpleQueue[Staged | Failed | Absent | BaseException] = queue.SimpleQueue()
        ending = threading.Event()

        def work() -> None:
            while not ending.is_set():
                with guard:
                    task = next(waiting, None)
                if task is None:
                    return
                outcomes.put(self._attempt(task))

        threads = [
            threading.Thread(target=work, name=f"download-{number}", daemon=True)
            for number in range(min(self._workers, len(tasks)))
        ]
        for thread in threads:
            thread.start()
        try:
            done = 0
            while done < len(tasks):
                try:
                    outcome = outcomes.get(timeout=1.0)
                except queue.Empty:
                    self._stop.check()
                    yield None
                    continue
                if isinstance(outcome, BaseException):
                    raise outcome
                done += 1
                yield outcome
        finally:
            ending.set()
            if done < len(tasks):
                # Whatever ended this ends the run: transfers in flight see it at their next chunk
                # and keep what they have.
                self._stop.request()
            # A small transfer that hangs does not notice; the threads end with the process.
            deadline = time.monotonic() + _ENDING_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _attempt(self, task: Task) -> Staged | Failed | Absent | BaseException:
        error: MirrorError | None = None
        for url in task.urls:
            try:
                return self._stage(task, url)
            except VolumeError as fatal:
                return fatal
            except MirrorError as found:
                if found.exit_code == 130:  # stopped, not failed
                    return found
                error = found
            except Exception as bug:  # noqa: BLE001 - a worker must report, never die silently
                return bug
        return Failed(task, error or IntegrityError(f"{task.artifact.filename} has no upstream"))

    def _stage(self, task: Task, url: str) -> Staged | Absent:
        artifact = task.artifact
        path = staged_path(
            self._mirror, task.channel, artifact.subdir, artifact.filename, artifact.digest
        )
        adopt.find(self._mirror, self._adoption, task.channel, artifact, path)
        part = _Part(path, artifact, self._meter)
        if part.begin() and part.position == artifact.size:
            # Here already: staged by an earlier run, or found on the volume.
            try:
                sha256 = part.finish(url)
                self._meter.received(part.position)
                return Staged(task, sha256, part.position, url)
            except IntegrityError:
                part.discard()  # never written to: it may be a served file's second name
        if self._adoption is not None:
            return Absent(task)
        for attempt in (1, 2):
            resumed = part.position > 0
            try:
                with part:
                    self._transfers.receive(url, part)
                return Staged(task, part.finish(url), part.position, url)
            except IntegrityError:
                part.discard()
                # A part of an earlier run may hold other bytes: once more from the beginning.
                if attempt == 2 or not resumed:
                    raise
        raise AssertionError("unreachable: the second attempt returns or raises")


class _Part:
    """A partly downloaded artifact: its file, the bytes in it, and their hash so far."""

    def __init__(self, path: Path, artifact: Wanted, meter: Meter) -> None:
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
        self._md5 = hashlib.md5(usedforsecurity=False)

    def begin(self) -> int:
        """Hash what an earlier run left; return the bytes that we have."""
        try:
            with self._path.open("rb", buffering=0) as stream:
                while chunk := stream.read(_BLOCK):
                    self._hash(chunk)
                    self.position += len(chunk)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise volume_error(error, "read", self._path) from error
        size = self._artifact.size
        if size is None or self.position > size:
            # Without a size nobody can tell a whole part from a cut one.
            self.discard()
        return self.position

    @property
    def is_large(self) -> bool:
        """Whether it takes a while."""
        return self._artifact.size is None or self._artifact.size > _BLOCK

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
        largest = LARGEST if self._artifact.size is None else self._artifact.size
        if self.position + len(chunk) > largest:
            raise IntegrityError(
                f"{self._artifact.filename}: upstream sends more than the {largest:,} bytes that"
                " its index allows; left out, tried again next run"
            )
        self.position += len(chunk)
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        if self._waiting_size >= _BLOCK:
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
        elif self._verify_md5 and self._md5.hexdigest() != artifact.md5:
            problem = f"md5 {self._md5.hexdigest()} instead of {artifact.md5}"
        else:
            return sha256
        raise IntegrityError(
            f"{artifact.filename} from {redact(url)}: {problem}; left out, tried again next run"
        )

    def discard(self) -> None:
        """Remove the file and start over."""
        unlink(self._path)
        self.restart()

    def _hash(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._verify_md5:
            self._md5.update(block)
