"""What a run is made of: works, each of one channel or of one collection beside them."""

from __future__ import annotations

from typing import Protocol

from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from volume.run_document import Totals


class Work(Protocol):
    """One part of a run."""

    result: ChannelResult

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            MirrorError: upstream can't be had or trusted, or the run would be refused.
        """
        ...

    def run(self) -> ChannelResult:
        """Do it; what can't be had is in the result.

        Raises:
            VolumeError, InterruptedRunError: the run is over; what was committed stays.
            MirrorError: this work is over; nothing was changed.
        """
        ...


class Maker(Protocol):
    """Makes the work of what a name names."""

    def __call__(self, tools: Tools, name: str, /, *, allow_wipe: bool) -> Work: ...
