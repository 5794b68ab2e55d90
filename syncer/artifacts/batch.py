"""What waits for the next checkpoint of a run."""

from __future__ import annotations

import time

from syncer.artifacts.task import Staged
from syncer.conda.repodata import Wanted
from syncer.settings.settings import Settings


class Batch:
    """What waits for the next checkpoint: staged artifacts, and new records of committed ones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.hotfixes: list[Wanted] = []
        self._staged: list[Staged] = []
        self._size = 0
        self._since = time.monotonic()

    def add(self, staged: Staged) -> None:
        self._staged.append(staged)
        self._size += staged.size

    @property
    def is_due(self) -> bool:
        settings = self._settings
        age = time.monotonic() - self._since
        return bool(self._staged) and (
            self._size >= settings.checkpoint_size or age >= 60 * settings.checkpoint_minutes
        )

    def take_hotfixes(self) -> list[Wanted]:
        hotfixes, self.hotfixes = self.hotfixes, []
        return hotfixes

    def take(self) -> list[Staged]:
        staged, self._staged = self._staged, []
        self._size = 0
        self._since = time.monotonic()
        return staged
