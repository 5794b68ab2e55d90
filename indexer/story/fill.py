"""Filling a draft: everything that an index is made of is written into it and verified.

The records come from ``conda index``, out of its cache, which is seeded first, or from our own
``writer``. The rest is the same for both. A cache that turns out to be wrong is made anew, once.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from indexer.base.errors import VerificationError
from indexer.base.stages import Stages
from indexer.engines import complete
from indexer.engines.conda_index import adapt, seed
from indexer.engines.conda_index.engine import Engine
from indexer.engines.conda_index.opening import link_local
from indexer.engines.own.writer import Writer
from indexer.generations import generation, shards
from indexer.generations.generation import Draft
from indexer.records import run_exports
from indexer.records.known_names import FILENAME, KnownNames
from indexer.records.listing import Listing
from indexer.records.rows import Rows
from indexer.verify.check import Check
from indexer.verify.verify import verify
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
    return sum(published.records for published in listing.published().values()) >= _LARGE


def _link(source: str, target: str) -> None:
    """A link, without a look at either: there are tens of thousands, and the draft is empty."""
    try:
        os.link(source, target)
    except OSError:
        link_local(Path(source), Path(target))


@dataclass(frozen=True, slots=True)
class Filled:
    """``referenced`` are the filenames of the shards that the index names, by subdir."""

    referenced: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Fill:
    """How one draft is filled. ``engine`` is None where our own writer does it.

    ``root`` is the folder of the caches; what was committed up to ``serial`` was verified before;
    shards that left the index before ``oldest_shard`` (seconds since the epoch) are let go.
    """

    mirror: Mirror
    draft: Draft
    listing: Listing
    root: Path
    engine: Engine | None
    serial: int
    oldest_shard: float
    now: float
    stop: Stop
    stages: Stages

    def fill(self) -> Filled:
        """Write and verify.

        Raises:
            EngineError: ``conda index`` failed.
            VerificationError: what was written is wrong, also with new caches.
            VolumeError: a volume refuses.
            StateError: the ledger is damaged.
        """
        self._read_run_exports()
        try:
            return self._fill()
        except (seed.StaleCacheError, VerificationError) as error:
            # The caches are all that we can have got wrong and can make anew.
            log.warning("%s: the caches are made anew (%s)", self.draft.channel, error)
            files.remove_tree(self.root)
            generation.clear_index(self.draft)
            return self._fill()

    def _read_run_exports(self) -> None:
        ledger, memory = self.listing.ledger, self.listing.memory
        if ledger is None:
            return
        with self.stages.measured("run_exports"):
            channel = self.draft.channel
            read = run_exports.read_missing(self.mirror, channel, ledger, memory, self.stop)
        if read:
            log.info("%s: run_exports read from %d packages", channel, read)

    def _fill(self) -> Filled:
        with self.stages.measured("links"):
            self._link_shards()
        with Rows(self._ledger, self.listing.memory.path) as rows:
            if self.engine is not None:
                self._index(self.engine, rows)
                self._finish(rows, None)
            else:
                with KnownNames.open(self.root / FILENAME) as known:
                    writer = Writer(self.draft, self.listing, rows, known, self.stop)
                    with self.stages.measured("records"):
                        written = writer.write(self.now)
                    self._finish(rows, known)
                    written.note(known)
        return Filled(
            {subdir: self._referenced(subdir) for subdir in self.listing.subdirs},
        )

    def _finish(self, rows: Rows, known: KnownNames | None) -> None:
        with self.stages.measured("variants"):
            complete.complete(self.draft, self.listing, self.stop)
        with self.stages.measured("verification"):
            check = Check(self.mirror, self.draft, self.listing, self.serial, rows, known)
            verify(check, self.stop)

    @property
    def _ledger(self) -> Path | None:
        return self.listing.ledger.path if self.listing.ledger is not None else None

    # -- conda index -----------------------------------------------------------------------------

    def _index(self, engine: Engine, rows: Rows) -> None:
        subdirs = self.listing.subdirs
        with self.stages.measured("seed"):
            self._seed(engine)
        self.stop.check()
        with self.stages.measured("conda index"):
            engine.index(self.root, self.draft.folder, subdirs, self.draft.channel)
        with self.stages.measured("records"):
            adapt.adapt(self.draft, self.listing, rows, self.stop)

    def _seed(self, engine: Engine) -> None:
        subdirs = self.listing.subdirs
        if missing := [one for one in subdirs if not seed.cache_path(self.root, one).exists()]:
            files.make_directory(self.root)
            engine.create_caches(self.root, missing)
        source = seed.Source(self._ledger, self.listing.memory.path)
        for subdir in subdirs:
            seed.seed(seed.cache_path(self.root, subdir), subdir, source)

    # -- shards ----------------------------------------------------------------------------------

    def _link_shards(self) -> None:
        """Keep what is published reachable; a shard is written only where there is none."""
        base, folder = self.draft.base, self.draft.folder
        if base is None:
            return
        for subdir in self.listing.subdirs:
            left = self.listing.memory.left_shards(subdir)
            source, target = base / subdir, folder / subdir
            for name in shards.names(source):
                if left.get(name, self.now) >= self.oldest_shard:
                    _link(f"{source}/{name}", f"{target}/{name}")

    def _referenced(self, subdir: str) -> set[str]:
        index = shards.read_index(self.draft.folder / subdir)
        return {digest + shards.SUFFIX for digest in index.shards.values()}
