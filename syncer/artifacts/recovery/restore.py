"""A ledger that is new or an older copy, made whole from what the mirror volume says of itself.

What the published generation lists, and whose bytes are here, is committed again; what it lists and
nobody has may have been promised, and its name gets no other bytes meanwhile; what lies in
``retired/`` is downloadable for another grace period. So a lost state costs a hash of what is
stored; what upstream and the policy say of it, the run that follows finds out as of any other.

Guaranteed: nothing is committed whose bytes were not hashed now. Done again after a crash, it goes
on where it stopped.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import PromisesWriter
from syncer.artifacts.recovery import published
from syncer.conda.wanted import Wanted
from volume.disk.files import hash_file, hashes_of, is_regular, size_of
from volume.layout import Mirror
from volume.ledger.artifact import Artifact, Home, Known, Placed, Retired
from volume.names import SUBDIRS
from volume.program.stop import Stop

_LOG = logging.getLogger(__name__)
_BATCH = 1000  # artifacts of one commit

_Item = TypeVar("_Item")
_Row = TypeVar("_Row")


class Restoration:
    """Restores one channel's ledger.

    Args:
        lock: makes the channel's lock; held for each commit, not while bytes are hashed.
        now: the time, in seconds since the epoch.
    """

    def __init__(
        self,
        mirror: Mirror,
        channel: str,
        ledger: LedgerWriter,
        stop: Stop,
        *,
        lock: Callable[[], AbstractContextManager[object]],
        now: Callable[[], float],
    ) -> None:
        self._mirror = mirror
        self._channel = channel
        self._ledger = ledger
        self._stop = stop
        self._lock = lock
        self._now = now

    def restore(self) -> int:
        """Commit again what is published and here; return how many artifacts.

        Raises:
            VolumeError: a volume refused.
            InterruptedRunError: the run was stopped; what was committed stays.
        """
        self._drop_lost()
        says_arrival = published.says_arrival(self._mirror, self._channel)
        make = partial(self._row, says_arrival=says_arrival)
        count = 0
        for batch in _batches(self._candidates()):
            rows = list(self._hashed(make, batch))
            with self._lock(), self._ledger.transaction("restore"):
                self._ledger.expect(rows)
                self._ledger.accept_incoming(self._ledger.raise_serial())
            count += len(rows)
            _LOG.info("%s: %d artifacts are as the index says", self._channel, count)
        for files in _batches(self._unknown_retired()):
            retired = list(self._hashed(self._retired, files))
            with self._lock(), self._ledger.transaction("restore retired"):
                serial = self._ledger.raise_serial()
                for row in retired:
                    self._ledger.enter_retired(replace(row, serial=serial), source="")
        self._doubt_promises()
        return count

    def _doubt_promises(self) -> None:
        """What snapshots list and nobody has may be promises: no other bytes may get the name."""
        promises = PromisesWriter(self._ledger)
        for subdir in sorted(SUBDIRS):
            listed = published.promised(self._mirror, self._channel, subdir)
            if listed:
                with self._lock(), self._ledger.transaction("restore promises"):
                    promises.doubt(subdir, listed, self._ledger.raise_serial())

    def _drop_lost(self) -> None:
        """An older copy knows artifacts that have left since."""
        lost = [row for row in self._ledger.placed() if self._size(row) != row.size]
        if lost:
            with self._lock(), self._ledger.transaction("forget lost"):
                self._ledger.forget(lost, moment=self._now())

    def _size(self, row: Placed) -> int:
        return size_of(self._mirror.home(self._channel, row))

    def _hashed(
        self, make: Callable[[_Item], _Row | None], items: Iterable[_Item]
    ) -> Iterator[_Row]:
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            for row in workers.map(make, items):
                self._stop.check()
                if row is not None:
                    yield row

    def _candidates(self) -> Iterator[tuple[Wanted, Path, Home]]:
        known: dict[str, Known] = {}
        subdir = ""
        for artifact in published.listed(self._mirror, self._channel):
            if artifact.subdir != subdir:
                subdir = artifact.subdir
                known = self._ledger.known(subdir)
            row = known.get(artifact.filename)
            if row is not None and artifact.sha256 in {None, row.sha256}:
                continue
            for path, home in self._places(artifact):
                if is_regular(path) and artifact.size in {None, path.stat().st_size}:
                    yield artifact, path, home
                    break

    def _places(self, artifact: Wanted) -> Iterator[tuple[Path, Home]]:
        subdir, filename = artifact.subdir, artifact.filename
        if artifact.sha256 is not None:
            folder = self._mirror.replaced(self._channel, subdir, artifact.sha256)
            yield folder / filename, "replaced"
        yield self._mirror.artifacts(self._channel, subdir) / filename, "channels"

    def _row(self, candidate: tuple[Wanted, Path, Home], *, says_arrival: bool) -> Artifact | None:
        """The row of an artifact whose bytes are what its record says.

        It entered when the index says that it did, so that no artifact becomes younger.
        """
        artifact, path, home = candidate
        if artifact.sha256 is None:
            found = hashes_of(path)
            sha256, is_right = found.sha256, found.md5 == artifact.md5
        else:
            sha256 = hash_file(path)
            is_right = sha256 == artifact.sha256
        if not is_right:
            return None
        now = self._now()
        said = published.arrival(artifact.record) if says_arrival else None
        return Artifact(
            subdir=artifact.subdir,
            filename=artifact.filename,
            section=artifact.section,
            size=path.stat().st_size,
            sha256=sha256,
            digest=artifact.digest,
            record=artifact.record,
            home=home,
            entered=now if said is None else min(said, now),
            source="",
            md5=artifact.md5,
            twin=artifact.twin,
        )

    def _unknown_retired(self) -> Iterator[tuple[str, Path]]:
        for subdir in sorted(SUBDIRS):
            folder = self._mirror.retired(self._channel, subdir)
            if folder.is_dir():
                known = {row.filename for row in self._ledger.retired(subdir)}
                for path in sorted(folder.iterdir()):
                    if path.name not in known and is_regular(path):
                        yield subdir, path

    def _retired(self, found: tuple[str, Path]) -> Retired:
        subdir, path = found
        return Retired(
            subdir=subdir,
            filename=path.name,
            sha256=hash_file(path),
            size=path.stat().st_size,
            home="retired",
            serial=0,
            left=self._now(),
            reason="removed",
        )


def _batches(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
