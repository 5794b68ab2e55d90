"""Clients that ask one server for the same things over and over while a test changes them.

Guaranteed: each poller has a connection of its own, every answer is counted and judged, and after
`turn` every poller has begun and finished a request. Not guaranteed: how many requests there are.
"""

import http.client
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Judge = Callable[[str, int, bytes], str | None]
"""(path, status, body) -> what is wrong with it, or None."""


@dataclass(slots=True)
class _Progress:
    requests: int = 0
    wrong: list[str] = field(default_factory=list)


class Pollers:
    """Threads that poll until the block ends."""

    def __init__(self, port: int, paths: Sequence[str], judge: Judge, *, count: int = 4) -> None:
        self._port = port
        self._paths = paths
        self._judge = judge
        self._done = threading.Event()
        self._moved = threading.Condition()
        self._progress = [_Progress() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._poll, args=(number,)) for number in range(count)
        ]

    @property
    def requests(self) -> int:
        return sum(progress.requests for progress in self._progress)

    @property
    def wrong(self) -> list[str]:
        return [text for progress in self._progress for text in progress.wrong]

    def turn(self, requests: int = 2) -> None:
        """Wait until every poller has made this many more requests (2: one began after the call).

        Raises:
            AssertionError: a poller died or got stuck.
        """
        wanted = [progress.requests + requests for progress in self._progress]
        with self._moved:
            arrived = self._moved.wait_for(
                lambda: all(
                    progress.requests >= goal
                    for progress, goal in zip(self._progress, wanted, strict=True)
                ),
                timeout=30,
            )
        assert arrived, f"a poller is stuck; wrong so far: {self.wrong[:5]}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _poll(self, number: int) -> None:
        progress = self._progress[number]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while not self._done.is_set():
                path = self._paths[(progress.requests + number) % len(self._paths)]
                try:
                    connection.request("GET", path)
                    answer = connection.getresponse()
                    verdict = self._judge(path, answer.status, answer.read())
                except (OSError, http.client.HTTPException) as broken:
                    connection.close()
                    verdict = f"{path}: {broken!r}"
                if verdict is not None:
                    progress.wrong.append(verdict)
                with self._moved:
                    progress.requests += 1
                    self._moved.notify_all()
        finally:
            connection.close()
