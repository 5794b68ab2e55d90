"""Each mirror's own offset from its schedule, so that a thousand of them don't come at once.

Cron's times are round, and upstreams feel it. The offset comes from the mirror's id: the same every
day, so that its hour stays predictable, and another at every site.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta

from syncer.settings.settings import Settings
from volume.disk import documents
from volume.layout import State
from volume.program.stop import Stop

_LOG = logging.getLogger(__name__)


def offset(identity: str, minutes: float) -> float:
    """Seconds after the scheduled time at which this mirror begins: 0 up to ``minutes``. Pure."""
    digest = hashlib.sha256(f"schedule {identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * minutes * 60


def wait(settings: Settings, stop: Stop) -> None:
    """Wait for this mirror's own time; a mirror without an id yet, or without jitter, goes at once.

    Raises:
        InterruptedRunError: the run was stopped.
        StateError: the id can't be read.
    """
    known = documents.read(State(settings.state_dir).instance)
    if known is None or not settings.jitter_minutes:
        return
    seconds = round(offset(str(known["id"]), settings.jitter_minutes))
    begin = datetime.now().astimezone() + timedelta(seconds=seconds)
    _LOG.info(
        "the sync begins at %s: %d min %d s after the schedule, this mirror's own offset"
        " (SYNC_JITTER_MINUTES)",
        begin.strftime("%H:%M:%S"), *divmod(seconds, 60),
    )  # fmt: skip
    stop.sleep(seconds)
