"""Where the ledger's sidecars and their folders differ, and those whose artifact is gone.

Guaranteed: what a row says is here and is not, is missing, and the next run gets it; a file that no
row knows is taken over if its name proves its bytes, as after a lost state, and else goes to
``quarantine/``. A folder is read again only if it changed since all of its files were known.
Callers hold the channel lock, but for ``find``, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.recovery.strays import Stray
from syncer.artifacts.sidecars.store import SidecarStore
from syncer.artifacts.sidecars.table import Sidecar, SidecarTable, SidecarWriter
from syncer.conda.attestations import taken_apart
from volume.disk.files import is_regular, unlink
from volume.ledger.ledger import Ledger
from volume.names import SUBDIRS

_SETTLING = 2.0  # seconds; a filesystem's times are coarse

_LOST = "it was taken away from the mirror volume"
_DAMAGED = "its bytes were damaged"
_UNKNOWN = "nobody knows if it is upstream's"


def find(store: SidecarStore, ledger: Ledger) -> list[Stray]:
    """Files of a channel that no row knows.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    table = SidecarTable(ledger)
    return [
        Stray(subdir, name) for subdir in sorted(SUBDIRS) for name in _unknown(store, table, subdir)
    ]


class SidecarSweep:
    """Makes one channel's folders of sidecars and its ledger agree.

    Args:
        probes: whether upstream is asked for what no record promises.
    """

    def __init__(
        self,
        store: SidecarStore,
        ledger: LedgerWriter,
        *,
        probes: bool,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._table = SidecarWriter(ledger)
        self._probes = probes
        self._now = now

    def compare(self) -> list[Sidecar]:
        """Note as missing what is not on the volume any more; return it.

        Raises:
            VolumeError: a volume refused.
        """
        lost = [
            row
            for subdir in self._changed_subdirs()
            if (names := self._lost(subdir))
            for row in self._table.here()
            if row.subdir == subdir and row.name in names
        ]
        self._note_missing(lost, _LOST)
        return lost

    def _lost(self, subdir: str) -> set[str]:
        lost = self._table.names(subdir, here=True)
        for name, is_file in self._store.listing(subdir) if lost else ():
            if is_file:
                lost.discard(name)
        return lost

    def set_damaged(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take damaged ones, (subdir, name), out of the way; the next run gets them again.

        Raises:
            VolumeError: a volume refused.
        """
        keys = set(rows)
        damaged = [row for row in self._table.here() if (row.subdir, row.name) in keys]
        for row in damaged:
            path = self._store.path(row.subdir, row.name)
            if path.is_symlink() or path.exists():
                self._store.set_aside(row.subdir, row.name)
        self._note_missing(damaged, _DAMAGED)

    def _note_missing(self, rows: Sequence[Sidecar], reason: str) -> None:
        if rows:
            with self._ledger.transaction("note missing sidecars"):
                self._ledger.unsettle()
                self._table.note_missing(replace(row, missing=reason) for row in rows)

    def expire(self, *, is_thorough: bool) -> int:
        """Delete those whose artifact is gone; return how many.

        Args:
            is_thorough: whether to look at each: half a million take a second.

        Raises:
            VolumeError: a volume refused.
        """
        gone = self._table.orphans(every=is_thorough)
        if gone:
            self._store.remove(gone)
        if gone or (is_thorough and self._table.first_probe is not None):
            with self._ledger.transaction("expire sidecars"):
                self._table.drop(gone)
                self._table.drop_probes(every=not self._probes)
        return len(gone)

    def sweep(self) -> list[Stray]:
        """Take over what its name proves, and move what nobody knows to quarantine; return that.

        Raises:
            VolumeError: a volume refused.
        """
        gone: list[Stray] = []
        for subdir in self._changed_subdirs():
            changed = self._store.changed(subdir)
            unknown = _unknown(self._store, self._table, subdir)
            proven = [row for name in unknown if (row := self._proven(subdir, name)) is not None]
            if proven:
                with self._ledger.transaction("take over sidecars"):
                    if any(row.missing is not None for row in proven):
                        self._ledger.unsettle()
                    self._table.note(proven, moment=self._now())
            for name in sorted(set(unknown).difference(row.name for row in proven)):
                if name.startswith(".") and name.endswith(".tmp"):
                    unlink(self._store.path(subdir, name))  # a link's, when it was stopped
                else:
                    self._store.set_aside(subdir, name)
                    gone.append(Stray(subdir, name))
            if changed and not unknown and self._now() - changed / 1e9 > _SETTLING:
                with self._ledger.transaction("note swept"):
                    self._ledger.set_swept(_swept_key(subdir), changed)
        return gone

    def _proven(self, subdir: str, name: str) -> Sidecar | None:
        """The row of a file that a lost state knew."""
        path = self._store.path(subdir, name)
        apart = taken_apart(name)
        if apart is None or not is_regular(path):
            return None
        filename, sha256 = apart
        if not self._table.has_artifact(subdir, filename):
            return None
        if sha256 is not None and self._store.has(subdir, name, sha256):
            return Sidecar(subdir, name, filename, sha256, path.stat().st_size)
        if sha256 is None and self._probes:
            return Sidecar(subdir, name, filename, "", 0, _UNKNOWN)
        return None

    def _changed_subdirs(self) -> Iterator[str]:
        for subdir in sorted(SUBDIRS):
            changed = self._store.changed(subdir)
            if not changed or changed != self._ledger.swept(_swept_key(subdir)):
                yield subdir


def _unknown(store: SidecarStore, table: SidecarTable, subdir: str) -> list[str]:
    known = table.names(subdir)
    return sorted(name for name, _ in store.listing(subdir) if name not in known)


def _swept_key(subdir: str) -> str:
    return f"sidecars/{subdir}"
