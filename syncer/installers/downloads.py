"""Installers into staging, verified while they stream, by the same workers as artifacts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from syncer.artifacts.downloads.part import Meter, Part
from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.downloads.writeback import Writeback
from syncer.errors import UpstreamError
from syncer.installers.listings.listed import ListedInstaller
from syncer.sync.tools import Tools
from syncer.transport.fetch import Delivered, Expected
from volume.disk.files import make_directory, size_of
from volume.layout import INSTALLERS

_LOG = logging.getLogger(__name__)

Group = tuple[ListedInstaller, ...]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came: the sha256 of each content, by its digest, and its size in bytes; and what did
    not, with the reason."""

    sha256: dict[bytes, str]
    size: int
    failures: dict[ListedInstaller, str]


class InstallerDownloads:
    """Stages installers of one kind, which are in a folder with one or more addresses."""

    def __init__(self, tools: Tools, kind: str, bases: Sequence[str]) -> None:
        self._tools = tools
        self._kind = kind
        self._bases = bases

    def path(self, row: ListedInstaller) -> Path:
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
        with progress, Writeback(tools.mirror.root, progress) as writeback:
            outcomes = tools.fetch.workers(tools.settings.connections).run(
                [group[0] for group in rows.values()],
                lambda row: self._attempt(row, writeback),
                check=writeback.check,
                abandon=tools.stop.request,
            )
            for outcome in outcomes:
                if outcome is not None:
                    row, result = outcome
                    if isinstance(result, Delivered):
                        found.sha256[row.digest] = result.sha256
                        size += result.size
                    else:
                        _LOG.warning("%s: %s", self._kind, result)
                        found.failures.update(dict.fromkeys(rows[row.digest], str(result)))
                    progress.finished()
                progress.show()
        return Downloaded(found.sha256, size, found.failures)

    def _attempt(
        self, row: ListedInstaller, meter: Meter
    ) -> tuple[ListedInstaller, Delivered | UpstreamError]:
        name = quote(row.filename, safe="+._-")
        urls = [f"{base}/{name}" for base in self._bases]
        expected = Expected(row.filename, row.size, row.sha256, row.md5)
        path = self.path(row)
        make_directory(path.parent)
        try:
            found = self._tools.fetch.fetch(urls, expected, Part(str(path), meter))
        except UpstreamError as error:
            return row, error
        if found.source is None:
            meter.received(found.size)
        return row, found
