"""How one sidecar is had: from this volume, from a mirror that is taken over, or from upstream.

Guaranteed: what is ``Found`` has the bytes that a record promises, or, where none does, is a JSON
array as upstream sent it; none is larger than ``limits.SIDECAR``. A host that answers with a web
page is asked on for artifacts. Several threads may use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from syncer.artifacts.adopt import Adoption
from syncer.artifacts.sidecars.asked import Asked, Found, Nothing, Outcome, Unavailable
from syncer.artifacts.sidecars.store import LONGEST_NAME, SidecarStore
from syncer.conda.attestations import NEWEST, check_bundles
from syncer.errors import IntegrityError, MissingError, UpstreamError, says_absent
from syncer.transport.fetch import Expected, Fetch
from syncer.transport.hosts import Refusals
from syncer.transport.sink import Memory
from volume import limits
from volume.disk.files import is_regular, size_of

_OTHERWISE = "its artifact is here without it; tried again next run"


class SidecarFetch:
    """Fetches the sidecars of one channel.

    With ``adoption`` nothing is downloaded: it is looked for there.
    """

    def __init__(
        self, fetch: Fetch, store: SidecarStore, channel: str, adoption: Adoption | None
    ) -> None:
        self._fetch = fetch
        self._store = store
        self._channel = channel
        self._adoption = adoption
        # Of their own: who has no sidecars may well have artifacts.
        self._refusals = Refusals()

    def get(self, asked: Asked, artifact_urls: Sequence[str]) -> Outcome:
        """Have one, staged if it is not here yet.

        Args:
            artifact_urls: the URLs of its artifact, best first.

        Raises:
            VolumeError: a volume refused.
            InterruptedRunError: the run was stopped.
        """
        if asked.problem is not None:
            return Unavailable(asked, IntegrityError(asked.problem))
        if len(asked.name.encode()) > LONGEST_NAME:
            problem = f"its name has more than the {LONGEST_NAME} bytes that a file's may have"
            return Unavailable(asked, IntegrityError(problem))
        if asked.sha256 is not None and self._store.has(asked.subdir, asked.name, asked.sha256):
            size = size_of(self._store.path(asked.subdir, asked.name))
            return Found(asked, asked.sha256, size, is_staged=False)
        if self._adoption is not None:
            return self._adopted(asked, self._adoption)
        try:
            return self._fetched(asked, artifact_urls)
        except UpstreamError as error:
            if not asked.is_promised and says_absent(error):
                return Nothing(asked)
            return Unavailable(asked, error)

    def _fetched(self, asked: Asked, artifact_urls: Sequence[str]) -> Found:
        urls = [url + ending for ending in asked.endings for url in artifact_urls]
        expected = Expected(
            asked.name, asked.size, asked.sha256,
            largest=limits.SIDECAR, is_small=True, is_optional=True, otherwise=_OTHERWISE,
        )  # fmt: skip
        sink = Memory()
        # That there is none where none is promised is no refusal.
        refusals = self._refusals if asked.is_promised else Refusals()
        body = self._fetch.fetch(urls, expected, sink, refusals)
        if not asked.is_promised:
            try:
                check_bundles(sink.content)
            except ValueError as error:
                raise IntegrityError(f"{asked.name}: {error}; it is not mirrored") from error
            if self._store.has(asked.subdir, asked.name, body.sha256):
                return Found(asked, body.sha256, body.size, is_staged=False)
        self._store.stage(asked.subdir, asked.name, sink.content)
        return Found(asked, body.sha256, body.size, is_staged=True)

    def _adopted(self, asked: Asked, adoption: Adoption) -> Outcome:
        for path in self._candidates(asked, adoption):
            if not is_regular(path) or size_of(path) > limits.SIDECAR:
                continue
            try:
                content = path.read_bytes()
            except OSError:
                continue  # of another tree: what can't be read is not there
            if asked.sha256 is not None and sha256(content).hexdigest() == asked.sha256:
                self._store.stage(asked.subdir, asked.name, content)
                return Found(asked, asked.sha256, len(content), is_staged=True)
        return Unavailable(asked, MissingError(f"{asked.name} is not there, or not intact"))

    def _candidates(self, asked: Asked, adoption: Adoption) -> list[Path]:
        return [
            path
            for name in dict.fromkeys((asked.name, asked.filename + NEWEST))
            for path in adoption.candidates(self._channel, asked.subdir, name)
        ]
