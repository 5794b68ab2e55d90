"""The end of a run on channels on demand: what nobody asked for longest gives up its bytes.

``DEMAND_SIZE`` is one bound for all channels, so they are looked at together, after each had its
turn. Guaranteed: only artifacts of channels that this run has seen upstream list, as their rows
have them; what is used is known from the counts (``usage``), and where these are new, damaged or
not there, from when the bytes came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from syncer.artifacts.eviction import Eviction
from syncer.planning.eviction import Asked, Evictions, choose
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from syncer.usage import counts as usage
from volume import generations
from volume.errors import StateError, VolumeError
from volume.generations import Generation
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Here, Promises
from volume.program.sizes import amount, counted

_LOG = logging.getLogger(__name__)

Needed = Callable[[Ledger, str], Set[str]]
"""What of a subdir keeps its bytes, for a channel's ledger."""


def noted(ledger: Ledger, subdir: str) -> Set[str]:
    """As the channel's last sync noted it."""
    return Promises(ledger).needed(subdir)


class Evicting:
    """Looks at what is here because somebody asked for it, and bounds it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def plan(self, channels: Mapping[str, Needed]) -> Evictions:
        """What is to give up its bytes; nothing is changed.

        Args:
            channels: those that may evict, and what they need.

        Raises:
            VolumeError, StateError: a ledger can't be read.
        """
        settings = self._tools.settings
        asked = [
            one
            for channel, needed in channels.items()
            if settings.demand_size and settings.policy(channel).on_demand
            for one in self._asked(channel, needed)
        ]
        return choose(asked, settings.demand_size)

    def run(self, results: Iterable[ChannelResult]) -> None:
        """Evict what is too much, of the channels whose upstream this run could look at.

        Raises:
            VolumeError: a volume refused.
            InterruptedRunError: the run was stopped.
        """
        of = {one.channel: one for one in results if one.error is None}
        if not self._tools.settings.demand_size or self._tools.adoption is not None:
            return
        evictions = self.plan(dict.fromkeys(of, noted))
        for channel, result in of.items():
            chosen = [one for one in evictions.chosen if one.channel == channel]
            if chosen:
                self._evict(channel, chosen, result)
        for warning in self.warnings(evictions):
            for one in of.values():
                if self._tools.settings.policy(one.channel).on_demand:
                    one.warnings.append(warning)
                    break

    def _evict(self, channel: str, chosen: list[Asked], result: ChannelResult) -> None:
        tools = self._tools
        tools.checkpoint()
        _LOG.info(
            "%s: what was asked for longest ago gives up its bytes (DEMAND_SIZE=%s): %s, %s",
            channel, amount(tools.settings.demand_size), counted(len(chosen), "artifact"),
            amount(sum(one.size for one in chosen)),
        )  # fmt: skip
        with tools.open_ledger(channel) as ledger, tools.channel_lock(channel):
            found = Eviction(tools.store(channel), ledger).evict(chosen, now=tools.now)
        result.evicted += found.count
        result.evicted_size += found.size

    def warnings(self, evictions: Evictions) -> list[str]:
        """What a person should know of them."""
        if not evictions.over:
            return []
        bound = amount(self._tools.settings.demand_size)
        return [
            f"DEMAND_SIZE={bound} can't be held: what pinned snapshots list is"
            f" {amount(evictions.over)} more; end a pin ('indexer pin-generation --release'),"
            " or allow more"
        ]

    def _asked(self, channel: str, needed: Needed) -> Iterator[Asked]:
        ledger = Ledger.read(self._tools.state.ledger(channel))
        if ledger is None:
            return
        with ledger:
            arrivals = Promises(ledger).arrivals()
            pins = _Pins(generations.kept(self._tools.mirror, channel), ledger.identity)
            for subdir in ledger.subdirs():
                stays = needed(ledger, subdir)
                used = self._last_use(channel, subdir)
                for one in Promises(ledger).here(subdir):
                    if one.filename not in stays:
                        came = arrivals.get((subdir, one.filename), one.entered)
                        last = max(came, used.get(one.filename, 0.0))
                        yield Asked(channel, subdir, one.filename, one.size, last, pins.list(one))

    def _last_use(self, channel: str, subdir: str) -> Mapping[str, float]:
        path = self._tools.state.usage
        if not path.exists():
            return {}
        try:
            with usage.Counts(path, now=self._tools.now()) as counts:
                return counts.last_use(channel, subdir)
        except (StateError, VolumeError) as error:
            _LOG.warning("%s; what came first counts as asked for longest ago", error)
            return {}


class _Pins:
    """What pinned snapshots list of a channel."""

    def __init__(self, kept: Iterable[Generation], ledger: str) -> None:
        pinned = [one for one in kept if one.pinned]
        # Of what another ledger knew, before the state was lost, the times say nothing.
        self._lists_all = any(one.ledger != ledger for one in pinned)
        self._last = max((one.created for one in pinned), default=0.0)

    def list(self, one: Here) -> bool:
        """Whether one may list these bytes: a row has them from when it is listed first."""
        return self._lists_all or one.entered <= self._last
