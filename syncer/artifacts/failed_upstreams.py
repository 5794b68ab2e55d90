"""Upstreams that failed to deliver an artifact, which then came from another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from syncer.errors import IntegrityError
from volume.errors import MirrorError
from volume.program.log import redact


class FailedUpstreams:
    """Those of a run, by host."""

    def __init__(self) -> None:
        self._mismatches: dict[str, list[str]] = {}
        self.others = 0
        """Artifacts that came from elsewhere for other reasons: missing, cut, not reachable."""

    def add(self, failures: Iterable[tuple[str, MirrorError]]) -> None:
        """Note what failed, by URL, before an artifact came from elsewhere."""
        found = list(failures)
        mismatches = [(url, error) for url, error in found if isinstance(error, IntegrityError)]
        for url, error in mismatches:
            self._mismatches.setdefault(_origin(url), []).append(str(error))
        self.others += bool(found) and not mismatches

    @property
    def warnings(self) -> list[str]:
        """What a person should know: upstreams whose artifacts are not what the index says."""
        return [
            f"{origin} delivered {len(errors):,} artifacts that are not what the index promises;"
            f" they came from another upstream. The first: {errors[0]}"
            for origin, errors in sorted(self._mismatches.items())
        ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return redact(f"{parts.scheme}://{parts.netloc}") if parts.netloc else "the folder"
