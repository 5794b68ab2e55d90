"""The intake: which artifacts a generation holds itself.

Its own copies of local files, so that nothing that is done to one changes what is published, linked
from one generation to the next; and links to mirrored bytes that are not in ``channels/`` under
their name. The web server looks here first, and nowhere else for what people added.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from indexer.engines.conda_index.opening import Opener, link_local
from indexer.generations.first_published import FirstPublished, NamedBytes
from indexer.generations.generation import Draft
from indexer.records import local
from indexer.records.record_cache import LocalFile, LocalRecord, RecordCache, Stamped
from indexer.story.pending_work import PendingWork
from volume.disk import files
from volume.layout import Mirror
from volume.ledger.ledger import Ledger

log = logging.getLogger("indexer.story.intake")


@dataclass(frozen=True, slots=True)
class Intake:
    """Fills a draft with artifacts."""

    mirror: Mirror
    draft: Draft
    cache: RecordCache
    first: FirstPublished

    def stamp(self, subdirs: Iterable[str], now: float) -> None:
        """Say in each local record when its artifact was published first (CEP 47).

        Only what is published is remembered, so what never was is stamped anew in each run.

        Raises:
            VolumeError: a volume refuses.
        """
        moments = [
            (one, self.first.moment(_bytes_of(one), one.built, now))
            for subdir in subdirs
            for one in self.cache.stamped(subdir)
        ]
        with self.cache.transaction():
            self.cache.stamp((one, moment) for one, moment in moments if one.moment != moment)

    def note_published(self, subdirs: Iterable[str]) -> None:
        """Remember what a generation that is published has of it.

        Raises:
            VolumeError: the mirror volume refuses.
        """
        self.first.note(
            (_bytes_of(one), one.moment)
            for subdir in subdirs
            for one in self.cache.stamped(subdir)
            if isinstance(one.moment, int)
        )

    def take_in(self, found: PendingWork, opener: Opener) -> list[LocalFile]:
        """Decide on local files and link all that are accepted; return those undecided.

        Raises:
            EngineError: ``conda index`` can't be used at all.
            VolumeError: a volume refuses.
        """
        decided: list[LocalRecord] = []
        undecided: list[LocalFile] = []
        if found.look.changed:
            decided, undecided = opener.open(found.look.changed)
        for record in found.look.refused:
            log.warning(
                "%s/%s/%s is left out: %s",
                self.draft.channel, record.file.subdir, record.file.filename, record.refused,
            )  # fmt: skip
        with self.cache.transaction():
            self.cache.forget(found.look.gone)
            self.cache.forget(undecided)
            self.cache.remember(decided)
            self.cache.remember(found.look.refused)
        lost = [
            record.file
            for subdir in found.look.subdirs
            for record in self.cache.accepted(subdir)
            if not self._link(record)
        ]
        with self.cache.transaction():
            self.cache.forget(lost)
        return undecided + lost

    def _link(self, record: LocalRecord) -> bool:
        file = record.file
        relative = f"{file.subdir}/{file.filename}"
        target = self.draft.folder / relative
        if local.is_unchanged(target, file):
            return True
        if self.draft.base is not None and local.is_unchanged(self.draft.base / relative, file):
            link_local(self.draft.base / relative, target)
            return True
        source = self.mirror.local(self.draft.channel, file.subdir) / file.filename
        if not (local.is_unchanged(source, file) and files.copy(source, target)):
            return False
        if files.hash_file(target) == record.sha256:
            return True
        files.unlink(target)
        return False

    def link_replaced(self, ledger: Ledger) -> None:
        """Link committed bytes that are in ``replaced/``, and retired ones for their grace period.

        Raises:
            VolumeError: the mirror volume refuses.
        """
        wanted: dict[tuple[str, str], Path] = {}
        for retired in ledger.retired():
            if (
                retired.home == "replaced"
                and retired.reason not in {"replaced", "damaged"}
                and ledger.artifact(retired.subdir, retired.filename) is None
            ):
                home = self.mirror.home(self.draft.channel, retired)
                wanted[retired.subdir, retired.filename] = home
        for subdir, filename, sha256 in ledger.replaced():
            folder = self.mirror.replaced(self.draft.channel, subdir, sha256)
            wanted[subdir, filename] = folder / filename
        for (subdir, filename), source in wanted.items():
            target = self.draft.folder / subdir / filename
            if target.parent.is_dir() and not target.exists():  # a local one has the name now
                link_local(source, target)


def _bytes_of(one: Stamped) -> NamedBytes:
    return NamedBytes(one.subdir, one.filename, one.sha256, one.name)
