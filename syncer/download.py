"""Downloads: artifacts into staging, verified while they stream.

Guaranteed: what ``Downloads`` reports as staged has upstream's size and hash. An interrupted
download goes on where it stopped, in this run or the next. Nothing here is durable yet and nothing
is served; ``commit`` does that.
"""

from __future__ import annotations

import hashlib
import io
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncer.errors import IntegrityError
from syncer.fetch import Fetcher, Stop
from syncer.repodata import LARGEST, Wanted
from volume.errors import MirrorError, VolumeError
from volume.files import link, make_directory, operation, unlink, volume_error
from volume.layout import Mirror


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
        self, fetcher: Fetcher, mirror: Mirror, stop: Stop, *, workers: int, meter: Meter
    ) -> None:
        self._fetcher = fetcher
        self._mirror = mirror
        self._stop = stop
        self._workers = workers
        self._meter = meter

    def run(self, tasks: Sequence[Task]) -> Iterator[Staged | Failed | None]:
        """Stage ``tasks``; yield each outcome, and None once a second while nothing ends.

        Raises:
            VolumeError: the mirror volume refused; retrying would not help.
            InterruptedRunError: the run was stopped.
        """
        for subdir in {(task.channel, task.artifact.subdir) for task in tasks}:
            make_directory(self._mirror.staging(*subdir))
        waiting = iter(tasks)
        guard = threading.Lock()
        outcomes: queue.SimpleQueue[Staged | Failed | BaseException] = queue.SimpleQueue()
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
                self._stop.set()
            for thread in threads:
                thread.join()

    def _attempt(self, task: Task) -> Staged | Failed | BaseException:
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

    def _stage(self, task: Task, url: str) -> Staged:
        artifact = task.artifact
        path = staged_path(
            self._mirror, task.channel, artifact.subdir, artifact.filename, artifact.digest
        )
        self._adopt(task, path)
        part = _Part(path, artifact, self._meter)
        if part.begin() and part.position == artifact.size:
            # Here already: staged by an earlier run, or found on the volume.
            try:
                sha256 = part.finish(url)
                self._meter.received(part.position)
                return Staged(task, sha256, part.position, url)
            except IntegrityError:
                part.discard()  # never written to: it may be a served file's second name
        for attempt in (1, 2):
            resumed = part.position > 0
            try:
                part.receive(self._fetcher.stream(url, lambda: part.position, part.restart))
                return Staged(task, part.finish(url), part.position, url)
            except IntegrityError:
                part.discard()
                # A part of an earlier run may hold other bytes: once more from the beginning.
                if attempt == 2 or not resumed:
                    raise
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _adopt(self, task: Task, path: Path) -> None:
        """Stage a file of the right size that is on the volume already; it is hashed like any.

        So nothing that is intact is downloaded again after the state volume was lost.
        """
        artifact = task.artifact
        for folder in (
            self._mirror.artifacts(task.channel, artifact.subdir),
            self._mirror.retired(task.channel, artifact.subdir),
        ):
            found = folder / artifact.filename
            try:
                if found.stat().st_size == artifact.size and not path.exists():
                    link(found, path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise volume_error(error, "read", found) from error


class _Part:
    """A partly downloaded artifact: its file, the bytes in it, and their hash so far."""

    def __init__(self, path: Path, artifact: Wanted, meter: Meter) -> None:
        self._path = path
        self._artifact = artifact
        self._meter = meter
        self._verify_md5 = artifact.sha256 is None
        self.restart()

    def restart(self) -> None:
        """Forget the bytes: the next ones are the first."""
        self.position = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def begin(self) -> int:
        """Hash what an earlier run left; return the bytes that we have."""
        try:
            with self._path.open("rb", buffering=0) as stream:
                while chunk := stream.read(1 << 20):
                    self._add(chunk)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise volume_error(error, "read", self._path) from error
        size = self._artifact.size
        if size is None or self.position > size:
            # Without a size nobody can tell a whole part from a cut one.
            self.discard()
        return self.position

    def receive(self, chunks: Iterator[bytes]) -> None:
        """Append chunks as they come.

        Raises:
            IntegrityError: more bytes come than upstream's index promises.
            VolumeError: they can't be written.
        """
        largest = LARGEST if self._artifact.size is None else self._artifact.size
        # Not "a": a server may make us start over, and then we write from the beginning again.
        with operation("stage", self._path):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with io.FileIO(descriptor, "wb") as stream:
            os.fchmod(descriptor, 0o644)  # whatever the umask: nginx reads it one day
            for chunk in chunks:
                if self.position + len(chunk) > largest:
                    raise IntegrityError(
                        f"{self._artifact.filename}: upstream sends more than the"
                        f" {largest:,} bytes that its index allows; left out"
                    )
                try:
                    if stream.tell() != self.position:
                        stream.seek(self.position)
                        stream.truncate()
                    rest = memoryview(chunk)
                    while rest:  # a nearly full disk takes a part only
                        rest = rest[stream.write(rest) :]
                except OSError as error:
                    raise volume_error(error, "stage", self._path) from error
                self._add(chunk)
                self._meter.received(len(chunk))

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
            f"{artifact.filename} from {url}: {problem}; left out, tried again next run"
        )

    def discard(self) -> None:
        """Remove the file and start over."""
        unlink(self._path)
        self.restart()

    def _add(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        if self._verify_md5:
            self._md5.update(chunk)
        self.position += len(chunk)
