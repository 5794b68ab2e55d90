"""The clients of a run: reader processes, and py-rattler with cold caches."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from benchmarks.torture.journal import Journal
from benchmarks.torture.programs import REPOSITORY
from benchmarks.torture.upstream import CHANNEL, ROOT
from tests.support.clients.clients import Variant, rattler_solve

VARIANTS: tuple[Variant, ...] = ("shards", "shards", "zst", "bz2", "json")


class Readers:
    """Reader processes; what they find and count goes into the journal."""

    def __init__(self, journal: Journal, settings: dict[str, Any], count: int) -> None:
        self._journal = journal
        self._settings = settings
        self._count = count
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for number in range(self._count):
            settings = {**self._settings, "seed": self._settings["seed"] * 1000 + number}
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.torture.reader", json.dumps(settings)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            thread = threading.Thread(target=self._listen, args=(f"reader {number}", process))
            thread.start()
            self._processes.append(process)
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for thread in self._threads:
            thread.join()

    def _listen(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                said = json.loads(line)
                if "counts" in said:
                    self._journal.report_counts(name, Counter(said["counts"]))
                    self._journal.report_excused(name, Counter(said["excused"]))
                else:
                    self._journal.find(said["kind"], said["where"], f"{name}: {said['fact']}")
        if (code := process.wait()) != 0:
            self._journal.find("torturer", name, f"ended with {code}")


class Solver:
    """py-rattler, each time in a new process with empty caches."""

    def __init__(self, journal: Journal, url: str) -> None:
        self._journal = journal
        self._url = f"{url}/{CHANNEL}"
        self._number = 0

    def step(self, wait: Callable[[float], object]) -> None:
        begin = time.monotonic()
        variant = VARIANTS[self._number % len(VARIANTS)]
        self._number += 1
        result = rattler_solve(self._url, "linux-64", [ROOT, "tick"], variant=variant)
        self._journal.count("solves")
        if result.error is not None:
            self._journal.find("solve", f"{self._url} ({variant})", result.error)
        wait(3 * (time.monotonic() - begin))  # two cores are all that there is
