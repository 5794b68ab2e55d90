"""The loop: looks for work every few seconds, for as long as the container lives.

Guaranteed: work begins within one poll of a commit (default 5 s); a channel that fails is tried
again after a growing pause, or at once when something new is committed; SIGTERM ends the loop at
the next safe point with 130. A sign of life is left in ``state/index-heartbeat``.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from indexer import site
from indexer.base.channels import discover
from indexer.base.volumes import Volumes
from indexer.ops.round import index_all
from indexer.story.index import has_work
from volume import identity
from volume.disk.files import volume_error
from volume.errors import InterruptedRunError, MirrorError

log = logging.getLogger("indexer.ops.loop")

HEARTBEAT_LIMIT = 300.0
"""Seconds without a sign of life after which the indexer counts as dead."""

_BEAT_SECONDS = 5.0
_LOCK_WAIT = 30.0  # a commit takes seconds; afterwards the other channels get their turn
_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 600.0


class Heartbeat:
    """Touches a file, at most every few seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0

    def beat(self) -> None:
        """Say that we are alive.

        Raises:
            VolumeError: the state volume refuses.
        """
        if time.monotonic() - self._last < _BEAT_SECONDS:
            return
        try:
            self._path.touch()
        except OSError as error:
            raise volume_error(error, "touch", self._path) from error
        self._last = time.monotonic()


@dataclass(frozen=True, slots=True)
class _Pause:
    """A failed channel's: for which reason it had work, until when it rests, and for how long."""

    reason: str
    until: float
    seconds: float


class Loop:
    """Rounds over the channels that have work."""

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes
        self._pauses: dict[str, _Pause] = {}
        self._complaints: dict[str, str] = {}

    def run(self) -> int:
        """Look for work until asked to stop; return the exit code."""
        stop = self._volumes.stop
        log.info("looking for work every %g s", self._volumes.settings.poll_seconds)
        while not stop.requested:
            try:
                stop.check()
                self.look()
            except InterruptedRunError:
                break
            except MirrorError as error:
                self._complain("", error)
            stop.wait(self._volumes.settings.poll_seconds)
        log.info("stopped on request")
        return 0  # being stopped is how a loop ends

    def look(self) -> None:
        """One look at every channel, and the work that it finds.

        Raises:
            MirrorError: a volume can't be used at all.
        """
        # A disk that was unmounted, or taken over by another appliance, while this goes on.
        identity.check(self._volumes.mirror, self._volumes.state)
        for channel in discover(self._volumes.mirror, self._volumes.state):
            self._volumes.stop.check()
            try:
                reason = has_work(self._volumes, channel)
            except MirrorError as error:
                self._complain(channel, error)
                continue
            self._complaints.pop(channel, None)
            if reason is not None and self._is_due(channel, reason):
                self._index(channel, reason)
        site.refresh(self._volumes)
        self._complaints.pop("", None)

    def _index(self, channel: str, reason: str) -> None:
        reports, _ = index_all(self._volumes, [channel], wait_seconds=_LOCK_WAIT)
        if reports[0].status == "busy":
            return
        if reports[0].status != "failed":
            self._pauses.pop(channel, None)
            return
        before = self._pauses.get(channel)
        seconds = min(before.seconds * 2, _LONGEST_PAUSE) if before else _FIRST_PAUSE
        self._pauses[channel] = _Pause(reason, time.monotonic() + seconds, seconds)

    def _is_due(self, channel: str, reason: str) -> bool:
        pause = self._pauses.get(channel)
        return pause is None or pause.reason != reason or time.monotonic() >= pause.until

    def _complain(self, channel: str, error: MirrorError) -> None:
        """Say it once, not at every look."""
        if self._complaints.get(channel) != str(error):
            self._complaints[channel] = str(error)
            log.error("%s", error)
