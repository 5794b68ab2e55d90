"""Writes the syncer's metrics to the state volume, where the indexer collects them for /metrics.

One document, ``sync-metrics.json``, written by whoever holds ``sync.lock``. A run's part of the
sums is written again at every checkpoint, so a killed run keeps what it had by then.
Not guaranteed: sums after a power loss or on a full disk; metrics never make a run fail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from syncer.sync import metrics
from volume.disk import documents
from volume.errors import StateError, VolumeError
from volume.layout import State
from volume.program import exposition
from volume.run_document import RunDocument

_LOG = logging.getLogger(__name__)


class Recorder:
    """Keeps the sums over all runs, and what the last run did."""

    def __init__(self, state: State, *, health_seconds: float) -> None:
        self._state = state
        self._health_seconds = health_seconds
        self._before, self._verification = self._read()

    def note_run(self, run: RunDocument) -> None:
        """Record a run as far as it is; called again and again, the last call counts."""
        self._write(run, metrics.add(self._before, metrics.of_run(run)))

    def note_verification(
        self, run: RunDocument | None, *, now: float, looked_at: int, size: int,
        damaged: Iterable[str],
    ) -> None:  # fmt: skip
        """Record a verification. ``run`` is the last sync; ``damaged`` the channel of each find."""
        channels = list(damaged)
        self._before = metrics.add(self._before, metrics.of_verification(looked_at, size, channels))
        self._verification = {
            "finished": now, "looked_at": looked_at, "size": size, "damaged": len(channels),
        }  # fmt: skip
        self._write(run, self._before)

    def _read(self) -> tuple[metrics.Sums, Mapping[str, Any] | None]:
        try:
            document = documents.read(self._state.sync_metrics) or {}
            return metrics.sums_of(document.get("sums", ())), document.get("verification")
        except (StateError, ValueError) as error:
            _LOG.warning("the counters in /metrics begin anew: %s", error)
            return {}, None

    def _write(self, run: RunDocument | None, sums: metrics.Sums) -> None:
        families = metrics.families(
            run, self._verification, sums, health_seconds=self._health_seconds
        )
        try:
            documents.write(
                self._state.sync_metrics,
                {
                    "sums": metrics.plain(sums),
                    "verification": self._verification,
                    "families": exposition.plain(families),
                },
                is_durable=False,
            )
        except VolumeError as error:
            _LOG.warning("/metrics is not up to date: %s", error)
