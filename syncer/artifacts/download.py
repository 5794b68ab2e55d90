"""Downloads: artifacts into staging, verified while they stream.

Guaranteed: what ``Downloads`` reports as staged has upstream's size and hash. An interrupted
download goes on where it stopped, in this run or the next, also at another upstream. Nothing here
is durable yet and nothing is served; ``commit`` does that.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts import adopt
from syncer.artifacts.adopt import Adoption
from syncer.artifacts.part import Meter, Part
from syncer.artifacts.task import Absent, Failed, Staged, Task
from syncer.artifacts.writeback import Writeback
from syncer.errors import IntegrityError, ManyUpstreamsError, StalledError, UpstreamError
from syncer.transport.multiplex import Multiplexer
from syncer.transport.reachability import Reachability
from syncer.transport.transfer import Transfers
from syncer.upstream import folder as local
from syncer.upstream.location import is_folder
from volume.disk.files import make_directory, volume_error
from volume.layout import Mirror, staged_name
from volume.program.stop import Stop

_ENDING_SECONDS = 10.0
_TICK_SECONDS = 0.05
# More workers than this only stand in each other's way while an artifact takes less time than that.
_FEW_WORKERS = 4
_QUICK_SECONDS = 0.01
_LOOK_SECONDS = 0.25
# Requests at once on a connection to a far host that speaks HTTP/2.
_STREAMS = 4


@dataclass(frozen=True, slots=True)
class _Folder:
    """Where a subdir is staged, as a text: for each artifact a Path would cost more than its file.

    It is untouched if no file of the subdir is on the volume yet: then none need be looked for.
    """

    path: str
    is_untouched: bool


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
        reachability: Reachability | None = None,
    ) -> None:
        """With ``adoption`` nothing is downloaded: what is not found there is ``Absent``."""
        self._transfers = transfers
        self._mirror = mirror
        self._stop = stop
        self._workers = workers
        self._meter = meter
        self._adoption = adoption
        self._reachability = reachability or Reachability()
        self._folders: dict[tuple[str, str], _Folder] = {}

    def run(self, tasks: Sequence[Task]) -> Iterator[Staged | Failed | Absent | None]:
        """Stage ``tasks``; yield each outcome, and None now and then while nothing ends.

        Raises:
            VolumeError: the mirror volume refused; retrying would not help.
            InterruptedRunError: the run was stopped.
        """
        for place in {(task.channel, task.artifact.subdir) for task in tasks}:
            staging = self._mirror.staging(*place)
            make_directory(staging)
            self._folders[place] = _Folder(str(staging), self._is_untouched(*place))
        with Writeback(self._mirror.root, self._meter) as writeback:
            yield from self._run(tasks, writeback)

    def _run(
        self, tasks: Sequence[Task], writeback: Writeback
    ) -> Iterator[Staged | Failed | Absent | None]:
        waiting = iter(tasks)
        guard = threading.Lock()
        outcomes: queue.SimpleQueue[Staged | Failed | Absent | BaseException] = queue.SimpleQueue()
        ending, finished = threading.Event(), threading.Event()
        is_far = threading.Event()
        working = 0
        threads: list[threading.Thread] = []

        def work(shared: Multiplexer | None) -> None:
            nonlocal working
            if shared is not None:
                self._transfers.use(shared)
            while not ending.is_set():
                with guard:
                    task = next(waiting, None)
                if task is None:
                    break
                outcomes.put(self._attempt(task, writeback))
                if shared is None and is_far.is_set():
                    shared = self._transfers.share(_STREAMS)
                    for _ in range(1, _STREAMS if shared is not None else 0):
                        start(shared)
            if shared is not None:
                shared.leave()
            with guard:
                working -= 1
                if working == 0:
                    finished.set()

        def start(shared: Multiplexer | None = None) -> None:
            nonlocal working
            thread = threading.Thread(target=work, args=(shared,), name="download", daemon=True)
            with guard:
                threads.append(thread)
                working += 1
            thread.start()

        self._transfers.rest()  # this thread's connection would be one too many
        most = min(self._workers, len(tasks))
        workers = min(_FEW_WORKERS, most)
        for _ in range(workers):
            start()
        started = time.monotonic()
        done = 0
        try:
            while done < len(tasks):
                # Not woken for each: that would cost small artifacts a good part of their time.
                finished.wait(_TICK_SECONDS)
                writeback.check()
                elapsed = time.monotonic() - started
                if elapsed > _LOOK_SECONDS and elapsed * workers > _QUICK_SECONDS * done:
                    is_far.set()  # upstream takes its time: ask for more at once
                    for _ in range(workers, most):
                        start()
                    workers = most
                if outcomes.empty():
                    self._stop.check()
                    yield None
                while not outcomes.empty():
                    outcome = outcomes.get()
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

    def _is_untouched(self, channel: str, subdir: str) -> bool:
        """Whether no file of this subdir is on the volume yet, so that none need be looked for."""
        return self._adoption is None and not any(
            _has_entries(folder)
            for folder in (
                self._mirror.staging(channel, subdir),
                self._mirror.artifacts(channel, subdir),
                self._mirror.retired(channel, subdir),
            )
        )

    def _attempt(self, task: Task, meter: Meter) -> Staged | Failed | Absent | BaseException:
        try:
            return self._stage(task, meter)
        except UpstreamError as error:
            return Failed(task, error)
        except Exception as fatal:  # noqa: BLE001 - a worker must report, never die silently
            return fatal

    def _stage(self, task: Task, meter: Meter) -> Staged | Absent:
        artifact = task.artifact
        folder = self._folders[task.channel, artifact.subdir]
        path = f"{folder.path}/{staged_name(artifact.filename, artifact.digest)}"
        part = Part(path, artifact, meter)
        if not folder.is_untouched:
            here = self._find(task, task.urls[0] if task.urls else "", Path(path), part)
            if here is not None:
                return here
        if self._adoption is not None:
            return Absent(task)
        failures: list[tuple[str, UpstreamError]] = []
        stalled: list[str] = []
        for url, is_patient in self._reachability.turns(task.urls, stalled):
            try:
                sha256 = self._receive(url, part, is_patient=is_patient)
            except UpstreamError as error:
                # What is here already is not lost: the next upstream goes on behind it.
                failures.append((url, error))
                if isinstance(error, StalledError) and not is_patient:
                    stalled.append(url)
            else:
                return Staged(task, sha256, part.position, url, tuple(failures))
        if not failures:
            raise IntegrityError(f"{artifact.filename} has no upstream")
        errors = [error for _, error in failures]
        raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)

    def _receive(self, url: str, part: Part, *, is_patient: bool) -> str:
        """Receive the rest of a part from one upstream; return the sha256 of the whole."""
        for attempt in (1, 2):
            before = part.position
            try:
                with part:
                    if is_folder(url):
                        local.receive(url, part, self._stop)
                    else:
                        self._transfers.receive(url, part, is_patient=is_patient)
                sha256 = part.finish(url)
            except IntegrityError:
                part.discard()
                # The beginning may be of an earlier run, or of another upstream, and hold other
                # bytes: once more, all of it from here.
                if attempt == 2 or not before:
                    raise
            except UpstreamError as error:
                self._reachability.note(url, error, brought_bytes=part.position != before)
                raise
            else:
                self._reachability.answered(url)
                return sha256
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _find(self, task: Task, url: str, path: Path, part: Part) -> Staged | None:
        """What is here already: staged by an earlier run, or found on the volume."""
        artifact = task.artifact
        taken = adopt.find(self._mirror, self._adoption, task.channel, artifact, path)
        if not part.begin() or part.position != (artifact.size or part.position):
            return None
        try:
            sha256 = part.finish(url)
        except IntegrityError:
            if artifact.size is not None:
                part.discard()  # never written to: it may be a served file's second name
            # Without a size (and so without a link to it) this may be a part; the hash will tell.
            return None
        self._meter.received(part.position)
        return Staged(task, sha256, part.position, taken or url)


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise volume_error(error, "look at", folder) from error
