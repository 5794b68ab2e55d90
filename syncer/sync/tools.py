"""What every channel of a run shares: settings, volumes, ways to upstream, and how to report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syncer.artifacts.adopt import Adoption
from syncer.artifacts.downloads.progress import Report
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.sidecars.sidecars import Sidecars
from syncer.artifacts.sidecars.store import SidecarStore
from syncer.artifacts.sidecars.sweep import SidecarSweep
from syncer.artifacts.store.claims import Claims
from syncer.artifacts.store.store import Store
from syncer.planning.canary import Canaries
from syncer.planning.offer import Offers
from syncer.planning.selections import Selections
from syncer.settings.policy import history_entry
from syncer.settings.settings import Settings
from syncer.transport.fetch import Fetch
from volume import generations, locks
from volume.layout import Mirror, State
from volume.program.stop import Stop
from volume.run_document import Totals

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT = 6 * 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one run.

    With ``adoption`` it takes over files and downloads nothing; a run that does not write is a dry
    one.
    """

    settings: Settings
    mirror: Mirror
    state: State
    fetch: Fetch
    stop: Stop
    show_plan: Callable[[Sequence[Totals]], None]
    offers: Offers
    selections: Selections
    canaries: Canaries
    is_strict: bool = False
    writes: bool = True
    checkpoint: Callable[[], None] = lambda: None
    report: Report = lambda facts: None
    bars: bool = False
    adoption: Adoption | None = None
    now: Callable[[], float] = time.time
    run: str = ""
    approved: tuple[str, ...] = ()

    def channel_lock(self, channel: str) -> locks.Held:
        """The channel's lock, for a ``with`` block; an index run of hours is waited for."""
        return locks.Held(
            self.state.channel_lock(channel),
            role="syncer",
            wait_seconds=_LONGEST_WAIT,
            on_wait=lambda holder: _LOG.info("%s: waiting for %s", channel, holder),
            sleep=self.stop.sleep,
        )

    def store(self, channel: str) -> Store:
        """Where a channel's artifacts are: the one place that says which kind of store that is."""
        return Store(self.mirror, channel, Claims(self.state.claims(channel)))

    def sidecar_store(self, channel: str) -> SidecarStore:
        """Where what lies beside a channel's artifacts is."""
        return SidecarStore(self.mirror, channel)

    def sidecars(self, channel: str, ledger: LedgerWriter) -> Sidecars:
        """What lies beside a channel's artifacts, as far as its policy wants it."""
        return Sidecars(
            self.sidecar_store(channel),
            ledger,
            mode=self.settings.policy(channel).sidecars,
            now=self.now,
            is_part=self.adoption is not None,
        )

    def sidecar_sweep(self, channel: str, ledger: LedgerWriter) -> SidecarSweep:
        """What makes the ledger and the folders of what lies beside artifacts agree."""
        return SidecarSweep(
            self.sidecar_store(channel),
            ledger,
            probes=self.settings.policy(channel).sidecars == "probe",
            now=self.now,
        )

    def open_ledger(self, channel: str) -> LedgerWriter:
        """The channel's ledger, with this run in its history.

        Raises:
            VolumeError, StateError: it can't be used.
        """
        return LedgerWriter.create(
            self.state.ledger(channel),
            run=self.run,
            policy=history_entry(self.settings.policy(channel), self.approved),
            published=generations.last_serial(self.mirror, channel),
        )
