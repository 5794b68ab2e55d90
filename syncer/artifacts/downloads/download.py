"""Downloads: artifacts into staging, verified while they stream.

Guaranteed: what ``Downloads`` reports as staged has upstream's size and hash. An interrupted
download goes on where it stopped, in this run or the next, also at another upstream. Nothing here
is durable yet and nothing is served; ``commit`` does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from syncer.artifacts import adopt
from syncer.artifacts.adopt import Adoption
from syncer.artifacts.downloads.part import Meter, Part
from syncer.artifacts.downloads.writeback import Writeback
from syncer.artifacts.sidecars.fetching import SidecarFetch
from syncer.artifacts.store.staging_area import StagingFolder
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Absent, Failed, Staged, Task
from syncer.conda.wanted import Wanted
from syncer.errors import IntegrityError, UpstreamError
from syncer.transport.fetch import Expected, Fetch
from syncer.transport.hosts import Refusals
from volume.layout import staged_name
from volume.program.stop import Stop


class Downloads:
    """Stages many artifacts with a few workers; iterate to get each as it ends.

    A full or failing volume ends everything at once: the error is raised from the iteration.
    """

    def __init__(
        self,
        fetch: Fetch,
        store: Store,
        stop: Stop,
        *,
        workers: int,
        meter: Meter,
        sidecars: SidecarFetch | None = None,
        adoption: Adoption | None = None,
    ) -> None:
        """With ``adoption`` nothing is downloaded: what is not found there is ``Absent``.

        Args:
            sidecars: fetches those that tasks have.
        """
        self._fetch = fetch
        self._store = store
        self._stop = stop
        self._workers = workers
        self._meter = meter
        self._sidecars = sidecars
        self._adoption = adoption
        self._refusals = Refusals()
        self._folders: dict[str, StagingFolder] = {}

    def run(self, tasks: Sequence[Task]) -> Iterator[Staged | Failed | Absent | None]:
        """Stage ``tasks``; yield each outcome, and None now and then while nothing ends.

        Raises:
            VolumeError: the mirror volume refused; retrying would not help.
            InterruptedRunError: the run was stopped.
        """
        for subdir in {task.artifact.subdir for task in tasks}:
            self._folders[subdir] = self._store.staging.folder(subdir)
        with Writeback(self._store.staging.root, self._meter) as writeback:
            # Whatever ends this early ends the run: transfers in flight see it at their next chunk
            # and keep what they have.
            yield from self._fetch.workers(self._workers).run(
                tasks,
                lambda task: self._attempt(task, writeback),
                check=writeback.check,
                abandon=self._stop.request,
            )

    def _attempt(self, task: Task, meter: Meter) -> Staged | Failed | Absent:
        try:
            staged = self._stage(task, meter)
        except UpstreamError as error:
            return Failed(task, error)
        if isinstance(staged, Staged) and self._sidecars is not None:
            # By the same worker: its connection to that upstream is open.
            found = tuple(self._sidecars.get(asked, task.urls) for asked in task.sidecars)
            return replace(staged, sidecars=found)
        return staged

    def _stage(self, task: Task, meter: Meter) -> Staged | Absent:
        artifact = task.artifact
        with self._store.staging.claim(artifact.subdir, artifact.filename, self._stop.sleep):
            return self._stage_claimed(task, meter)

    def _stage_claimed(self, task: Task, meter: Meter) -> Staged | Absent:
        artifact = task.artifact
        folder = self._folders[artifact.subdir]
        path = f"{folder.path}/{staged_name(artifact.filename, artifact.digest)}"
        taken = None
        is_new = folder.is_untouched and self._adoption is None
        if not is_new:
            taken = adopt.find(self._store, self._adoption, task.channel, artifact, Path(path))
        part = Part(path, meter, is_new=is_new)
        urls = task.urls if self._adoption is None else ()
        try:
            found = self._fetch.fetch(urls, _expected(artifact), part, self._refusals)
        except IntegrityError:
            if self._adoption is None:
                raise
            return Absent(task)
        source = found.source
        if source is None:
            self._meter.received(found.size)
            source = taken or (task.urls[0] if task.urls else "")
        return Staged(task, found.sha256, found.size, source, found.failures, found.other_md5)


def _expected(artifact: Wanted) -> Expected:
    return Expected(artifact.filename, artifact.size, artifact.sha256, artifact.md5)
