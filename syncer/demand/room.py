"""Room on the mirror volume: what transfers at the same time may take of it together.

Guaranteed: no transfer begins that, with what the others still have to bring, would leave less than
``MIN_FREE``. Not for records that tell no size: what those bring is seen when it is here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from syncer.errors import NoSpaceError
from volume.program.sizes import amount


class Room:
    """The free bytes of one volume.

    Args:
        free: bytes that are free now.
        reserve: bytes that must stay free.
    """

    def __init__(self, free: Callable[[], int], reserve: int) -> None:
        self._free = free
        self._reserve = reserve
        self._guard = threading.Lock()
        self._coming: dict[int, Callable[[], int]] = {}
        self._number = 0

    @contextlib.contextmanager
    def taken(self, size: int, arrived: Callable[[], int]) -> Iterator[None]:
        """Room for ``size`` bytes, as long as a ``with`` block lasts.

        Args:
            arrived: how many of them are here.

        Raises:
            NoSpaceError: there is none.
            VolumeError: the volume is not there.
        """
        with self._guard:
            free = self._free()
            others = sum(coming() for coming in self._coming.values())
            if size + others + self._reserve > free:
                on_the_way = f", {amount(others)} are on their way" if others else ""
                raise NoSpaceError(
                    f"it has {amount(size)}, {amount(free)} are free{on_the_way} and"
                    f" {amount(self._reserve)} must stay so (MIN_FREE): free space, or use a"
                    " bigger volume"
                )
            self._number += 1
            number = self._number
            self._coming[number] = lambda: max(0, size - arrived())
        try:
            yield
        finally:
            with self._guard:
                del self._coming[number]
