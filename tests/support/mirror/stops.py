"""A stop at a numbered fault point, in this process: an exception that nothing catches.

Guaranteed: nothing is mutated through ``volume.disk`` afterwards while it is on its way. Not
guaranteed: what a process that dies leaves open; see ``crash``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from volume.disk import faults


class _StoppedError(BaseException):
    """As a kill is: no handler of errors sees it."""


class Stop:
    """Whether the point was reached."""

    has_come = False


@contextlib.contextmanager
def stops_at(point: int) -> Iterator[Stop]:
    """End the block before its point-th mutation, and every mutation after that one."""
    stop = Stop()
    left = point

    def plan(moment: str, operation: str) -> None:
        nonlocal left
        if moment == "before":
            left -= 1
            if left < 0:
                stop.has_come = True
                raise _StoppedError(operation)

    faults.install(plan)
    try:
        with contextlib.suppress(_StoppedError):
            yield stop
    finally:
        faults.install(None)
