"""Python's garbage collector, for a program that makes few circles and ends soon."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_NEW_OBJECTS = 50_000


@contextlib.contextmanager
def at_rest() -> Iterator[None]:
    """Let it look seldom, and not at the end.

    By default it looks at a part of the objects again for each 700 new ones, and at all of them
    when the interpreter ends, although the memory goes as a whole then. Nearly all of ours stay,
    and a sync without news is over soon.
    """
    gc.set_threshold(_NEW_OBJECTS)
    try:
        yield
    finally:
        gc.freeze()
