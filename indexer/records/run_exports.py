"""run_exports that upstream does not give: read once from the artifact, remembered by its hash.

An empty entry would be a false statement, and builds that rely on it would link wrongly. Reading
costs about 2 ms for a ``.conda``; what can't be read counts as none and is reported once.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from indexer.records import package
from indexer.records.record_cache import RecordCache
from volume.layout import Mirror
from volume.ledger.artifact import Placed
from volume.program.stop import Stop
from volume.sections import is_wheel

log = logging.getLogger("indexer.records.run_exports")

_BATCH = 1000
_THREADS = 2  # decompression lets other threads run


def read_missing(
    mirror: Mirror, channel: str, unknown: Iterator[Placed], cache: RecordCache, stop: Stop
) -> int:
    """Read what is not remembered of these, which upstream says nothing of; return how many were.

    Raises:
        VolumeError: the state volume refuses.
    """
    count = 0
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        while batch := list(itertools.islice(unknown, _BATCH)):
            stop.check()
            done = cache.has_run_exports(artifact.sha256 for artifact in batch)
            todo = {
                artifact.sha256: mirror.home(channel, artifact)
                for artifact in batch
                if artifact.sha256 not in done
            }
            found = list(pool.map(_read, todo.values()))
            with cache.transaction():
                cache.remember_run_exports(zip(todo, found, strict=True))
            count += len(todo)
    return count


def _read(path: Path) -> str | None:
    if is_wheel(path.name):
        return None
    try:
        return package.run_exports(path)
    except FileNotFoundError:
        return None  # verification says where it is missing
    except ValueError as error:
        log.warning("run_exports of %s can't be read, so none are published: %s", path.name, error)
        return None
