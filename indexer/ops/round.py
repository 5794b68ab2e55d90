"""One round over the channels: each that has work is indexed; one failure stops no other."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from indexer import site
from indexer.base.errors import PARTIAL
from indexer.base.volumes import Volumes
from indexer.story import index_run
from indexer.story.index import has_work, index_channel
from indexer.story.index_run import ChannelReport
from volume.errors import InterruptedRunError, LockBusyError, MirrorError

log = logging.getLogger("indexer.ops.round")


def index_all(
    volumes: Volumes, channels: Iterable[str], *, wait_seconds: float, before: int = 0
) -> tuple[list[ChannelReport], int]:
    """Index channels; return what became of each, and the exit code.

    Raises:
        InterruptedRunError: somebody asked to stop.
        VolumeError: the documents about it can't be written.
    """
    reports: list[ChannelReport] = []
    codes = {before} - {PARTIAL}  # what was left out before may be settled now
    for channel in channels:
        volumes.stop.check()
        try:
            if has_work(volumes, channel):
                index_run.write(volumes.state, index_run.running(channel, volumes.clock()))
            outcome = index_channel(volumes, channel, wait_seconds=wait_seconds)
            made = index_run.done(outcome, volumes.clock())
            codes.add(outcome.exit_code)
        except InterruptedRunError as error:
            index_run.write(volumes.state, index_run.failed(channel, error, volumes.clock()))
            raise
        except LockBusyError as error:
            log.info("%s", error)
            made = index_run.busy(channel, error, volumes.clock())
            codes.add(error.exit_code)
        except MirrorError as error:
            log.error("%s: not indexed: %s", channel, error)
            made = index_run.failed(channel, error, volumes.clock())
            codes.add(error.exit_code)
        if made.is_new or made.status != "success" or _is_news(volumes, made):
            index_run.write(volumes.state, made)
        reports.append(made)
    site.write(volumes)
    return reports, _combine(codes)


def _is_news(volumes: Volumes, made: ChannelReport) -> bool:
    """Whether finding nothing to do says more than what is known of the channel."""
    known = index_run.read(volumes.state).get(made.channel)
    return known is None or known.status != "success" or known.serial != made.serial


def _combine(codes: set[int]) -> int:
    """One kind of failure keeps its code; several are 1; partial counts less than any."""
    failures = codes - {0, PARTIAL}
    if failures:
        return failures.pop() if len(failures) == 1 else 1
    return PARTIAL if PARTIAL in codes else 0
