"""Files of a collection into staging, verified while they stream, by the workers of artifacts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncer.artifacts.downloads.part import Meter, Part
from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.downloads.writeback import Writeback
from syncer.errors import UpstreamError
from syncer.sync.tools import Tools
from syncer.transport.fetch import Delivered, Expected
from volume.disk.files import make_directory, size_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToFetch:
    """One content: its addresses, best first, what it has to be, and where it is staged.

    ``about`` is its size in bytes as far as anybody knows, 0 if nobody does.
    """

    urls: tuple[str, ...]
    expected: Expected
    path: Path
    about: int = 0

    @property
    def missing(self) -> int:
        """About how many bytes are still to be downloaded."""
        return max(0, self.about - size_of(self.path))


def download(
    tools: Tools,
    name: str,
    wanted: Sequence[ToFetch],
    *,
    check: Callable[[], None] = lambda: None,
) -> dict[Path, Delivered | UpstreamError]:
    """Download each content once; what came of it, by where it is staged.

    Args:
        name: the collection's, for people.
        check: called now and then; what it raises ends the run.

    Raises:
        VolumeError: the mirror volume refused.
        InterruptedRunError: the run was stopped; what is staged is gone on from.
    """
    found: dict[Path, Delivered | UpstreamError] = {}
    if not wanted:
        return found
    progress = Progress(
        name,
        artifacts=len(wanted),
        size=sum(one.about for one in wanted),
        bars=tools.bars,
        report=tools.report,
    )

    def attempt(one: ToFetch) -> tuple[ToFetch, Delivered | UpstreamError]:
        return one, _attempt(tools, one, writeback)

    def watch() -> None:
        writeback.check()
        check()

    with progress, Writeback(tools.mirror.root, progress) as writeback:
        workers = tools.fetch.workers(tools.settings.connections)
        outcomes = workers.run(wanted, attempt, check=watch, abandon=tools.stop.request)
        for outcome in outcomes:
            if outcome is not None:
                one, result = outcome
                found[one.path] = result
                if not isinstance(result, Delivered):
                    _LOG.warning("%s: %s", name, result)
                progress.finished()
            progress.show()
    return found


def _attempt(tools: Tools, one: ToFetch, meter: Meter) -> Delivered | UpstreamError:
    make_directory(one.path.parent)
    try:
        found = tools.fetch.fetch(one.urls, one.expected, Part(str(one.path), meter))
    except UpstreamError as error:
        return error
    if found.source is None:
        meter.received(found.size)
    return found
