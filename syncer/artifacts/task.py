"""An artifact to stage, and what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from syncer.artifacts.sidecars.asked import Asked, Outcome
from syncer.conda.wanted import Wanted
from syncer.errors import UpstreamError
from volume.errors import MirrorError


@dataclass(frozen=True, slots=True)
class Task:
    """One artifact to stage, the URLs to try, best first, and the sidecars to fetch with it."""

    channel: str
    artifact: Wanted
    urls: tuple[str, ...]
    sidecars: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """A verified artifact in staging; ``source`` is where it came from.

    ``failures`` are the URLs that were tried before that one, and what was wrong with each.
    ``other_md5`` is that of bytes which have the record's sha256 and not its md5, if it was seen.
    ``sidecars`` are what became of those of the task.
    """

    task: Task
    sha256: str
    size: int
    source: str
    failures: tuple[tuple[str, UpstreamError], ...] = ()
    other_md5: str | None = None
    sidecars: tuple[Outcome, ...] = ()

    @property
    def subdir(self) -> str:
        return self.task.artifact.subdir

    @property
    def filename(self) -> str:
        return self.task.artifact.filename

    @property
    def digest(self) -> bytes:
        """That of its record."""
        return self.task.artifact.digest


@dataclass(frozen=True, slots=True)
class Failed:
    """An artifact that could not be had, and why. It is left out and tried again next run."""

    task: Task
    error: MirrorError


@dataclass(frozen=True, slots=True)
class Absent:
    """An artifact that a mirror which is taken over does not have, or not intact."""

    task: Task
