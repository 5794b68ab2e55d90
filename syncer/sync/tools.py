"""What every channel of a run shares: settings, volumes, ways to upstream, and how to report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncer.artifacts.adopt import Adoption
from syncer.artifacts.progress import Report
from syncer.planning.canaries import Canaries
from syncer.planning.choices import Choices
from syncer.planning.offer import Offers
from syncer.planning.plan import Totals
from syncer.settings.settings import Settings
from syncer.transport.fetch import Fetcher
from syncer.transport.hosts import Hosts
from syncer.transport.reachability import Reachability
from syncer.transport.transfer import Transfers
from volume.layout import Mirror, State
from volume.program.stop import Stop


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one run.

    With ``adoption`` it takes over files and downloads nothing; a run that does not write is a dry
    one.
    """

    settings: Settings
    mirror: Mirror
    state: State
    fetcher: Fetcher
    transfers: Transfers
    stop: Stop
    show_plan: Callable[[Sequence[Totals]], None]
    offers: Offers
    choices: Choices
    canaries: Canaries
    is_strict: bool = False
    writes: bool = True
    hosts: Hosts = field(default_factory=Hosts)
    reachability: Reachability = field(default_factory=Reachability)
    checkpoint: Callable[[], None] = lambda: None
    report: Report = lambda facts: None
    bars: bool = False
    adoption: Adoption | None = None
    now: Callable[[], float] = time.time
    run: str = ""
    approved: tuple[str, ...] = ()
