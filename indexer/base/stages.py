"""The stages of a run, with the seconds that each took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Stages:
    """A clock for parts of the work; a part that comes again adds up."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Take the time of what is inside."""
        begin = time.monotonic()
        try:
            yield
        finally:
            elapsed = time.monotonic() - begin
            self._seconds[name] = self._seconds.get(name, 0.0) + elapsed

    @property
    def seconds(self) -> tuple[tuple[str, float], ...]:
        """Each stage and its seconds, in the order in which they began to end."""
        return tuple(self._seconds.items())

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._seconds.items())
