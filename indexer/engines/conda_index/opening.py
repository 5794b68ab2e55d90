"""Opening: how a local file becomes a record, or gets a reason why it is left out.

Each file is first copied into the draft, so that what is read is what will be served, whatever is
written to the file later. It is read to its end and looked into (``package.refusal``), as ``conda
index`` takes a truncated ``.tar.bz2`` for a whole one, and unpacks whatever it is given; then
``conda index`` opens it in a scratch channel. A package that passes can still end such a run, so a
run that fails is repeated on halves until only the culprit is left out.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.base.errors import EngineError, EngineStoppedError
from indexer.base.repodata import Record
from indexer.engines.conda_index import seed
from indexer.engines.conda_index.engine import Engine
from indexer.generations.generation import Draft
from indexer.records import local
from indexer.records.package import refusal
from indexer.records.record_cache import LocalFile, LocalRecord
from volume.disk.files import copy, volume_error
from volume.layout import Mirror
from volume.names import parse_artifact
from volume.program.stop import Stop

log = logging.getLogger("indexer.engines.conda_index.opening")

_BATCH = 500  # files in one run of the engine, which keeps them all in memory
_CHANGED = "it changed while it was read"
_UNLINKABLE = frozenset({errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK})


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens local files for a draft."""

    mirror: Mirror
    draft: Draft
    engine: Engine
    scratch: Path
    stop: Stop

    def open(self, files: Sequence[LocalFile]) -> tuple[list[LocalRecord], list[LocalFile]]:
        """Decide on each file; those that changed meanwhile come back undecided.

        Raises:
            EngineError: ``conda index`` can't be used at all.
            VolumeError: a volume refuses.
        """
        decided: list[LocalRecord] = []
        undecided: list[LocalFile] = []
        for start in range(0, len(files), _BATCH):
            for record in self._open_batch(files[start : start + _BATCH]):
                if record.refused == _CHANGED:
                    undecided.append(record.file)
                else:
                    decided.append(record)
        for record in decided:
            if record.refused is not None:
                log.warning(
                    "%s/%s/%s is left out: %s",
                    self.draft.channel,
                    record.file.subdir,
                    record.file.filename,
                    record.refused,
                )
        return decided, undecided

    def _open_batch(self, files: Sequence[LocalFile]) -> list[LocalRecord]:
        results: list[LocalRecord] = []
        by_subdir: dict[str, list[LocalFile]] = {}
        for file in files:
            self.stop.check()
            reason = self._refuse_early(file)
            if reason is None:
                by_subdir.setdefault(file.subdir, []).append(file)
            else:
                results.append(LocalRecord(file, refused=reason))
        for subdir, group in sorted(by_subdir.items()):
            results.extend(self._extract(subdir, group))
        return [self._check(record) for record in results]

    def _refuse_early(self, file: LocalFile) -> str | None:
        source = self.mirror.local(self.draft.channel, file.subdir) / file.filename
        if not os.access(source, os.R_OK) and source.exists():
            return "the mirror's user (PUID) may not read it; chmod a+r"
        if (free := local.free_space(self.mirror)) < file.size:
            return f"{local.NO_ROOM}: it has {file.size:,} bytes, and {free:,} are free"
        target = self._linked(file)
        if not self._take(source, target, file):
            return _CHANGED
        return refusal(target, self.stop.check)

    def _take(self, source: Path, target: Path, file: LocalFile) -> bool:
        """Put the file's bytes into the draft; False if they are not those that were seen."""
        base = self.draft.base
        if base is not None:
            published = base / file.subdir / file.filename
            if local.is_unchanged(published, file):  # its own copy, and the memory of it was lost
                link_local(published, target)
                return True
        copy(source, target, beat=self.stop.check)
        return local.is_unchanged(target, file) and local.is_unchanged(source, file)

    def _linked(self, file: LocalFile) -> Path:
        return self.draft.folder / file.subdir / file.filename

    def _extract(
        self, subdir: str, files: Sequence[LocalFile], *, tries: int = 2
    ) -> list[LocalRecord]:
        try:
            return self._run(subdir, files)
        except EngineError as error:
            if len(files) == 1 and tries > 1 and isinstance(error, EngineStoppedError):
                return self._extract(subdir, files, tries=tries - 1)  # killed by chance, perhaps
            if len(files) == 1:
                self.engine.version()  # an engine that is not there is no fault of the file
                return [LocalRecord(files[0], refused=_reason(str(error)))]
            half = len(files) // 2
            return [*self._extract(subdir, files[:half]), *self._extract(subdir, files[half:])]

    def _run(self, subdir: str, files: Sequence[LocalFile]) -> list[LocalRecord]:
        shutil.rmtree(self.scratch, ignore_errors=True)
        try:
            folder = self.scratch / subdir
            folder.mkdir(parents=True)
            for file in files:
                (folder / file.filename).symlink_to(self._linked(file).absolute())
            self.engine.extract(self.scratch, [subdir])
            wanted = {file.filename: file for file in files}
            cache = seed.cache_path(self.scratch, subdir)
            found = {record.file.filename: record for record in seed.extracted(cache, wanted)}
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        said = self.engine.output.read_text(errors="replace")
        return [
            found.get(name) or LocalRecord(file, refused=_reason(said, name))
            for name, file in wanted.items()
        ]

    def _check(self, record: LocalRecord) -> LocalRecord:
        if record.refused is None:
            if not local.is_unchanged(self._linked(record.file), record.file):
                record = replace(record, refused=_CHANGED)
            else:
                record = replace(record, refused=_mismatch(record))
        if record.refused is not None:
            self._linked(record.file).unlink(missing_ok=True)
            return LocalRecord(record.file, refused=record.refused)
        return record


def link_local(source: Path, target: Path) -> None:
    """Give an artifact of ours its name in an unpublished generation.

    A link where that is possible: never of a person's file, whose bytes would change with it. Linux
    lets nobody link the files of another user (``fs.protected_hardlinks``), and nginx must be able
    to read what is served: then a copy.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    try:
        target.unlink(missing_ok=True)
        if source.stat().st_mode & 0o444 == 0o444:
            try:
                target.hardlink_to(source)
                return
            except OSError as error:
                if error.errno not in _UNLINKABLE:
                    raise
    except FileNotFoundError:
        return  # it is gone; who looks at the link will see
    except OSError as error:
        raise volume_error(error, "link", target) from error
    copy(source, target)


def _mismatch(record: LocalRecord) -> str | None:
    try:
        decoded: Record = json.loads(record.record or "null")
        name = parse_artifact(record.file.filename)
        inner = f"{decoded['name']}-{decoded['version']}-{decoded['build']}"
        depends = decoded.get("depends", [])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"its info/index.json lacks something: {error!r}"
    if inner + name.extension != record.file.filename:
        return f"its name does not match what is inside: {inner}; rename it"
    if not isinstance(depends, list) or decoded.get("size") != record.file.size:
        return "its info/index.json is malformed"
    return None


def _reason(said: str, filename: str | None = None) -> str:
    """The last line of the traceback that the engine's log has about this file."""
    if filename is not None:
        _, _, said = said.partition(f"Error extracting {filename}")
    for line in said.replace(" | ", "\n").splitlines():
        match = re.match(r"\s*([A-Za-z_][\w.]*(?:Error|Exception|BadZipFile|EOF\w*)): (.*)", line)
        if match:
            return f"conda index can't read it: {match[1].rpartition('.')[2]}: {match[2][:200]}"
    return "conda index can't read it"
