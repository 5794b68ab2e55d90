"""Watches the published link: every swap, and that the index never goes back by itself (I6).

Guaranteed: a generation number that falls is a finding unless a rollback was begun since the last
publication. Not guaranteed: that two swaps within one look are seen as two.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.torture.journal import Journal
from volume.generations import number_of

LOOK_SECONDS = 0.01


class Watch:
    """Looks at ``current`` again and again."""

    def __init__(self, current: Path, journal: Journal) -> None:
        self._current = current
        self._journal = journal
        self._lock = threading.Lock()
        self._running = 0
        self._allowed = 0
        self._last: int | None = None
        self._newest = 0

    @contextlib.contextmanager
    def rollback(self) -> Iterator[None]:
        """A rollback runs: the number may fall once, now or when its crash is healed."""
        with self._lock:
            self._running += 1
            self._allowed += 1
        yield
        with self._lock:
            self._running -= 1

    def step(self, wait: Callable[[float], object]) -> None:
        wait(LOOK_SECONDS)
        try:
            number = number_of(os.readlink(self._current))  # noqa: PTH115 - a hundred times a second
        except FileNotFoundError:
            if self._last is not None:
                self._journal.find("I6", str(self._current), "the link is gone")
            return
        if number is None:
            self._journal.find("I6", str(self._current), "the link names no generation")
        elif number != self._last:
            self._moved(number)

    def _moved(self, number: int) -> None:
        last, self._last = self._last, number
        self._journal.event(f"published: {last} -> {number}")
        if last is None or number > last:
            self._journal.count("publications")
            self._journal.count("generations", max(0, number - self._newest))
            self._newest = max(self._newest, number)
            with self._lock:
                self._allowed = self._running
        else:
            self._journal.count("went back")
            with self._lock:
                allowed, self._allowed = self._allowed > 0, max(0, self._allowed - 1)
            if not allowed:
                self._journal.find("I6", str(self._current), f"{last} -> {number}, no rollback")
