"""The name mapping's part of a run: what maps names, then what maps each new artifact.

Guaranteed: a document is served whole or not at all, also after power loss; it leaves when the
artifact has left this mirror. A run asks for so many artifacts at most, the newest first; the next
goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Sequence

from syncer.errors import HttpStatusError, MissingError, UpstreamError
from syncer.name_mapping import documents
from syncer.name_mapping.batch import Batch
from syncer.name_mapping.documents import COMPRESSED, OF_ARTIFACT
from syncer.name_mapping.memory import Memory
from syncer.name_mapping.mirrored import Mirrored
from syncer.sync.failure import kind_of
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from syncer.transport.document import UNKNOWN, Document
from volume import limits
from volume.disk import files
from volume.disk.files import volume_error
from volume.run_document import Totals

_LOG = logging.getLogger(__name__)

SUBDIR = "mapping"
"""What stands where a channel's subdir does."""

# The channels that the service knows; it looks into their packages, and into no other's.
KNOWN_CHANNELS = frozenset({"conda-forge", "bioconda", "pytorch", "tango-controls"})

MOST_ASKED = 50_000
"""Artifacts that one run asks for: an hour, and no more of a service that others need too."""

_MOST_FAILURES = 20  # of documents, before the service counts as away
_NAME = re.compile(r"[0-9a-f]{64}")


class NameMappingSync:
    """Syncs the name mapping."""

    def __init__(self, tools: Tools, name: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._allow_wipe = allow_wipe
        self._url = tools.settings.name_mapping_url
        self._mapping = tools.mirror.name_mapping
        self._problems: list[Exception] = []  # of artifacts' documents; the workers add to it
        self.result = ChannelResult(name)

    def preview(self) -> list[Totals]:
        """What a run would do; a few kB for each artifact are not counted."""
        return []

    def run(self) -> ChannelResult:
        """Sync it.

        Raises:
            VolumeError: a volume refused; what is here stays.
            InterruptedRunError: the run was stopped; what is here stays.
        """
        files.remove_tree(self._mapping.staging)
        with Memory.open(self._tools.state.name_mapping, self._url) as memory:
            is_new = self._sync_names(memory)
            if not self.result.failed:  # else it is away, or is something else
                is_new = self._sync_artifacts(memory) or is_new
        self.result.unchanged = not (is_new or self.result.failed)
        return self.result

    # -- what maps names -------------------------------------------------------------------------

    def _sync_names(self, memory: Memory) -> bool:
        """Fetch the mapping if it is another one now; return whether it is."""
        path = self._mapping.names
        known = memory.validators if path.is_file() else UNKNOWN
        try:
            url = f"{self._url}/{COMPRESSED}"
            found = self._tools.fetch.document(url, known, limit=limits.NAME_MAPPING)
            if found is None:
                return False
            count = documents.names_of(found.body)
            self._guard(count, memory.names)
        except UpstreamError as error:
            self._fail(COMPRESSED, str(error), kind_of(error))
            return False
        except ValueError as error:
            self._fail(COMPRESSED, f"{error}; what is here stays", "index")
            return False
        files.make_directory(path.parent)
        files.replace(path, found.body)
        memory.note_mapping(found.validators, count)
        self._count(found)
        _LOG.info("%s: maps %d names", self.result.channel, count)
        return True

    def _guard(self, count: int, before: int) -> None:
        percent = self._tools.settings.wipe_guard_percent
        if not self._allow_wipe and count < before * (100 - percent) / 100:
            raise ValueError(
                f"it maps {count:,} names, and {before:,} before: more than"
                f" WIPE_GUARD_PERCENT={percent:g} would go; if that is right, run"
                f" --allow-wipe {self.result.channel}"
            )

    # -- what maps artifacts ---------------------------------------------------------------------

    def _sync_artifacts(self, memory: Memory) -> bool:
        """Ask for what is new here, let go what has gone; return whether anything changed."""
        now = self._tools.now()
        mirrored = self._mirrored()
        if memory.settled == mirrored.inputs and not memory.is_due(now):
            return False
        wanted = mirrored.artifacts()
        present = self._present()
        not_due = memory.not_due(now)
        new = [one for one in wanted if one not in present and one not in not_due]
        is_complete = self._ask(new[:MOST_ASKED], memory, now)
        if len(new) > MOST_ASKED:
            is_complete = False
            self.result.warnings.append(
                f"{len(new) - MOST_ASKED:,} artifacts are asked for by later runs,"
                f" {MOST_ASKED:,} in each"
            )
        gone = present - wanted.keys() if mirrored.is_known else set()
        for sha256 in sorted(gone):
            files.unlink(self._mapping.of(sha256.hex()))
        if mirrored.is_known:
            memory.forget(memory.absent() - wanted.keys())
        self.result.expired = len(gone)
        memory.settle(mirrored.inputs if is_complete else "")
        return bool(self.result.downloaded or gone)

    def _mirrored(self) -> Mirrored:
        settings, state = self._tools.settings, self._tools.state
        known = [
            channel
            for channel in settings.channels
            if any(map(_is_known, (channel, *settings.channel_urls(channel))))
        ]
        return Mirrored({channel: state.ledger(channel) for channel in known})

    def _present(self) -> set[bytes]:
        folder = self._mapping.artifacts
        try:
            names = os.listdir(folder)  # noqa: PTH208 - there may be a million
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise volume_error(error, "list", folder) from error
        return {bytes.fromhex(name) for name in names if _NAME.fullmatch(name)}

    def _ask(self, new: Sequence[bytes], memory: Memory, now: float) -> bool:
        """Ask for artifacts' documents; return whether there was an answer of each."""
        if not new:
            return True
        workers = self._tools.fetch.workers(self._tools.settings.connections)
        with (
            Batch(self._mapping, memory, now) as batch,
            contextlib.closing(workers.run(new, self._one)) as outcomes,
        ):
            for outcome in outcomes:
                if outcome is None:
                    continue
                sha256, found = outcome
                if isinstance(found, Document):
                    self._count(found)
                    batch.add(sha256, found.body)
                elif found is None or isinstance(found, ValueError):
                    batch.add_absent(sha256)
                if isinstance(found, Exception):
                    kind = kind_of(found) if isinstance(found, UpstreamError) else "index"
                    self._fail(f"{OF_ARTIFACT}/{sha256.hex()}", str(found), kind)
        if self._is_away:
            self.result.warnings.append(
                f"after {len(self._problems)} failures nothing more was asked; the next run goes on"
            )
        return not self._problems

    @property
    def _is_away(self) -> bool:
        return len(self._problems) >= _MOST_FAILURES

    def _one(
        self, sha256: bytes
    ) -> tuple[bytes, Document | UpstreamError | ValueError | None] | None:
        """An artifact's document, why it can't be had, or that there is none; None if not asked."""
        if self._is_away:
            return None
        url = f"{self._url}/{OF_ARTIFACT}/{sha256.hex()}"
        try:
            found = self._tools.fetch.document(url, UNKNOWN, limit=limits.NAME_MAPPING_DOCUMENT)
            if found is not None:
                documents.check_artifact(found.body)
        except UpstreamError as error:
            if _is_absent(error):
                return sha256, None
            self._problems.append(error)
            return sha256, error
        except ValueError as error:
            self._problems.append(error)
            return sha256, error
        return sha256, found

    def _count(self, found: Document) -> None:
        self.result.downloaded += 1
        self.result.downloaded_size += len(found.body)

    def _fail(self, path: str, reason: str, kind: str) -> None:
        self.result.fail(path, SUBDIR, reason, kind)
        _LOG.warning("%s: %s: %s", self.result.channel, path, reason)


def _is_known(channel: str) -> bool:
    """Whether the service knows the channel of this name, or at this address."""
    return not KNOWN_CHANNELS.isdisjoint(channel.split("/"))


def _is_absent(error: UpstreamError) -> bool:
    """Whether there is no such document; a service that refuses us (403) may have it."""
    is_gone = isinstance(error, HttpStatusError) and error.status in {404, 410}
    return is_gone or isinstance(error, MissingError)
