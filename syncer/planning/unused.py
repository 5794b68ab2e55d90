"""What nobody asks for: of each channel that prunes, as the counts of requests know it.

Reads only. Guaranteed: nothing counts as unused before it was here, and watched, for as many days
as the policy says; where the counts are new, damaged, not there or not up to date, or nobody asked
for anything in that time (then it is the watch that fails), nothing more is unused than was pruned
before. What was pruned stays so until somebody asks for it, or the policy ends that.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from syncer.settings.settings import Settings
from syncer.usage.counts import Counts
from syncer.usage.report import DAY
from volume.errors import StateError, VolumeError
from volume.layout import State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises, Pruned

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Idle:
    """What is unused of a channel; ``before``: what was asked for last before that, None for none.

    Times are in seconds since the epoch.
    """

    found: Mapping[str, Mapping[str, Pruned]] = field(default_factory=dict)
    before: float | None = None

    @property
    def names(self) -> dict[str, Set[str]]:
        """By subdir."""
        return {subdir: set(rows) for subdir, rows in self.found.items()}

    @property
    def digest(self) -> str:
        """Changes when the names do."""
        names = sorted(f"{subdir}/{name}" for subdir, rows in self.found.items() for name in rows)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()


_NOTHING = Idle()


class Unused:
    """What is unused, of every channel; looked at once in a run, so that it holds for all of it."""

    def __init__(self, settings: Settings, state: State, *, now: Callable[[], float]) -> None:
        self._settings = settings
        self._state = state
        self._now = now
        self._is_current = False
        self._idle: dict[str, Idle] = {}

    def trust(self) -> None:
        """From now on what clients asked for is known: it was counted until this moment."""
        self._is_current = True

    def of(self, channel: str) -> Idle:
        """What is unused of a channel.

        Raises:
            StateError: the ledger is damaged.
        """
        days = self._settings.policy(channel).prune_unused_days
        if not days:
            return _NOTHING
        if channel not in self._idle:
            ledger = Ledger.read(self._state.ledger(channel))
            if ledger is None:
                return _NOTHING
            with ledger:
                self._idle[channel] = self._look(channel, ledger, days)
        return self._idle[channel]

    def _look(self, channel: str, ledger: Ledger, days: int) -> Idle:
        promises = Promises(ledger)
        found: dict[str, dict[str, Pruned]] = {}
        used, before = self._used(channel, ledger, days)
        for one in promises.pruned():
            if used.get(one.subdir, {}).get(one.filename, 0.0) <= one.last:
                found.setdefault(one.subdir, {})[one.filename] = one
        if before is not None:
            arrivals = promises.arrivals()
            for subdir in ledger.subdirs():
                asked = used.get(subdir, {})
                for here in promises.here(subdir):
                    came = arrivals.get((subdir, here.filename), here.entered)
                    last = max(came, asked.get(here.filename, 0.0))
                    if last < before:
                        pruned = Pruned(subdir, here.filename, here.size, last)
                        found.setdefault(subdir, {})[here.filename] = pruned
        return Idle(found, before)

    def _used(
        self, channel: str, ledger: Ledger, days: int
    ) -> tuple[dict[str, dict[str, float]], float | None]:
        """When each artifact was asked for last, and before when that is unused, if it is known."""
        path, now = self._state.usage, self._now()
        before = now - days * DAY
        if not path.exists():
            return {}, None
        try:
            with Counts(path, now=now) as counts:
                used = {
                    subdir: counts.last_use(channel, subdir)
                    for subdir in {*ledger.subdirs(), *self._settings.policy(channel).subdirs}
                }
                is_known = counts.since <= before and counts.has_any(since=int(before // DAY) + 1)
        except (StateError, VolumeError) as error:
            _LOG.warning("%s; nothing counts as unused", error)
            return {}, None
        return used, before if is_known and self._is_current else None
