"""Many small pieces of work by a few threads, each with its own connection.

As many as it takes: few while each ends at once, more when an upstream takes its time, and several
on a shared connection to a far host that speaks HTTP/2.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from syncer.transport.connections.client import Client
from syncer.transport.connections.multiplex import Multiplexer
from volume.program.stop import Stop

_ENDING_SECONDS = 10.0
_TICK_SECONDS = 0.05
# More workers than this only stand in each other's way while a body takes less time than that.
_FEW_WORKERS = 4
_QUICK_SECONDS = 0.01
_LOOK_SECONDS = 0.25
# Requests at once on a connection to a far host that speaks HTTP/2.
_STREAMS = 4

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a worker did not expect."""

    problem: BaseException


class Workers:
    """A few threads, with ``most`` connections at most."""

    def __init__(self, client: Client, stop: Stop, most: int) -> None:
        self._client = client
        self._stop = stop
        self._most = most

    def run(
        self,
        tasks: Sequence[Task],
        work: Callable[[Task], Outcome],
        *,
        check: Callable[[], None] = lambda: None,
        abandon: Callable[[], None] = lambda: None,
    ) -> Generator[Outcome | None, None, None]:
        """Do ``work`` for every task; yield each outcome, and None now and then while none comes.

        Args:
            check: called now and then; what it raises ends the work.
            abandon: called when the work ends early, before the threads are waited for.

        Raises:
            InterruptedRunError: the run was stopped.
            Exception: whatever ``work`` or ``check`` raised first.
        """
        waiting = iter(tasks)
        guard = threading.Lock()
        outcomes: queue.SimpleQueue[Outcome | _Raised] = queue.SimpleQueue()
        ending, finished = threading.Event(), threading.Event()
        is_far = threading.Event()
        working = 0
        threads: list[threading.Thread] = []

        def labour(shared: Multiplexer | None) -> None:
            nonlocal working
            if shared is not None:
                self._client.use(shared)
            while not ending.is_set():
                with guard:
                    task = next(waiting, None)
                if task is None:
                    break
                try:
                    outcomes.put(work(task))
                except Exception as problem:  # noqa: BLE001 - a worker must never die silently
                    outcomes.put(_Raised(problem))
                if shared is None and is_far.is_set():
                    shared = self._client.share(_STREAMS)
                    for _ in range(1, _STREAMS if shared is not None else 0):
                        start(shared)
            self._client.rest()
            if shared is not None:
                shared.leave()
            with guard:
                working -= 1
                if working == 0:
                    finished.set()

        def start(shared: Multiplexer | None = None) -> None:
            nonlocal working
            thread = threading.Thread(target=labour, args=(shared,), name="fetch", daemon=True)
            with guard:
                threads.append(thread)
                working += 1
            thread.start()

        self._client.rest()  # this thread's connection would be one too many
        most = min(self._most, len(tasks))
        workers = min(_FEW_WORKERS, most)
        for _ in range(workers):
            start()
        started = time.monotonic()
        done = 0
        try:
            while done < len(tasks):
                # Not woken for each: that would cost small bodies a good part of their time.
                finished.wait(_TICK_SECONDS)
                check()
                elapsed = time.monotonic() - started
                if elapsed > _LOOK_SECONDS and elapsed * workers > _QUICK_SECONDS * done:
                    is_far.set()  # upstream takes its time: ask for more at once
                    for _ in range(workers, most):
                        start()
                    workers = most
                if outcomes.empty():
                    self._stop.check()
                    yield None
                while not outcomes.empty():
                    outcome = outcomes.get()
                    if isinstance(outcome, _Raised):
                        raise outcome.problem
                    done += 1
                    yield outcome
        finally:
            ending.set()
            if done < len(tasks):
                abandon()
            # A small transfer that hangs does not notice; the threads end with the process.
            deadline = time.monotonic() + _ENDING_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
