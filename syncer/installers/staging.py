"""Installers into staging, verified while they stream, by the same workers as artifacts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from syncer.artifacts.download import Downloads
from syncer.artifacts.progress import Progress
from syncer.artifacts.task import Failed, Staged, Task
from syncer.conda.repodata import Wanted
from syncer.installers.listing import Listed
from syncer.sync.tools import Tools
from volume.disk.files import size_of
from volume.layout import INSTALLERS

_LOG = logging.getLogger(__name__)

Group = tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came: the sha256 of each content, by its digest, and its size in bytes; and what did
    not, with the reason."""

    sha256: dict[bytes, str]
    size: int
    failures: dict[Listed, str]


class Staging:
    """Stages installers of one kind, which are in a folder with one or more addresses."""

    def __init__(self, tools: Tools, kind: str, bases: Sequence[str]) -> None:
        self._tools = tools
        self._kind = kind
        self._bases = bases

    def path(self, row: Listed) -> Path:
        """Where an installer is staged."""
        return self._tools.mirror.staged(INSTALLERS, self._kind, row.filename, row.digest)

    def missing_size(self, groups: Iterable[Group]) -> int:
        """About how many bytes are still to be downloaded."""
        return sum(max(0, group[0].about - size_of(self.path(group[0]))) for group in groups)

    def download(self, groups: Iterable[Group]) -> Downloaded:
        """Download each group's content once.

        Raises:
            VolumeError: the mirror volume refused.
            InterruptedRunError: the run was stopped; what is staged is gone on from.
        """
        tools = self._tools
        rows = {group[0].digest: group for group in groups}
        found = Downloaded({}, 0, {})
        if not rows:
            return found
        size = 0
        progress = Progress(
            self._kind,
            artifacts=len(rows),
            size=sum(group[0].about for group in rows.values()),
            bars=tools.bars,
            report=tools.report,
        )
        with progress:
            downloads = Downloads(
                tools.transfers,
                tools.mirror,
                tools.stop,
                workers=tools.settings.connections,
                meter=progress,
            )
            for outcome in downloads.run([self._task(group[0]) for group in rows.values()]):
                if isinstance(outcome, Staged):
                    found.sha256[outcome.task.artifact.digest] = outcome.sha256
                    size += outcome.size
                elif isinstance(outcome, Failed):
                    _LOG.warning("%s: %s", self._kind, outcome.error)
                    for row in rows[outcome.task.artifact.digest]:
                        found.failures[row] = str(outcome.error)
                if outcome is not None:
                    progress.finished()
                progress.show()
        return Downloaded(found.sha256, size, found.failures)

    def _task(self, row: Listed) -> Task:
        artifact = Wanted(
            subdir=self._kind,
            filename=row.filename,
            section="",
            size=row.size,
            sha256=row.sha256,
            md5=row.md5,
            digest=row.digest,
            record="",
        )
        name = quote(row.filename, safe="+._-")
        return Task(INSTALLERS, artifact, tuple(f"{base}/{name}" for base in self._bases))
