"""Filling a draft: everything that an index is made of is written into it and verified.

The records come from ``conda index``, out of its cache, which is seeded first, or from our own
``writer``. The rest is the same for both. A cache that turns out to be wrong is made anew, once.

Guaranteed: whatever is odd in one record, the rest of the channel is published with every output;
what no document can hold is left out and named. Where ``conda index`` fails, our own writer writes.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.base.errors import (
    EngineError,
    EngineStoppedError,
    RefusedRecordsError,
    VerificationError,
)
from indexer.base.stages import Stages
from indexer.engines import complete
from indexer.engines.conda_index import adapt, seed
from indexer.engines.conda_index.engine import Engine
from indexer.engines.conda_index.opening import link_local
from indexer.engines.own.writer import Writer
from indexer.generations import generation, shards
from indexer.generations.generation import Draft
from indexer.records import refused, run_exports
from indexer.records.known_names import FILENAME, KnownNames
from indexer.records.listing import Listing
from indexer.records.record_cache import LocalRecord
from indexer.records.rows import Rows
from indexer.verify.check import Check
from indexer.verify.verification import verify
from volume.disk import files
from volume.layout import Mirror
from volume.program.stop import Stop

log = logging.getLogger("indexer.story.fill")

OWN = "own writer"
"""What a generation's document says where ``conda index`` did not write the records."""

_LARGE = 10_000
"""Artifacts of a channel that is left to our own writer: conda-index takes 10 s and more then."""


def writes_itself(setting: str, listing: Listing) -> bool:
    """Whether our own writer writes this listing."""
    if setting != "auto":
        return setting == "own"
    return listing.records >= _LARGE


def _link(source: str, target: str) -> None:
    """A link, without a look at either: there are tens of thousands, and the draft is empty."""
    try:
        os.link(source, target)
    except OSError:
        link_local(Path(source), Path(target))


def _rows(listing: Listing) -> Rows:
    ledger = None if listing.ledger is None else listing.ledger.path
    damaged = (one.row for one in listing.refused)
    return Rows(ledger, listing.cache.path, damaged, listing.timestamps)


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of it.

    ``listing`` is what was written, ``is_own`` whether our own writer did; ``referenced`` are the
    filenames of the shards that the index names, by subdir.
    """

    listing: Listing
    is_own: bool
    referenced: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Fill:
    """How one draft is filled. ``engine`` is None where our own writer does it.

    ``root`` is the folder of the caches; what was committed up to ``serial`` was verified before;
    shards that left the index before ``oldest_shard`` (seconds since the epoch) are let go.
    """

    mirror: Mirror
    draft: Draft
    root: Path
    engine: Engine | None
    serial: int
    oldest_shard: float
    now: float
    stop: Stop
    stages: Stages

    def fill(self, listing: Listing) -> Filled:
        """Write and verify.

        Raises:
            EngineStoppedError: ``conda index`` was killed, or the machine refused it something.
            VerificationError: what was written is wrong, also with new caches.
            VolumeError: a volume refuses.
            StateError: the ledger is damaged.
        """
        self._read_run_exports(listing)
        has_new_caches = False
        while True:
            try:
                return self._fill(listing)
            except RefusedRecordsError as error:
                log.warning("%s: %s", self.draft.channel, error)
                listing = self._without(listing, error)
            except (seed.StaleCacheError, VerificationError) as error:
                if has_new_caches:
                    raise
                # The caches are all that we can have got wrong and can make anew.
                log.warning("%s: the caches are made anew (%s)", self.draft.channel, error)
                files.remove_tree(self.root)
                has_new_caches = True
            generation.clear_index(self.draft)

    def _without(self, listing: Listing, error: RefusedRecordsError) -> Listing:
        """The listing without records that were refused; people's own are remembered as such."""
        reasons = dict(error.reasons)
        mine: list[LocalRecord] = []
        for subdir in listing.subdirs:
            for record in listing.cache.accepted(subdir):
                if reason := reasons.pop((subdir, record.file.filename), None):
                    mine.append(LocalRecord(record.file, refused=reason))
                    (self.draft.folder / subdir / record.file.filename).unlink(missing_ok=True)
        with listing.cache.transaction():
            listing.cache.remember(mine)
        theirs = [] if listing.ledger is None else list(refused.named(listing.ledger, reasons))
        if not mine and not theirs:
            raise error  # nothing that could be left out: again would not end
        return replace(listing, refused=(*listing.refused, *theirs))

    def _read_run_exports(self, listing: Listing) -> None:
        channel = self.draft.channel
        with self.stages.measured("run_exports"), _rows(listing) as rows:
            read = run_exports.read_missing(
                self.mirror, channel, rows.without_run_exports(), listing.cache, self.stop
            )
        if read:
            log.info("%s: run_exports read from %d packages", channel, read)

    def _fill(self, listing: Listing) -> Filled:
        with _rows(listing) as rows:
            is_own = not self._index(listing, rows)
            if is_own:
                self._write(listing, rows)
        return Filled(
            listing, is_own, {subdir: self._referenced(subdir) for subdir in listing.subdirs}
        )

    def _finish(self, listing: Listing, rows: Rows, known: KnownNames | None) -> None:
        with self.stages.measured("variants"):
            complete.complete(self.draft, listing, self.stop)
        with self.stages.measured("verification"):
            verify(Check(self.mirror, self.draft, listing, self.serial, rows, known), self.stop)

    def _write(self, listing: Listing, rows: Rows) -> None:
        """Let our own writer do it."""
        self._link_shards(listing)
        with KnownNames.open(self.root / FILENAME) as known:
            writer = Writer(self.draft, listing, rows, known, self.stop)
            with self.stages.measured("records"):
                written = writer.write(self.now)
            self._finish(listing, rows, known)
            written.note(known)

    # -- conda index -----------------------------------------------------------------------------

    def _index(self, listing: Listing, rows: Rows) -> bool:
        """Let ``conda index`` do it, and return whether it did.

        It lists all that is committed, and stumbles over a single odd record; where something is
        refused, or it fails, our own writer writes everything.
        """
        if self.engine is None or listing.refused:
            return False
        self._link_shards(listing)
        with self.stages.measured("seed"):
            self._seed(self.engine, listing)
        self.stop.check()
        try:
            with self.stages.measured("conda index"):
                self.engine.index(
                    self.root,
                    self.draft.folder,
                    listing.subdirs,
                    self.draft.channel,
                    records=listing.records,
                )
            with self.stages.measured("records"):
                adapt.adapt(self.draft, listing, rows, self.stop)
        except EngineStoppedError:
            raise
        except EngineError as error:
            log.warning("%s: our own writer writes this index, as %s", self.draft.channel, error)
            generation.clear_index(self.draft)
            return False
        self._finish(listing, rows, None)
        return True

    def _seed(self, engine: Engine, listing: Listing) -> None:
        subdirs = listing.subdirs
        if missing := [one for one in subdirs if not seed.cache_path(self.root, one).exists()]:
            files.make_directory(self.root)
            engine.create_caches(self.root, missing)
        ledger = None if listing.ledger is None else listing.ledger.path
        source = seed.Source(ledger, listing.cache.path, listing.timestamps)
        for subdir in subdirs:
            seed.seed(seed.cache_path(self.root, subdir), subdir, source)

    # -- shards ----------------------------------------------------------------------------------

    def _link_shards(self, listing: Listing) -> None:
        """Keep what is published reachable; a shard is written only where there is none."""
        base, folder = self.draft.base, self.draft.folder
        if base is None:
            return
        with self.stages.measured("links"):
            for subdir in listing.subdirs:
                left = listing.cache.left_shards(subdir)
                source, target = base / subdir, folder / subdir
                for name in shards.names(source):
                    if left.get(name, self.now) >= self.oldest_shard:
                        _link(f"{source}/{name}", f"{target}/{name}")

    def _referenced(self, subdir: str) -> set[str]:
        index = shards.read_index(self.draft.folder / subdir)
        return {digest + shards.SUFFIX for digest in index.shards.values()}
