"""The intake: which artifacts a generation holds itself, as hard links.

Local files, so that removing or replacing one does not break what is published, and mirrored bytes
that are not in ``channels/`` under their name. The web server looks here first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.engines.conda_index.opening import Opener, link_local
from indexer.generations.generation import Draft
from indexer.records import local
from indexer.records.memory import LocalFile, LocalRecord, Memory
from indexer.story.work import Work
from volume.layout import Mirror
from volume.ledger.ledger import Ledger

_ORPHAN = (
    "it was mirrored before the ledger was lost, and upstream no longer lists it; remove it, or"
    " move it to a channel of your own"
)


@dataclass(frozen=True, slots=True)
class Intake:
    """Fills a draft with artifacts."""

    mirror: Mirror
    draft: Draft
    memory: Memory

    def take_in(self, found: Work, opener: Opener) -> list[LocalFile]:
        """Decide on local files and link all that are accepted; return those undecided.

        Raises:
            EngineError: ``conda index`` can't be used at all.
            VolumeError: a volume refuses.
        """
        opened, decided = self._set_orphans_aside(found)
        undecided: list[LocalFile] = []
        if opened:
            more, undecided = opener.open(opened)
            decided += more
        with self.memory.transaction():
            self.memory.forget(found.look.gone)
            self.memory.forget(undecided)
            self.memory.remember(decided)
        lost = [
            record.file
            for subdir in found.look.subdirs
            for record in self.memory.accepted(subdir)
            if not self._link(record.file)
        ]
        with self.memory.transaction():
            self.memory.forget(lost)
        return undecided + lost

    def _set_orphans_aside(self, found: Work) -> tuple[Sequence[LocalFile], list[LocalRecord]]:
        """Files that were mirrored before the ledger was lost are not people's own."""
        changed = found.look.changed
        if not (found.is_rebuilt and changed and self.draft.base is not None):
            return changed, []
        former = {
            (path.parent.name, filename)
            for path in self.draft.base.glob("*/repodata.json")
            for section in ("packages", "packages.conda")
            for filename in json.loads(path.read_bytes())[section]
            if not (path.parent / filename).exists()  # a link there means that it was local
        }
        orphans = [file for file in changed if (file.subdir, file.filename) in former]
        opened = [file for file in changed if (file.subdir, file.filename) not in former]
        return opened, [LocalRecord(file, refused=_ORPHAN) for file in orphans]

    def _link(self, file: LocalFile) -> bool:
        relative = f"{file.subdir}/{file.filename}"
        target = self.draft.folder / relative
        if local.is_unchanged(target, file):
            return True
        sources = [self.mirror.channel_folder(self.draft.channel) / relative]
        if self.draft.base is not None:
            sources.insert(0, self.draft.base / relative)
        for source in sources:
            if local.is_unchanged(source, file):
                link_local(source, target)
                return True
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
            if (self.draft.folder / subdir).is_dir():
                link_local(source, self.draft.folder / subdir / filename)
