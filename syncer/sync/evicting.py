"""The end of a run on channels on demand: what nobody asked for longest gives up its bytes.

So does what nobody asked for in ``PRUNE_UNUSED_DAYS``, if the wipe guard agrees. ``DEMAND_SIZE`` is
one bound for all channels, so they are looked at together, after each had its turn.

Guaranteed: only artifacts of channels that this run has seen upstream list, as their rows
have them; what is used is known from the counts (``usage``), and where these are new, damaged or
not there, from when the bytes came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace

from syncer.artifacts.eviction import Eviction
from syncer.planning.guard import share_of
from syncer.planning.on_demand.eviction import Evictable, Evictions, choose
from syncer.planning.plan import Amount
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


@dataclass(frozen=True, slots=True)
class Told:
    """What a person should know of a channel."""

    channel: str
    text: str


Needed = Callable[[Ledger, str], Set[str]]
"""What of a subdir keeps its bytes, for a channel's ledger."""


def noted(ledger: Ledger, subdir: str) -> Set[str]:
    """As the channel's last sync noted it."""
    return Promises(ledger).needed(subdir)


class Evicting:
    """Looks at what is here because somebody asked for it, and bounds it.

    Args:
        allow_wipe: channels that may lose as much as PRUNE_UNUSED_DAYS takes.
    """

    def __init__(self, tools: Tools, allow_wipe: Collection[str] = ()) -> None:
        self._tools = tools
        self._allow_wipe = allow_wipe

    def plan(self, channels: Mapping[str, Needed]) -> tuple[Evictions, list[Told]]:
        """What is to give up its bytes, and what a person should know; nothing is changed.

        Args:
            channels: those that may evict, and what they need.

        Raises:
            VolumeError, StateError: a ledger can't be read.
        """
        settings = self._tools.settings
        asked: list[Evictable] = []
        told: list[Told] = []
        for channel, needed in channels.items():
            policy = settings.policy(channel)
            if policy.on_demand and (settings.demand_size or policy.prune_unused_days):
                found, refusal = self._guarded(channel, *self._asked(channel, needed))
                asked += found
                told += [Told(channel, refusal)] if refusal else []
        evictions = choose(asked, settings.demand_size)
        if evictions.over:
            told.append(
                Told(
                    asked[0].channel,
                    f"DEMAND_SIZE={amount(settings.demand_size)} can't be held: what pinned"
                    f" snapshots list is {amount(evictions.over)} more; end a pin"
                    " ('indexer pin-generation --release'), or allow more",
                )
            )
        return evictions, told

    def _guarded(
        self, channel: str, asked: list[Evictable], present: Amount
    ) -> tuple[list[Evictable], str]:
        """What may be taken away as unused, and why it is not; the wipe guard is asked."""
        unused = [one for one in asked if one.is_unused and not one.is_pinned]
        size = sum(one.size for one in unused)
        share = share_of(len(unused), size, present.count, present.size)
        most = self._tools.settings.policy(channel).wipe_guard_percent
        if share <= most or channel in self._allow_wipe:
            return asked, ""
        return [replace(one, is_unused=False) for one in asked], (
            f"PRUNE_UNUSED_DAYS would take the bytes of {len(unused):,} of {present.count:,}"
            f" artifacts ({amount(size)} of {amount(present.size)}, {share:.0f} %), more than"
            f" WIPE_GUARD_PERCENT={most:g} allows: all stay; if it is right, run"
            f" 'syncer --once --allow-wipe {channel}'"
        )

    def run(self, results: Iterable[ChannelResult]) -> None:
        """Evict what is too much, of the channels whose upstream this run could look at.

        Raises:
            VolumeError: a volume refused.
            InterruptedRunError: the run was stopped.
        """
        if self._tools.adoption is not None:
            return
        of = {one.channel: one for one in results if one.error is None}
        evictions, told = self.plan(dict.fromkeys(of, noted))
        for one in told:
            of[one.channel].warnings.append(one.text)
        for channel, result in of.items():
            chosen = [one for one in evictions.chosen if one.channel == channel]
            if chosen:
                self._evict(channel, chosen, result)

    def _evict(self, channel: str, chosen: list[Evictable], result: ChannelResult) -> None:
        tools = self._tools
        tools.checkpoint()
        _LOG.info(
            "%s: what was asked for longest ago gives up its bytes: %s, %s",
            channel, counted(len(chosen), "artifact"), amount(sum(one.size for one in chosen)),
        )  # fmt: skip
        with tools.open_ledger(channel) as ledger, tools.channel_lock(channel):
            found = Eviction(tools.store(channel), ledger).evict(chosen, now=tools.now)
        result.evicted += found.count
        result.evicted_size += found.size

    def _asked(self, channel: str, needed: Needed) -> tuple[list[Evictable], Amount]:
        """What is here only because somebody asked for it, and how much is here in all."""
        ledger = Ledger.read(self._tools.state.ledger(channel))
        if ledger is None:
            return [], Amount()
        found: list[Evictable] = []
        count = size = 0
        idle = self._tools.selections.unused.of(channel).found
        with ledger:
            arrivals = Promises(ledger).arrivals()
            pins = _Pins(generations.kept(self._tools.mirror, channel), ledger.identity)
            for subdir in ledger.subdirs():
                stays = needed(ledger, subdir)
                used = self._last_use(channel, subdir)
                unused = idle.get(subdir, {})
                here = Promises(ledger).here(subdir)
                count, size = count + len(here), size + sum(one.size for one in here)
                for one in here:
                    if one.filename not in stays:
                        came = arrivals.get((subdir, one.filename), one.entered)
                        last = max(came, used.get(one.filename, 0.0))
                        found.append(
                            Evictable(
                                channel, subdir, one.filename, one.size, last,
                                is_pinned=pins.list(one), is_unused=one.filename in unused,
                            )
                        )  # fmt: skip
        return found, Amount(count, size)

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
