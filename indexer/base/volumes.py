"""The volumes, and how to behave on them: what every part of the indexer's story is given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from indexer.base.settings import Settings
from volume.layout import Mirror, State
from volume.program.stop import Stop


@dataclass(frozen=True, slots=True)
class Volumes:
    """Where things are, how to behave, whether to stop, and what time it is (seconds of epoch)."""

    mirror: Mirror
    state: State
    settings: Settings
    stop: Stop
    clock: Callable[[], float] = time.time
