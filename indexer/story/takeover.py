"""The takeover: what people added where 0.1.0 wanted it moves from ``channels/`` to ``local/``.

A file is a person's own where something says so, and not because nothing says anything: in a
channel without a ledger if what is published was made without one too, or if the file came when
this state volume was there already and committed nothing; beside mirrored artifacts if the
indexer remembers to have taken it for local. Any other file without a row is the syncer's to sweep.

Guaranteed: a stop at any moment loses no file, and the next call goes on; what is published stays
as it is meanwhile. The moved file is a copy, as 0.1.0's generations share the bytes of the other.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.base import channels
from indexer.records import local
from indexer.records.local import SETTLED_SECONDS
from indexer.records.record_cache import RecordCache
from volume.disk import files
from volume.generations import Generation
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger

log = logging.getLogger("indexer.story.takeover")


@dataclass(frozen=True, slots=True)
class Takeover:
    """The takeover of one channel; ``newest`` is its newest generation."""

    mirror: Mirror
    state: State
    channel: str
    cache: RecordCache
    ledger: Ledger | None
    newest: Generation | None
    now: float

    def is_due(self) -> bool:
        """Whether there is something to move; changes nothing.

        Raises:
            VolumeError: a volume can't be read.
        """
        return next(self._own(), None) is not None

    def move(self) -> int:
        """Move what is to be moved, durably; return how many files. Callers hold the channel lock.

        Raises:
            VolumeError: a volume refuses.
        """
        found: dict[str, list[str]] = {}
        for subdir, filename in self._own():
            found.setdefault(subdir, []).append(filename)
        for subdir, filenames in sorted(found.items()):
            source = self.mirror.artifacts(self.channel, subdir)
            target = self.mirror.local(self.channel, subdir)
            files.make_directory(target)
            for filename in filenames:
                _bring(source / filename, target / filename)
            files.sync_directory(target)
            for filename in filenames:
                files.unlink(source / filename)
            files.remove_empty(source)
        count = sum(map(len, found.values()))
        if count:
            log.warning(
                "%s: moved %d files of your own from channels/ to %s: that is where they lie now,"
                " and where the next ones belong",
                self.channel, count, self.mirror.local_folder(self.channel),
            )  # fmt: skip
        return count

    def _own(self) -> Iterator[tuple[str, str]]:
        return self._unmirrored() if self.ledger is None else self._remembered(self.ledger)

    def _unmirrored(self) -> Iterator[tuple[str, str]]:
        if self.newest is not None and self.newest.serial > 0:
            return  # it was mirrored, and its ledger is lost
        root = self.mirror.channel_folder(self.channel)
        # A new state volume knows nothing of what was there before it.
        since = 0.0 if self.newest is not None else _born(self.state)
        for subdir in channels.subdirs(root):
            for filename in channels.packages(root / subdir):
                changed = _changed(root / subdir / filename)
                if since < changed <= self.now - SETTLED_SECONDS:
                    yield subdir, filename

    def _remembered(self, ledger: Ledger) -> Iterator[tuple[str, str]]:
        for record in self.cache.decided():
            file = record.file
            path = self.mirror.artifacts(self.channel, file.subdir) / file.filename
            target = self.mirror.local(self.channel, file.subdir) / file.filename
            if (
                record.refused is None
                and local.is_unchanged(path, file)
                and (local.is_unchanged(target, file) or not target.exists())
                and file.filename not in ledger.filenames(file.subdir)
            ):
                yield file.subdir, file.filename


def _born(state: State) -> float:
    try:
        return state.instance.stat().st_mtime
    except OSError:
        return float("inf")


def _changed(path: Path) -> float:
    try:
        return path.stat(follow_symlinks=False).st_ctime
    except OSError:
        return float("inf")


def _bring(source: Path, target: Path) -> None:
    """Have the file at ``target`` too, durably; what can't be read moves as it is."""
    try:
        status = source.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if not (stat.S_ISREG(status.st_mode) and os.access(source, os.R_OK)):
        files.rename(source, target)
        return
    if not _is_there(target, status):  # brought by a run that was stopped
        files.copy(source, target)
        files.sync_file(target)


def _is_there(target: Path, status: os.stat_result) -> bool:
    try:
        found = target.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (found.st_size, found.st_mtime_ns) == (status.st_size, status.st_mtime_ns)
