"""What lies beside artifacts, in one channel's run: fetched before the records that promise it.

What comes with a download is fetched by that download's worker; here is what belongs to artifacts
that are on the volume already, and what a person is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from syncer.artifacts.sidecars.asked import Asked, Outcome
from syncer.artifacts.sidecars.fetching import SidecarFetch
from syncer.artifacts.sidecars.sidecars import Sidecars
from syncer.conda.wanted import Wanted
from syncer.planning.survey import Survey
from syncer.sync.failure import kind_of
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from volume.locks import Held
from volume.program.sizes import counted

_LOG = logging.getLogger(__name__)
_LINE_SECONDS = 30.0
_BATCH = 500  # artifacts whose sidecars are committed together

Urls = Callable[[Survey, str, str], tuple[str, ...]]


class BesideArtifacts:
    """The sidecars of one channel.

    Args:
        urls: where an artifact of a subdir is upstream, best first.
    """

    def __init__(
        self, tools: Tools, channel: str, sidecars: Sidecars, fetch: SidecarFetch, urls: Urls
    ) -> None:
        self._tools = tools
        self._channel = channel
        self._sidecars = sidecars
        self._fetch = fetch
        self._urls = urls

    def of_artifact(self, artifact: Wanted) -> tuple[Asked, ...]:
        """What is to be fetched together with an artifact."""
        return self._sidecars.of_artifact(artifact)

    def fetch_late(self, survey: Survey, lock: Callable[[], Held]) -> None:
        """Fetch and commit what belongs to artifacts that are here already.

        Raises:
            VolumeError: a volume refused.
            InterruptedRunError: the run was stopped; what was committed stays.
        """
        with lock():
            late = self._sidecars.late(survey.plans)
        if not late:
            return
        tools = self._tools

        def get(asked: Sequence[Asked]) -> list[Outcome]:
            urls = self._urls(survey, asked[0].subdir, asked[0].filename)
            return [self._fetch.get(one, urls) for one in asked]

        workers = tools.fetch.workers(tools.settings.connections)
        shown = time.monotonic()
        for start in range(0, len(late), _BATCH):
            batch = late[start : start + _BATCH]
            outcomes = [
                outcome
                for done in workers.run(batch, get, abandon=tools.stop.request)
                for outcome in done or ()
            ]
            with lock():
                self._sidecars.commit(outcomes)
            tools.checkpoint()
            done = start + len(batch)
            if done == len(late) or time.monotonic() - shown >= _LINE_SECONDS:
                shown = time.monotonic()
                _LOG.info(
                    "%s: looked for what lies beside %d of %s",
                    self._channel, done, counted(len(late), "artifact"),
                )  # fmt: skip

    def conclude(self, result: ChannelResult, warn: Callable[[str], None]) -> bool:
        """Name what records promise and is not here; return whether there is any.

        Raises:
            VolumeError: a volume refused.
        """
        missing = self._sidecars.conclude()
        for one in missing:
            kind = "absent" if one.error is None else kind_of(one.error)
            result.fail(one.row.name, one.row.subdir, one.reason, kind)
        self._tell(warn)
        return bool(missing)

    def _tell(self, warn: Callable[[str], None]) -> None:
        refused = self._sidecars.refused
        if refused:
            warn(
                f"upstream did not give a usable answer about {counted(len(refused), 'sidecar')}"
                " that no record promises: not mirrored, asked for again another day. The first:"
                f" {refused[0].error}"
            )
