"""Transfers: what is asked for is downloaded by a few threads, each artifact once.

Guaranteed: at most ``DEMAND_CONNECTIONS`` at a time, in the order in which they were asked for;
what upstream does not have, or has other bytes of, is not asked for again for some minutes, unless
its record changes, and noted in the ledger. A host that had enough of us is left alone for a
minute, and then asked again: this process has no end of a run.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable

from syncer.artifacts.downloads.part import Part
from syncer.artifacts.promises import Arrived
from syncer.artifacts.store.claims import Claims
from syncer.artifacts.store.store import Store
from syncer.artifacts.ungiven import kind_of
from syncer.demand import answers
from syncer.demand.answers import Refusal
from syncer.demand.flight import Flight, Growing
from syncer.demand.keeping import Keeper, Noting
from syncer.demand.promised import Name, Promised
from syncer.demand.room import Room
from syncer.errors import DeniedError, HostStoppedError, UpstreamError
from syncer.planning.selection.permit import denied_hashes
from syncer.planning.survey import free_space
from syncer.settings.settings import Settings
from syncer.transport import network
from syncer.transport.fetch import Delivered, Expected, Fetch
from syncer.transport.retry import Limits
from syncer.transport.throttle import throttle
from volume import identity
from volume.errors import InterruptedRunError, MirrorError
from volume.layout import Mirror, State
from volume.ledger.artifact import Artifact
from volume.program.log import redact
from volume.program.sizes import amount
from volume.program.stop import Stop

_LOG = logging.getLogger(__name__)
_BLOCK = 32 << 10  # bytes that readers get first, so that they come soon
_PATIENCE = Limits(read_timeout=30.0, tries=3)  # somebody waits
_RENEWAL_SECONDS = 60.0
_MOST_REMEMBERED = 10_000


class Meter:
    """Counts bytes that came from upstream."""

    def __init__(self) -> None:
        self.total = 0

    def received(self, size: int) -> None:
        self.total += size


class Upstream:
    """The way to upstream, made anew when a host that had enough of us may be asked again."""

    def __init__(
        self, make: Callable[[], Fetch], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._fetch = make()
        self._stopped_at: float | None = None

    @property
    def fetch(self) -> Fetch:
        with self._lock:
            stopped = self._stopped_at
            if stopped is not None and self._clock() - stopped > _RENEWAL_SECONDS:
                self._fetch, self._stopped_at = self._make(), None
            return self._fetch

    def failed(self, error: UpstreamError) -> None:
        """Note that a host wants no more."""
        found = [error, *getattr(error, "errors", ())]
        with self._lock:
            if self._stopped_at is None and any(isinstance(one, HostStoppedError) for one in found):
                self._stopped_at = self._clock()


class Transfers:
    """All flights of the process."""

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        loop: asyncio.AbstractEventLoop,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked before the first artifact is.

        Raises:
            ConfigError: secrets, a proxy or the CA bundle can't be used.
        """
        self._settings = settings
        self._stop = stop
        self._loop = loop
        self._now = now
        self._mirror = Mirror(settings.mirror_dir)
        self._state = State(settings.state_dir)
        self._room = Room(lambda: free_space(self._mirror), settings.min_free)
        limits = Limits(
            read_timeout=min(settings.read_timeout, _PATIENCE.read_timeout),
            tries=min(settings.tries, _PATIENCE.tries),
            user_agent=settings.user_agent,
        )
        read = network.read(settings)
        limit = throttle(settings.demand_rate_limit, stop)
        self._upstream = Upstream(lambda: Fetch(limits, stop, read, throttle=limit))
        self._promised = Promised(settings, self._state)
        self._flights: dict[Name, Flight] = {}
        self._refused: dict[tuple[Name, bytes], tuple[float, Refusal]] = {}
        self._waiting: queue.SimpleQueue[Flight | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._guard = threading.Lock()
        self._meter = Meter()

    # -- on the loop -------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """How many artifacts are on their way."""
        return len(self._flights)

    def refused(self, name: Name, row: Artifact) -> Refusal | None:
        """Why a promised artifact is not asked for now, if that is known."""
        found = self._refused.get((name, row.digest))
        if found is not None:
            return found[1] if found[0] > time.monotonic() else None
        noted = self._promised.ungiven(name)
        if noted is None or noted.digest != row.digest:
            return None
        is_recent = noted.last <= self._now() < noted.last + answers.REMEMBERED
        return answers.of_note(str(name), noted) if is_recent else None

    def flight(self, name: Name, row: Artifact) -> Flight:
        """The flight of a promised artifact, begun if nobody asked before."""
        found = self._flights.get(name)
        if found is None:
            found = self._flights[name] = Flight(name, row, self._loop)
            self._waiting.put(found)
            with self._guard:
                is_needed = self._idle < self._waiting.qsize()
            if is_needed and len(self._threads) < self._settings.demand_connections:
                thread = threading.Thread(target=self._labour, name="demand", daemon=True)
                self._threads.append(thread)
                thread.start()
        return found

    def _landed(self, flight: Flight) -> None:
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]

    def _remember(self, flight: Flight, refusal: Refusal) -> None:
        if refusal.remembered:
            while len(self._refused) >= _MOST_REMEMBERED:
                del self._refused[next(iter(self._refused))]
            until = time.monotonic() + refusal.remembered
            self._refused[flight.name, flight.row.digest] = (until, refusal)

    # -- on the threads ----------------------------------------------------------------------------

    def end(self, seconds: float) -> None:
        """Stop what is in flight, which stays resumable, and the threads."""
        self._stop.request()
        for _ in self._threads:
            self._waiting.put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _labour(self) -> None:
        try:
            while True:
                with self._guard:
                    self._idle += 1
                flight = self._waiting.get()
                with self._guard:
                    self._idle -= 1
                if flight is None:
                    return
                self._carry(flight)
        finally:
            self._upstream.fetch.client.rest()
            self._promised.close()

    def _carry(self, flight: Flight) -> None:
        refusal: Refusal | None = None
        kind = said = ""
        try:
            refusal = self._bring(flight)
        except MirrorError as error:
            if isinstance(error, UpstreamError):
                self._upstream.failed(error)
            refusal = answers.of_error(str(flight.name), error)
            kind, said = kind_of(error), redact(str(error))
            if not isinstance(error, InterruptedRunError):
                _LOG.warning("%s", refusal.text)
        except Exception:  # noqa: BLE001 - a thread must not die silently, nor leave readers waiting
            refusal = Refusal(503, f"{flight.name} can't be had: the fetcher failed; see its log")
            _LOG.exception("%s", flight.name)
        self._loop.call_soon_threadsafe(self._end, flight, refusal)
        if kind:
            self._note(flight, kind, said)

    def _note(self, flight: Flight, kind: str, said: str) -> None:
        """For the next sync and whoever looks, and for this program when it starts again."""
        name = flight.name
        noting = Noting(self._state.ledger(name.channel), now=self._now, check=self._stop.check)
        try:
            noting.note(name, flight.row.digest, kind, said)
        except MirrorError as error:
            if not isinstance(error, InterruptedRunError):
                _LOG.warning("%s: what upstream did not give can't be noted: %s", name, error)

    def _end(self, flight: Flight, refusal: Refusal | None) -> None:
        if refusal is None:
            flight.keep()
        else:
            self._remember(flight, refusal)
            flight.refuse(refusal)
        self._landed(flight)

    def _bring(self, flight: Flight) -> Refusal | None:
        """Bring an artifact, and keep its promise; None if that went well."""
        name = flight.name
        self._stop.check()
        claims = Claims(self._state.claims(name.channel))
        store = Store(self._mirror, name.channel, claims)
        with store.staging.claim(name.subdir, name.filename, self._stop.sleep):
            row = self._promised.find(name)  # it may have come, or gone, while we waited
            if row is None or row.home == "replaced":
                return answers.GONE
            if row.home != "promised":
                return None
            identity.check(self._mirror, self._state)
            self._check_hash(name, row.sha256)
            store.staging.folder(name.subdir)
            staged = store.staging.path(name.subdir, name.filename, row.digest)
            with self._room.taken(row.size, lambda: flight.course.arrived):
                delivered = self._fetch(flight, row, str(staged))
            arrived = Arrived(
                name.subdir, name.filename, delivered.sha256,
                row.md5 if not row.sha256 else None, delivered.size,
                redact(delivered.source or ""),
            )  # fmt: skip
            self._check_hash(name, delivered.sha256)
            promised = self._promised.find(name)
            if promised is None or not arrived.keeps(promised):
                return answers.GONE
            flight.release(delivered.size)
            ledger = self._state.ledger(name.channel)
            keeper = Keeper(store, ledger, now=self._now, check=self._stop.check)
            if not keeper.keep(staged, arrived):
                return answers.GONE
        _LOG.info("%s: fetched on demand, %s", name, amount(delivered.size))
        return None

    def _fetch(self, flight: Flight, row: Artifact, path: str) -> Delivered:
        expected = Expected(
            row.filename, row.size or None, row.sha256 or None, row.md5,
            otherwise="tried again when somebody asks", block=_BLOCK,
        )  # fmt: skip
        sink = Growing(Part(path, self._meter), path, flight)
        return self._upstream.fetch.fetch(self._promised.urls(flight.name), expected, sink)

    def _check_hash(self, name: Name, sha256: str) -> None:
        if sha256 in denied_hashes(self._settings.policy(name.channel)):
            raise DeniedError(f"it has the denied sha256 {sha256}")
