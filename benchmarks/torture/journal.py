"""The journal of a run: what happened, what was counted, and what was found to be wrong.

Guaranteed: safe for threads; a finding carries the last events before it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

_LAST_EVENTS = 25


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency: which promise, where, what was there; ``seconds`` since the start."""

    kind: str
    where: str
    fact: str
    seconds: float
    events: tuple[str, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """The finding as plain data."""
        return asdict(self)


class Journal:
    """Events, counts and findings of one run."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._live: dict[str, Counter[str]] = {}
        self._excused: dict[str, Counter[str]] = {}
        self._events: deque[str] = deque(maxlen=400)
        self._lock = threading.Lock()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def event(self, text: str) -> None:
        """Note that something happened."""
        with self._lock:
            self._events.append(f"{self.seconds:8.2f} {text}")

    def count(self, what: str, number: int = 1) -> None:
        with self._lock:
            self._counts[what] += number

    def report_counts(self, who: str, counts: Counter[str]) -> None:
        """Replace what one client has counted so far."""
        with self._lock:
            self._live[who] = counts

    def report_excused(self, who: str, excused: Counter[str]) -> None:
        """Replace what one client has excused so far."""
        with self._lock:
            self._excused[who] = excused

    def excused(self) -> Counter[str]:
        """What looked wrong and was explained, by reason."""
        with self._lock:
            return sum(self._excused.values(), Counter())

    def counts(self) -> Counter[str]:
        """All counts, the clients' included."""
        with self._lock:
            return sum(self._live.values(), Counter(self._counts))

    def find(self, kind: str, where: str, fact: str) -> None:
        """Note an inconsistency."""
        with self._lock:
            events = tuple(self._events)[-_LAST_EVENTS:]
            self.findings.append(Finding(kind, where, fact, round(self.seconds, 2), events))
