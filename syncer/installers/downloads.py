"""Installers into staging, verified while they stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from syncer.installers.listings.listed import ListedInstaller
from syncer.sync.collections.downloads import ToFetch, download
from syncer.sync.tools import Tools
from syncer.transport.fetch import Delivered, Expected
from volume.layout import staged_name

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
        self._folder = tools.mirror.installers(kind).staging

    def path(self, row: ListedInstaller) -> Path:
        """Where an installer is staged."""
        return self._folder / staged_name(row.filename, row.digest)

    def missing_size(self, groups: Iterable[Group]) -> int:
        """About how many bytes are still to be downloaded."""
        return sum(self._to_fetch(group[0]).missing for group in groups)

    def download(self, groups: Iterable[Group]) -> Downloaded:
        """Download each group's content once.

        Raises:
            VolumeError: the mirror volume refused.
            InterruptedRunError: the run was stopped; what is staged is gone on from.
        """
        wanted = {group[0].digest: group for group in groups}
        came = download(
            self._tools, self._kind, [self._to_fetch(group[0]) for group in wanted.values()]
        )
        found = Downloaded({}, 0, {})
        size = 0
        for digest, group in wanted.items():
            result = came[self.path(group[0])]
            if isinstance(result, Delivered):
                found.sha256[digest] = result.sha256
                size += result.size
            else:
                found.failures.update(dict.fromkeys(group, str(result)))
        return Downloaded(found.sha256, size, found.failures)

    def _to_fetch(self, row: ListedInstaller) -> ToFetch:
        name = quote(row.filename, safe="+._-")
        return ToFetch(
            tuple(f"{base}/{name}" for base in self._bases),
            Expected(row.filename, row.size, row.sha256, row.md5),
            self.path(row),
            row.about,
        )
