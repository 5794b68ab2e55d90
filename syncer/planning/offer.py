"""What a channel's upstreams offer in one run: asked once, parsed once, whoever needs it first.

Guaranteed: until ``renew`` everybody in the run sees the same indexes of a channel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from syncer.conda import shards
from syncer.conda.repodata import Index, empty
from syncer.conda.wheel_record import with_wheels
from syncer.errors import IndexRejectedError, UpstreamError
from syncer.settings.reach import Reach, reach_of
from syncer.settings.settings import Settings
from syncer.transport.fetch import Fetch
from syncer.upstream.channel_upstream import ChannelUpstream
from syncer.upstream.fetched import Fetched
from volume.layout import State

Fetches = dict[str, Fetched | None]


class Offer:
    """One channel's offer."""

    def __init__(
        self,
        channel: str,
        settings: Settings,
        state: State,
        fetch: Fetch,
        *,
        reads_all: bool,
        wheels: Callable[[], Collection[str]],
    ) -> None:
        self.channel = channel
        self.upstream = ChannelUpstream(
            fetch,
            settings.channel_urls(channel),
            state.upstream(channel),
            self._warn,
            workers=settings.connections,
        )
        self._policy = settings.policy(channel)
        is_shared = any(channel in one.channels for one in settings.environments)
        self._names = None if is_shared or reads_all else reach_of(self._policy)
        self._listener: Callable[[str], None] | None = None
        self._unheard: list[str] = []
        self._fetched: Fetches | None = None
        self._refusal: UpstreamError | None = None
        self._indexes: dict[str, Index] | None = None
        self._wheels = wheels

    def listen(self, listener: Callable[[str], None]) -> None:
        """Pass warnings on, also those of before."""
        self._listener = listener
        unheard, self._unheard = self._unheard, []
        for warning in unheard:
            listener(warning)

    def _warn(self, warning: str) -> None:
        if self._listener is not None:
            self._listener(warning)
        else:
            self._unheard.append(warning)

    @property
    def fetched(self) -> Fetches:
        """The indexes as fetched, by subdir; unchanged ones were not sent. None: upstream has none.

        Raises:
            UpstreamError: one can't be had, or there is none at all.
        """
        if self._refusal is not None:
            raise self._refusal  # whoever needs it next: it was asked as often as it may be
        if self._fetched is None:
            try:
                self._fetched = self._ask()
            except UpstreamError as error:
                self._refusal = error
                raise
        return self._fetched

    def _ask(self) -> Fetches:
        fetched = {
            subdir: self.upstream.fetch_index(subdir, self._names)
            for subdir in self._policy.subdirs
        }
        if not any(fetched.values()):
            raise IndexRejectedError(
                f"{self.upstream.shown} has none of {', '.join(fetched)}: no repodata.json"
                f" there ({self.upstream.said}). Is {self.channel!r} spelt right, and is it a"
                " channel of this upstream?"
            )
        return fetched

    def reach(self, subdir: str) -> Reach | None:
        """The names that were read of a subdir; None means all.

        Raises:
            UpstreamError: as ``fetched`` does.
        """
        found = self.fetched[subdir]
        return self._names if found is not None and found.name == shards.INDEX else None

    @property
    def digest(self) -> str:
        """Changes when an index does.

        Raises:
            UpstreamError: as ``fetched`` does.
        """
        parts = [f"{subdir}={one and one.digest}" for subdir, one in sorted(self.fetched.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def indexes(self) -> Mapping[str, Index]:
        """The indexes by subdir, parsed; empty where upstream has none.

        Raises:
            UpstreamError: one can't be had or trusted.
        """
        if self._indexes is None:
            self._indexes = {
                subdir: with_wheels(self.upstream.index(found, subdir), self._wheels())
                if found is not None
                else empty(subdir)
                for subdir, found in self.fetched.items()
            }
        return self._indexes

    def renew(self) -> None:
        """Ask again at the next use."""
        self._fetched = None
        self._refusal = None
        self._indexes = None

    def release(self) -> None:
        """Free the memory of what was parsed; it is parsed again if somebody needs it."""
        self._indexes = None
        if self._fetched is not None:
            self._fetched = {
                subdir: replace(found, index=None) if found is not None else None
                for subdir, found in self._fetched.items()
            }


class Offers:
    """The offers of all channels.

    Args:
        reads_all: also what no policy can want, so that it can be explained.
    """

    def __init__(
        self, settings: Settings, state: State, fetch: Fetch, *, reads_all: bool = False
    ) -> None:
        self._reads_all = reads_all
        self.fetch = fetch
        self._settings = settings
        self._state = state
        self._offers: dict[str, Offer] = {}
        self.wheels: Mapping[str, Collection[str]] = {}
        """The sha256 of the wheels that channels may offer, by channel: those that are locked."""

    def of(self, channel: str) -> Offer:
        """A channel's offer; nothing is asked before it is used."""
        if channel not in self._offers:
            self._offers[channel] = Offer(
                channel,
                self._settings,
                self._state,
                self.fetch,
                reads_all=self._reads_all,
                wheels=lambda: self.wheels.get(channel, ()),
            )
        return self._offers[channel]
