"""What goes on beside the schedule: supercronic's metrics are kept, and a long silence is noticed.

A thread of the process that runs the schedule. It writes ``schedule-metrics.json`` alone, and tells
people when no sync did its work for HEALTH_HOURS: no sync that fails or never begins could.
Guaranteed: what goes wrong here is logged, once for each reason, and ends nothing.
"""

from __future__ import annotations

import logging
import threading
import time

from syncer.ops import status as state_of
from syncer.ops.notify import notices
from syncer.ops.schedule import supercronic
from syncer.settings.settings import Settings
from volume.disk import documents
from volume.errors import MirrorError
from volume.layout import State
from volume.program import exposition
from volume.program.exposition import Family, sample

_LOG = logging.getLogger(__name__)
_EVERY_SECONDS = 15.0
_HEALTH_SECONDS = 60.0


class Watch:
    """Watches until the process ends."""

    def __init__(self, settings: Settings, port: int) -> None:
        self._settings = settings
        self._state = State(settings.state_dir)
        self._port = port
        self._complaint = ""
        self._health_due = 0.0

    def start(self) -> None:
        """Begin; the thread ends with the process."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(_EVERY_SECONDS)  # supercronic does not listen yet when this begins
            try:
                self.look(time.time())
                self._complaint = ""
            except MirrorError as error:
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    _LOG.warning("%s", error)

    def look(self, now: float) -> None:
        """One look at everything.

        Raises:
            MirrorError: supercronic does not answer, or the state volume refuses.
        """
        if time.monotonic() >= self._health_due:
            self._health_due = time.monotonic() + _HEALTH_SECONDS
            reason = state_of.unhealthy(self._settings, now)
            if reason:
                notices.unhealthy(self._settings, reason, now)
        if not self._state.root.is_dir():
            return  # the first sync makes it
        families = [*_own(now), *supercronic.scrape(self._port)]
        documents.write(
            self._state.schedule_metrics,
            {"families": exposition.plain(families)},
            is_durable=False,
        )


def _own(now: float) -> list[Family]:
    text = "When the process that runs the schedule was last seen alive."
    return [Family("conda_mirror_schedule_timestamp_seconds", "gauge", text, (sample(now),))]
