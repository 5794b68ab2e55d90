"""Where the ledger and the folders in ``channels/`` differ: strays, and lost artifacts.

A stray is a file that no row knows. Nobody knows what it is, so it is nobody's: what upstream lists
and the policy lets in, a run has taken over by its hash before it comes here; a file whose bytes
are promised (a fetch that was cut off) keeps its promise here. All else goes to
``quarantine/``; what a snapshot promises stays downloadable for the grace period as well. A link, a
pipe or a folder with an artifact's name is a stray whatever the ledger says.

A lost artifact is a row whose file is not there: somebody removed it, or an older copy of the
mirror volume was restored. No index can be made with it, so the row goes, and upstream is asked.

Guaranteed: ``find`` changes nothing; a folder is read again only if it changed since all of its
files were known. Not guaranteed: that what is put there within two seconds of the last look is seen
by the next, the one after does; that the bytes are right, which ``verify`` looks at.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.artifacts.recovery import published
from syncer.artifacts.store.store import Store
from volume.disk.files import (
    hash_file,
    hashes_of,
    is_regular,
    sync_directory,
    sync_file,
    volume_error,
)
from volume.layout import Mirror
from volume.ledger.artifact import Placed, Retired
from volume.ledger.ledger import Ledger
from volume.names import EXTENSIONS, SUBDIRS, escaped

_SETTLING = 2.0  # seconds; a filesystem's times are coarse


@dataclass(frozen=True, slots=True)
class Stray:
    """One file."""

    subdir: str
    filename: str

    def __str__(self) -> str:
        return f"{self.subdir}/{escaped(self.filename)}"


def find(mirror: Mirror, channel: str, ledger: Ledger) -> list[Stray]:
    """All strays of a channel.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    return [
        stray
        for subdir, folder in _folders(mirror, channel)
        for stray in _strays(folder, subdir, ledger)
    ]


def quarantined(mirror: Mirror, channel: str) -> list[Stray]:
    """What lies in quarantine of a channel, damaged or strange.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    return [
        Stray(subdir, name)
        for subdir in sorted(SUBDIRS)
        if (folder := mirror.quarantine(channel, subdir)).is_dir()
        for name in sorted(_names(folder))
    ]


class Sweep:
    """Makes one channel's folders and its ledger agree. Callers hold the channel lock."""

    def __init__(
        self,
        mirror: Mirror,
        channel: str,
        store: Store,
        ledger: LedgerWriter,
        *,
        now: Callable[[], float],
    ) -> None:
        self._mirror = mirror
        self._channel = channel
        self._store = store
        self._ledger = ledger
        self._now = now

    def clear(self) -> list[Stray]:
        """Take out what is no file and has a file's name; return it. No commit could come there.

        Raises:
            VolumeError: a volume refused.
        """
        gone = [
            stray
            for subdir, folder in _folders(self._mirror, self._channel)
            if self._is_changed(subdir, folder)
            for stray in _strays(folder, subdir, None)
        ]
        for stray in gone:
            self._store.set_aside(stray.subdir, stray.filename, stays=False)
        return gone

    def forget_lost(self) -> list[Placed]:
        """Drop the rows whose files are not there; return them.

        Raises:
            VolumeError: a volume refused.
        """
        missing = {
            (subdir, name)
            for subdir in sorted(SUBDIRS)
            if (folder := self._mirror.artifacts(self._channel, subdir))
            and self._is_changed(subdir, folder)
            for name in self._ledger.homed(subdir).difference(_names(folder))
        }
        missing.update((subdir, filename) for subdir, filename, _ in self._ledger.replaced())
        if not missing:
            return []
        lost = [
            row
            for row in self._ledger.placed()
            if row.home != "retired"
            and (row.subdir, row.filename) in missing
            and not self._store.has(row)
        ]
        if lost:
            with self._ledger.transaction("forget lost"):
                self._ledger.raise_serial()
                self._ledger.forget(lost, moment=self._now())
        return lost

    def _is_changed(self, subdir: str, folder: Path) -> bool:
        return not folder.is_dir() or self._ledger.swept(subdir) != _changed(folder)

    def sweep(self) -> list[Stray]:
        """Take out what is found; return what went to quarantine.

        Raises:
            VolumeError: a volume refused.
        """
        gone: list[Stray] = []
        for subdir, folder in _folders(self._mirror, self._channel):
            changed = _changed(folder)
            if self._ledger.swept(subdir) == changed:
                continue
            found = self._unkept(subdir, folder, _strays(folder, subdir, self._ledger))
            if found:
                self._take_out(subdir, found)
                gone += found
            elif self._now() - changed / 1e9 > _SETTLING:
                with self._ledger.transaction("note swept"):
                    self._ledger.set_swept(subdir, changed)
        return gone

    def _unkept(self, subdir: str, folder: Path, found: list[Stray]) -> list[Stray]:
        """Those that keep no promise."""
        known = self._ledger.known(subdir) if found else {}
        return [
            one
            for one in found
            if one.filename not in known
            or not known[one.filename].is_promised
            or not self._keeps(folder / one.filename, one)
        ]

    def _keeps(self, path: Path, stray: Stray) -> bool:
        row = self._ledger.artifact(stray.subdir, stray.filename)
        if row is None or not is_regular(path):
            return False
        hashes = hashes_of(path)
        arrived = Arrived(
            row.subdir, row.filename, hashes.sha256, hashes.md5, path.stat().st_size, row.source
        )
        if not arrived.keeps(row):
            return False
        sync_file(path)
        sync_directory(path.parent)
        with self._ledger.transaction("keep promise"):
            return PromisesWriter(self._ledger).keep(arrived, moment=self._now())

    def _take_out(self, subdir: str, found: list[Stray]) -> None:
        promised = published.promised(self._mirror, self._channel, subdir)
        kept: list[Retired] = []
        for stray in found:
            retired = self._retired(stray, promised.get(stray.filename, set()))
            self._store.set_aside(subdir, stray.filename, stays=retired is not None)
            if retired is not None:
                kept.append(retired)
        if kept:
            with self._ledger.transaction("retire strays"):
                for row in kept:
                    self._ledger.enter_retired(row, source="")

    def _retired(self, stray: Stray, promised: set[str]) -> Retired | None:
        """The row of a stray that a kept generation promises, if it has those bytes."""
        path = self._mirror.artifacts(self._channel, stray.subdir) / stray.filename
        if not promised or not is_regular(path) or (sha256 := hash_file(path)) not in promised:
            return None
        return Retired(
            subdir=stray.subdir,
            filename=stray.filename,
            sha256=sha256,
            size=path.stat().st_size,
            home="channels",
            serial=self._ledger.serial,
            left=self._now(),
            reason="removed",
        )


def _folders(mirror: Mirror, channel: str) -> Iterator[tuple[str, Path]]:
    for subdir in sorted(SUBDIRS):
        folder = mirror.artifacts(channel, subdir)
        if folder.is_dir():
            yield subdir, folder


def _strays(folder: Path, subdir: str, ledger: Ledger | None) -> list[Stray]:
    """What is no artifact of the ledger's; without a ledger, what can't be anybody's."""
    known = None if ledger is None else ledger.homed(subdir)
    with _listing(folder) as entries:
        found = [
            entry.name
            for entry in entries
            if (
                known is not None and entry.name not in known
                if entry.is_file(follow_symlinks=False)
                else entry.name.endswith(EXTENSIONS) or not entry.is_dir(follow_symlinks=False)
            )
        ]
    return [Stray(subdir, name) for name in sorted(found)]


def _names(folder: Path) -> list[str]:
    """The names in a folder that are no folders; none if it is not there."""
    if not folder.is_dir():
        return []
    with _listing(folder) as entries:
        return [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]


@contextlib.contextmanager
def _listing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise volume_error(error, "list", folder) from error


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError as error:
        raise volume_error(error, "look at", folder) from error
