"""Commit: staged artifacts become part of the channel, in one step for the indexer.

The order is that of ``volume``'s docstring: barrier, journal, renames, folders, ledger. A crash at
any point is rolled forward by ``finish``, which every run calls first.

Guaranteed: a served name never changes its bytes. New bytes under a name whose older bytes are
still on the volume go to ``replaced/``, where the next generation links to them; so do new bytes of
a name that kept generations promise with others.
Callers hold the channel lock.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import PromisesWriter
from syncer.artifacts.sidecars.sidecars import Sidecars
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Staged
from syncer.conda.wanted import Wanted
from volume.ledger.artifact import Artifact, Home, Retired
from volume.ledger.promises import Origin
from volume.program.log import redact


class Committer:
    """Commits to one channel.

    Args:
        sidecars: what lies beside its artifacts; needed by who commits new ones.
    """

    def __init__(
        self,
        store: Store,
        ledger: LedgerWriter,
        *,
        now: Callable[[], float],
        sidecars: Sidecars | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now
        self._promises = PromisesWriter(ledger)
        self._sidecars = sidecars

    def finish(self) -> int:
        """Roll forward a commit that was interrupted; return how many artifacts it had.

        Raises:
            VolumeError: a volume refused.
        """
        rows = self._ledger.incoming()
        if rows:
            self._accept(rows, self._ledger.retired_names())
        return len(rows)

    def commit(self, staged: Sequence[Staged]) -> None:
        """Make staged artifacts part of the channel.

        Raises:
            VolumeError: a volume refused.
        """
        if not staged:
            return
        if self._sidecars is not None:  # before the records that promise them
            self._sidecars.commit(one for item in staged for one in item.sidecars)
        self._store.staging.sync()
        retired = self._ledger.retired_names()
        shown = functools.cache(redact)  # artifacts come from a few folders
        taken = self._store.taken(staged) | self._promised_otherwise(staged)
        rows = [self._row(item, retired, shown, taken) for item in staged]
        with self._ledger.transaction("journal"):
            self._ledger.expect(rows)
            for item in staged:
                if item.other_md5 is not None:
                    self._ledger.note_md5(item.sha256, item.other_md5)
        self._accept(rows, retired)

    def _accept(self, rows: Sequence[Artifact], retired: set[tuple[str, str]]) -> None:
        """Carry out what is in the journal; ``retired`` has the names of retired bytes."""
        self._store.commit(rows)
        self._store.remove(self._retired_copies(rows, retired))
        with self._ledger.transaction("commit"):
            self._ledger.accept_incoming(self._ledger.raise_serial())

    def _promised_otherwise(self, staged: Sequence[Staged]) -> set[tuple[str, str]]:
        """Those (subdir, filename) that kept generations promise with other bytes than are staged.

        They were never here, and no others may be found where they would be.
        """
        hashes: dict[str, dict[str, str]] = {}
        for item in staged:
            hashes.setdefault(item.subdir, {})[item.filename] = item.sha256
        return {
            (subdir, filename)
            for subdir, sha256 in hashes.items()
            for filename in self._promises.with_other_bytes(subdir, sha256)
        }

    def _retired_copies(
        self, rows: Sequence[Artifact], retired: set[tuple[str, str]]
    ) -> list[Retired]:
        """Bytes that came back need no second name in ``retired/``."""
        return [
            copy
            for row in rows
            if (row.subdir, row.filename) in retired
            for copy in self._ledger.retired(row.subdir, row.filename)
            if copy.sha256 == row.sha256 and copy.home == "retired"
        ]

    def promise(
        self, new: Sequence[Wanted], anew: Sequence[Wanted], origins: Mapping[str, Origin]
    ) -> None:
        """Commit what is listed and fetched when somebody asks: new names, and new records.

        Args:
            origins: where the indexes came from, by subdir.

        Raises:
            VolumeError: the state volume refused.
        """
        others = {
            subdir: origin
            for subdir, origin in origins.items()
            if self._promises.origin(subdir) != origin
        }
        if not (new or anew or others):
            return
        with self._ledger.transaction("promise"):
            for subdir, origin in others.items():
                self._promises.set_origin(subdir, origin)
            if new or anew:
                serial = self._ledger.raise_serial()
                self._promises.promise(new, serial, moment=self._now())
                self._promises.promise_anew(anew, serial, moment=self._now())

    def take_over_records(self, artifacts: Iterable[Wanted]) -> None:
        """Commit hotfixes: new records of unchanged bytes.

        Raises:
            VolumeError: the state volume refused.
        """
        changes = list(artifacts)
        if changes:
            with self._ledger.transaction("hotfix"):
                self._ledger.update_records(
                    changes, self._ledger.raise_serial(), moment=self._now()
                )

    def _row(
        self,
        item: Staged,
        retired: set[tuple[str, str]],
        shown: Callable[[str], str],
        taken: set[tuple[str, str]],
    ) -> Artifact:
        artifact = item.task.artifact
        folder, slash, name = item.source.rpartition("/")
        is_retired = (artifact.subdir, artifact.filename) in retired
        return Artifact(
            subdir=artifact.subdir,
            filename=artifact.filename,
            section=artifact.section,
            size=item.size,
            sha256=item.sha256,
            digest=artifact.digest,
            record=artifact.record,
            home=self._home(item, taken, is_retired=is_retired),
            entered=self._now(),
            source=f"{shown(folder + slash)}{name}",
            md5=artifact.md5,
            twin=artifact.twin,
        )

    def _home(self, item: Staged, taken: set[tuple[str, str]], *, is_retired: bool) -> Home:
        """``channels`` if the name is free there or holds these very bytes already.

        Args:
            is_retired: retired bytes of this name are still on the volume. Those in ``replaced/``
                are in no way: every generation that lists them has its own link to them.
        """
        artifact = item.task.artifact
        if is_retired and any(
            retired.home != "replaced" and retired.sha256 != item.sha256
            for retired in self._ledger.retired(artifact.subdir, artifact.filename)
        ):
            return "replaced"  # a kept snapshot may still promise the other bytes of this name
        return "replaced" if (artifact.subdir, artifact.filename) in taken else "channels"
