"""What every channel of a run shares: settings, volumes, ways to upstream, and how to report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syncer.adopt import Adoption
from syncer.fetch import Fetcher
from syncer.plan import Totals
from syncer.settings import Settings
from syncer.transfer import Transfers
from volume.layout import Mirror, State
from volume.stop import Stop


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one run. With ``adoption`` it takes over files and downloads nothing."""

    settings: Settings
    mirror: Mirror
    state: State
    fetcher: Fetcher
    transfers: Transfers
    stop: Stop
    show_plan: Callable[[Sequence[Totals]], None]
    checkpoint: Callable[[], None] = lambda: None
    bars: bool = False
    adoption: Adoption | None = None
    now: Callable[[], float] = time.time
    run: str = ""
