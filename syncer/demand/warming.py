"""Fetching ahead: promised artifacts of one channel, before anybody asks for them.

Guaranteed: the downloads are those of a sync, the promises are kept as the fetcher keeps them, each
as soon as its bytes are here; the index does not change by it. Stopped anywhere, what came stays.
Callers hold the sync lock, so no sync tidies what is staged meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncer.artifacts.downloads.download import Downloads
from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.downloads.staging import Staging
from syncer.artifacts.promises import Arrived
from syncer.artifacts.task import Failed, Staged, Task
from syncer.conda.wanted import Wanted
from syncer.demand.keeping import Keeper
from syncer.demand.promised import Name, Promised
from syncer.errors import UpstreamError
from syncer.planning.selection.permit import denied_hashes
from syncer.sync.tools import Tools
from volume.disk.files import unlink
from volume.ledger.artifact import Artifact
from volume.program.log import redact

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Warmed:
    """What came of it; ``size`` in bytes, ``failures`` as subdir/filename and why."""

    fetched: int = 0
    size: int = 0
    failures: list[str] = field(default_factory=list)


class Warming:
    """Fetches promised artifacts of one channel."""

    def __init__(self, tools: Tools, channel: str, warn: Callable[[str], None]) -> None:
        self._tools = tools
        self._channel = channel
        self._store = tools.store(channel)
        self._promised = Promised(tools.settings, tools.state)
        self._keeper = Keeper(
            self._store,
            tools.state.ledger(channel),
            now=tools.now,
            check=tools.stop.check,
            run=f"warm {tools.run}",
        )
        self._staging = Staging(
            channel,
            self._downloads,
            denied=denied_hashes(tools.settings.policy(channel)),
            warn=warn,
            report=lambda progress: None,
            bars=tools.bars,
        )
        self._result = Warmed()

    def run(self, rows: Sequence[Artifact]) -> Warmed:
        """Fetch these.

        Raises:
            VolumeError: a volume refused; what came stays.
            InterruptedRunError: the run was stopped; what came stays.
        """
        try:
            tasks = [task for row in rows if (task := self._task(row)) is not None]
            for failed in self._staging.stage(tasks, self._keep) if tasks else []:
                self._fail(failed)
        finally:
            self._promised.close()
        return self._result

    def _task(self, row: Artifact) -> Task | None:
        artifact = Wanted(
            row.subdir, row.filename, row.section, row.size or None, row.sha256 or None, row.md5,
            row.digest, row.record, row.twin,
        )  # fmt: skip
        task = Task(self._channel, artifact, ())
        try:
            urls = self._promised.urls(Name(self._channel, row.subdir, row.filename))
        except UpstreamError as error:
            self._fail(Failed(task, error))
            return None
        return Task(self._channel, artifact, tuple(urls))

    def _downloads(self, meter: Progress) -> Downloads:
        tools = self._tools
        return Downloads(
            tools.fetch, self._store, tools.stop, workers=tools.settings.connections, meter=meter
        )

    def _keep(self, staged: Staged) -> None:
        tools, artifact = self._tools, staged.task.artifact
        path = self._store.staging.path(artifact.subdir, artifact.filename, artifact.digest)
        with self._store.staging.claim(artifact.subdir, artifact.filename, tools.stop.sleep):
            row = self._promised.find(Name(self._channel, artifact.subdir, artifact.filename))
            arrived = Arrived(
                artifact.subdir, artifact.filename, staged.sha256,
                artifact.md5 if not artifact.sha256 else None, staged.size, redact(staged.source),
            )  # fmt: skip
            is_here = row is not None and row.home == "channels"  # the fetcher was faster
            if row is None or is_here or not arrived.keeps(row):
                unlink(path)
            elif self._keeper.keep(path, arrived):
                is_here = True
        if is_here:
            self._result.fetched += 1
            self._result.size += staged.size
        else:
            self._result.failures.append(
                f"{artifact.subdir}/{artifact.filename} left the index meanwhile"
            )

    def _fail(self, failed: Failed) -> None:
        artifact = failed.task.artifact
        said = str(failed.error)
        name = f"{artifact.subdir}/{artifact.filename}"
        self._result.failures.append(said if name in said else f"{name}: {said}")
