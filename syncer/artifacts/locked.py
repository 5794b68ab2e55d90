"""Artifacts that lock files name and upstream's index no longer lists: downloadable all the same.

They are staged and verified by the lock's hash, and placed in ``retired/``, which nginx serves and
no index lists. They stay as long as a lock file names them, then for the grace period.

Order, as in ``commit``: one barrier makes the staged bytes durable; one transaction writes the rows
(they are the journal: bytes are on the volume or in staging from then on); renames; folders.
Guaranteed: a crash anywhere is rolled forward by ``finish``, which every run calls first; a served
name never changes its bytes. Callers hold the channel lock for ``finish`` and ``place``.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.task import Staged, staged_path
from syncer.conda.record import Facts
from syncer.conda.repodata import SECTIONS, Wanted
from syncer.planning.environments.request import Locked
from volume.disk.files import (
    hash_file,
    make_directory,
    rename,
    sync_directory,
    sync_filesystem,
    unlink,
)
from volume.layout import Mirror
from volume.ledger.artifact import Retired
from volume.ledger.ledger import Ledger
from volume.names import parse_artifact
from volume.program.log import redact

REASON = "locked"

Name = tuple[str, str]
"""(subdir, filename)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How locked artifacts stand to upstream's index.

    ``listed`` are wanted like any other; ``unlisted`` are for ``LockedArtifacts``; ``problems``
    are those that can't be had.
    """

    listed: frozenset[Name]
    unlisted: tuple[Locked, ...]
    problems: tuple[str, ...]


def compare(locked: Iterable[Locked], index: Mapping[Name, Facts]) -> Standing:
    """Compare one channel's locked artifacts with all that upstream lists of it. Pure."""
    listed: set[Name] = set()
    unlisted: dict[Name, Locked] = {}
    problems: list[str] = []
    for one in locked:
        name = (one.subdir, one.filename)
        facts = index.get(name)
        if facts is not None:
            if difference := one.difference(facts.sha256, facts.md5):
                problems.append(f"{_shown(one)} has other bytes upstream than locked: {difference}")
            else:
                listed.add(name)
        elif not (one.sha256 or one.md5):
            problems.append(
                f"{_shown(one)} is not in upstream's index any more and its lock file gives no"
                " hash to verify it by; lock the environment again"
            )
        elif name in unlisted and (
            difference := one.difference(unlisted[name].sha256, unlisted[name].md5)
        ):
            problems.append(f"{_shown(one)} is locked twice, with different hashes: {difference}")
        else:
            unlisted.setdefault(name, one)
    return Standing(frozenset(listed), tuple(unlisted.values()), tuple(dict.fromkeys(problems)))


def _shown(one: Locked) -> str:
    return f"{one.subdir}/{one.filename} of {one.channel}"


def stays(locked: Iterable[Locked]) -> Callable[[Retired], bool]:
    """Which retired bytes must not expire, as a lock file names them: for ``Retirement.expire``."""
    named: dict[Name, set[str | None]] = {}
    for one in locked:
        named.setdefault((one.subdir, one.filename), set()).add(one.sha256)

    def is_named(retired: Retired) -> bool:
        hashes = named.get((retired.subdir, retired.filename), set())
        return retired.sha256 in hashes or (None in hashes and retired.reason == REASON)

    return is_named


class LockedArtifacts:
    """Those of one channel that are downloadable without being listed."""

    def __init__(
        self, mirror: Mirror, channel: str, ledger: LedgerWriter, *, now: Callable[[], float]
    ) -> None:
        self._mirror = mirror
        self._channel = channel
        self._ledger = ledger
        self._now = now

    def finish(self) -> None:
        """Roll forward what an interrupted ``place`` left.

        Raises:
            VolumeError: a volume refused.
        """
        absent = [
            row
            for row in self._ledger.retired()
            if row.reason == REASON and not self._mirror.home(self._channel, row).exists()
        ]
        lost = [row for row in absent if not self._place(row)]
        self._sync(absent)
        if lost:  # not by a crash; whoever still locks them gets them again
            with self._ledger.transaction("forget locked"):
                for row in lost:
                    self._ledger.forget_retired(row)

    def place(self, staged: Sequence[Staged]) -> None:
        """Make staged artifacts downloadable.

        Raises:
            VolumeError: a volume refused.
        """
        if not staged:
            return
        rows = [self._row(item) for item in staged]
        sync_filesystem(self._mirror.root)
        with self._ledger.transaction("journal locked"):
            for item, row in zip(staged, rows, strict=True):
                self._ledger.enter_retired(row, source=redact(item.source))
        for item, row in zip(staged, rows, strict=True):
            digest = item.task.artifact.digest
            path = staged_path(self._mirror, self._channel, row.subdir, row.filename, digest)
            self._move(path, row)
        self._sync(rows)

    def _row(self, item: Staged) -> Retired:
        artifact = item.task.artifact
        return Retired(
            subdir=artifact.subdir,
            filename=artifact.filename,
            sha256=item.sha256,
            size=item.size,
            home="retired",
            serial=self._ledger.serial,
            left=self._now(),
            reason=REASON,
        )

    def _place(self, row: Retired) -> bool:
        """Find the staged bytes of a row and move them home."""
        folder = self._mirror.staging(self._channel, row.subdir)
        for path in sorted(folder.glob(f"{glob.escape(row.filename)}.*.part")):
            if path.stat().st_size == row.size and hash_file(path) == row.sha256:
                self._move(path, row)
                return True
        return False

    def _move(self, path: Path, row: Retired) -> None:
        target = self._mirror.home(self._channel, row)
        make_directory(target.parent)
        if target.exists() and target.samefile(path):
            unlink(path)  # a second name of what was there; renaming would do nothing
        else:
            rename(path, target)

    def _sync(self, rows: Iterable[Retired]) -> None:
        for folder in {self._mirror.home(self._channel, row).parent for row in rows}:
            if folder.is_dir():
                sync_directory(folder)
                sync_directory(folder.parent)


def missing(
    mirror: Mirror, channel: str, ledger: Ledger | None, unlisted: Iterable[Locked]
) -> tuple[list[Wanted], list[str]]:
    """What is to be downloaded of unlisted artifacts, and why the others can't be placed.

    An artifact that this mirror still has, retired, is not downloaded again.
    """
    wanted: list[Wanted] = []
    problems: list[str] = []
    for one in unlisted:
        rows = ledger.retired(one.subdir, one.filename) if ledger else []
        if any(row.sha256 == one.sha256 for row in rows) or any(
            row.reason == REASON and one.sha256 is None for row in rows
        ):
            continue
        served = mirror.artifacts(channel, one.subdir) / one.filename
        if rows or _has_other_bytes(served, one):
            problems.append(
                f"{_shown(one)} is locked, but this mirror serves other bytes under that name;"
                " it can be had when they have expired"
            )
        else:
            wanted.append(_wanted(one))
    return wanted, problems


def _has_other_bytes(path: Path, one: Locked) -> bool:
    return path.exists() and hash_file(path) != one.sha256


def _wanted(one: Locked) -> Wanted:
    extension = parse_artifact(one.filename).extension
    identity = f"{REASON} {one.sha256 or one.md5}"
    return Wanted(
        subdir=one.subdir,
        filename=one.filename,
        section=SECTIONS[extension],
        size=one.size,
        sha256=one.sha256,
        md5=one.md5,
        digest=hashlib.blake2b(identity.encode(), digest_size=16).digest(),
        record="",
    )
