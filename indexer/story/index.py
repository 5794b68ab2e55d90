"""The story of one channel's index: from what is committed to what is published.

The channel's lock is held from reading the ledger to the swap. Until the swap nothing that anybody
sees is touched, so whatever goes wrong ends with the old generation still served, and the draft is
thrown away. A cache that turns out to be wrong is made anew, once.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from indexer.base.errors import PARTIAL
from indexer.base.stages import Stages
from indexer.base.volumes import Volumes
from indexer.engines.conda_index.engine import Engine
from indexer.engines.conda_index.opening import Opener
from indexer.generations import generation, rolled_back, shards
from indexer.generations.first_published import FirstPublished
from indexer.generations.generation import Draft
from indexer.records import local, refused
from indexer.records.listing import Listing
from indexer.records.record_cache import LocalFile, RecordCache
from indexer.story import pending_work
from indexer.story.fill import OWN, Fill, Filled, writes_itself
from indexer.story.intake import Intake
from indexer.story.pending_work import PendingWork
from indexer.story.takeover import Takeover
from volume import generations, locks
from volume.disk import files
from volume.generations import Generation, UnindexedFile
from volume.layout import State
from volume.ledger.ledger import Ledger
from volume.names import SUBDIRS

log = logging.getLogger("indexer.story.index")

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one channel. ``generation`` is the newest; ``is_new`` if it was made now.

    ``stages`` are the parts of the work with their seconds, in order.
    """

    channel: str
    generation: Generation | None
    is_new: bool
    pending: tuple[LocalFile, ...]
    seconds: float
    stages: tuple[tuple[str, float], ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 3 if something was left out."""
        has_left_out = self.pending or (self.generation and self.generation.left_out)
        return PARTIAL if has_left_out else 0


def has_work(volumes: Volumes, channel: str) -> str | None:
    """Why a channel needs an index, or None; takes no lock and changes nothing that is served.

    Raises:
        MirrorError: see ``pending_work.find``.
    """
    state = volumes.state
    with _open(state, channel) as (cache, ledger):
        return _find(volumes, channel, cache, ledger).reason


def _find(volumes: Volumes, channel: str, cache: RecordCache, ledger: Ledger | None) -> PendingWork:
    return pending_work.find(
        volumes.mirror,
        volumes.state,
        channel,
        cache,
        ledger,
        timestamps=volumes.settings.indexed_timestamp,
        now=volumes.clock(),
    )


def index_channel(volumes: Volumes, channel: str, *, wait_seconds: float = 0.0) -> Outcome:
    """Publish a new generation of a channel, if there is work.

    Raises:
        LockBusyError: somebody else holds the channel.
        MirrorError: it could not be indexed; what was published stays.
    """
    started = time.monotonic()
    lock_path = volumes.state.channel_lock(channel)
    files.make_directory(lock_path.parent)
    with locks.Held(lock_path, role="indexer", wait_seconds=wait_seconds) as lock:
        generation.converge(volumes.mirror, channel)
        with _open(volumes.state, channel) as (cache, ledger):
            _take_over(volumes, channel, cache, ledger)
            found = _find(volumes, channel, cache, ledger)
            if found.reason is None:
                seconds = time.monotonic() - started
                return Outcome(channel, found.newest, False, found.look.pending, seconds)
            log.info("%s: indexing, because %s", channel, found.reason)
            run = _Run(volumes, channel, cache, ledger, found, lock)
            made = run.make()
    seconds = time.monotonic() - started
    is_new = found.newest is None or made.number != found.newest.number
    log.info(
        "%s: generation %d %s in %.1f s (%s): %d artifacts",
        channel,
        made.number,
        "published" if is_new else "stays, nothing changed for clients,",
        seconds,
        run.stages,
        sum(published.artifacts for published in made.subdirs.values()),
    )
    pending = (*found.look.pending, *run.undecided)
    return Outcome(channel, made, is_new, pending, seconds, run.stages.seconds)


def _take_over(volumes: Volumes, channel: str, cache: RecordCache, ledger: Ledger | None) -> None:
    kept = generations.kept(volumes.mirror, channel)
    newest = kept[-1] if kept else None
    Takeover(volumes.mirror, volumes.state, channel, cache, ledger, newest, volumes.clock()).move()


@contextlib.contextmanager
def _open(state: State, channel: str) -> Iterator[tuple[RecordCache, Ledger | None]]:
    with contextlib.ExitStack() as opened:
        ledger = Ledger.read(state.ledger(channel))
        if ledger is not None:
            opened.enter_context(ledger)
        yield opened.enter_context(RecordCache.open(state.record_cache(channel))), ledger


class _Run:
    """One attempt to make a generation of one channel, under its lock."""

    def __init__(
        self,
        volumes: Volumes,
        channel: str,
        cache: RecordCache,
        ledger: Ledger | None,
        found: PendingWork,
        lock: int,
    ) -> None:
        self._mirror = volumes.mirror
        self._state = volumes.state
        self._settings = volumes.settings
        self._stop = volumes.stop
        self._now = volumes.clock()
        self._channel = channel
        self._cache = cache
        self._ledger = ledger
        self._found = found
        self._root = volumes.state.engine(channel)
        self._engine = Engine(
            volumes.settings.conda_exe, volumes.stop, self._root / "engine.log", lock
        )
        self.undecided: list[LocalFile] = []
        self.stages = Stages()

    def make(self) -> Generation:
        committed = self._ledger.subdirs() if self._ledger is not None else []
        subdirs = {"noarch", *self._found.look.subdirs, *committed}
        listing = Listing(
            self._channel,
            self._ledger,
            self._cache,
            tuple(sorted(subdirs & SUBDIRS)),  # one bit makes another name of one
            refused.damaged(self._ledger) if self._ledger is not None else (),
            self._settings.indexed_timestamp,
        )
        for one in listing.refused:
            log.error(
                "%s: %s/%s is left out: %s", self._channel, one.subdir, one.filename, one.reason
            )
        draft = generation.start(self._mirror, self._channel, listing.subdirs)
        own = writes_itself(self._settings.index_engine, listing)
        # Our own writer needs no engine, but for opening people's packages.
        engine = "" if own and not self._found.look.changed else self._engine.version()
        first = FirstPublished(self._mirror, self._channel)
        intake = Intake(self._mirror, draft, self._cache, first)
        try:
            with self.stages.measured("intake"):
                self._take_in(draft, intake, listing.subdirs)
            filled = self._fill(draft, listing, own=own)
            document = Generation(
                number=draft.number,
                serial=self._found.serial,
                local=local.fingerprint(self._cache.local_files()),
                snapshot="",
                created=self._now,
                engine=OWN if filled.is_own else f"conda-index {engine}",
                subdirs=filled.listing.published(),
                left_out=self._left_out(filled.listing),
                ledger=self._ledger.identity if self._ledger else "",
                timestamps=listing.timestamps,
            )
            self._stop.check()
            newest = self._found.newest
            if newest and self._is_base(draft, newest) and generation.is_same(draft):
                confirmed = self._confirm(draft, newest, document)
                intake.note_published(listing.subdirs)
                return confirmed
            with self.stages.measured("publication"):
                self._note_left_shards(draft, listing, filled)
                published = generation.publish(self._mirror, draft, document)
                intake.note_published(listing.subdirs)
        except BaseException:
            if generations.read(self._mirror, self._channel, draft.number) is None:
                files.remove_tree(draft.folder)
            raise
        rolled_back.release(self._mirror, self._channel)
        with self.stages.measured("pruning"):
            keep = self._settings.keep_generations
            generation.prune(self._mirror, self._channel, keep)
        return published

    def _take_in(self, draft: Draft, intake: Intake, subdirs: tuple[str, ...]) -> None:
        scratch = self._root.with_name("scratch")
        opener = Opener(self._mirror, draft, self._engine, scratch, self._stop)
        self.undecided = intake.take_in(self._found, opener)
        intake.stamp(subdirs, self._now)
        if self._ledger is not None:
            intake.link_replaced(self._ledger)

    def _is_base(self, draft: Draft, newest: Generation) -> bool:
        """After a rollback the draft is made from an older one than the newest."""
        return draft.base == self._mirror.generation(self._channel, newest.number)

    def _confirm(self, draft: Draft, newest: Generation, document: Generation) -> Generation:
        """Nothing changed for clients: note what it was confirmed for, and drop the draft."""
        files.remove_tree(draft.folder)
        confirmed = replace(
            newest,
            serial=document.serial,
            local=document.local,
            left_out=document.left_out,
            ledger=document.ledger,
            timestamps=document.timestamps,
        )
        generations.write(self._mirror, self._channel, confirmed)
        return confirmed

    def _fill(self, draft: Draft, listing: Listing, *, own: bool) -> Filled:
        newest = self._found.newest
        # Artifacts that were committed before were seen by the verification of that time.
        is_continued = newest and draft.base and not self._found.is_rebuilt
        fill = Fill(
            mirror=self._mirror,
            draft=draft,
            root=self._root,
            engine=None if own else self._engine,
            serial=newest.serial if newest and is_continued else 0,
            oldest_shard=self._now - self._settings.keep_shards_days * _DAY,
            now=self._now,
            stop=self._stop,
            stages=self.stages,
        )
        return fill.fill(listing)

    def _note_left_shards(self, draft: Draft, listing: Listing, filled: Filled) -> None:
        with self._cache.transaction():
            for subdir in listing.subdirs:
                before = self._cache.left_shards(subdir)
                left = shards.names(draft.folder / subdir) - filled.referenced[subdir]
                self._cache.set_left_shards(
                    subdir, {name: before.get(name, self._now) for name in left}
                )

    def _left_out(self, listing: Listing) -> tuple[UnindexedFile, ...]:
        theirs = (
            UnindexedFile(one.subdir, one.filename, one.size, 0, one.reason, one.is_damaged)
            for one in listing.refused
        )
        mine = (
            UnindexedFile(
                record.file.subdir,
                record.file.filename,
                record.file.size,
                record.file.mtime_ns,
                record.refused or "",
            )
            for record in self._cache.refused()
        )
        return (*theirs, *mine)
