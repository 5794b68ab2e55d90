"""What a run remembers of the listing that it saw last. A cache: nothing breaks if it is lost.

``settled`` identifies the listing's address, the filter and what is published, after a run in which
everything worked; while it still fits, an unchanged listing needs no look. ``dropped`` is since
when an installer that is here is not wanted any more, in seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncer.transport.document import Validators
from volume.disk import documents
from volume.errors import StateError
from volume.layout import State


@dataclass(frozen=True, slots=True)
class Seen:
    """One document of a listing, as last seen; its address is the key that it is kept under."""

    etag: str | None
    last_modified: str | None
    digest: str

    @property
    def validators(self) -> Validators:
        return Validators(self.etag, self.last_modified)


@dataclass(slots=True)
class LastSeen:
    """What is remembered of one kind; ``rows`` is the size of the last accepted listing."""

    settled: str = ""
    rows: int = 0
    seen: dict[str, Seen] = field(default_factory=dict)
    dropped: dict[str, float] = field(default_factory=dict)


def read(state: State, kind: str) -> LastSeen:
    """What is remembered, or nothing."""
    try:
        found = documents.read(state.installers(kind))
        return LastSeen() if found is None else _memory(found)
    except (StateError, KeyError, TypeError, ValueError, AttributeError):
        return LastSeen()


def _memory(found: dict[str, Any]) -> LastSeen:
    return LastSeen(
        settled=str(found["settled"]),
        rows=int(found["rows"]),
        seen={url: Seen(**values) for url, values in found["seen"].items()},
        dropped={name: float(since) for name, since in found["dropped"].items()},
    )


def write(state: State, kind: str, last: LastSeen) -> None:
    """Remember.

    Raises:
        VolumeError: the state volume refused.
    """
    seen = {
        url: {"etag": one.etag, "last_modified": one.last_modified, "digest": one.digest}
        for url, one in last.seen.items()
    }
    document = {
        "settled": last.settled,
        "rows": last.rows,
        "seen": seen,
        "dropped": last.dropped,
    }
    if documents_differ(state, kind, document):
        documents.write(state.installers(kind), document)


def documents_differ(state: State, kind: str, document: dict[str, Any]) -> bool:
    """Whether there is anything to write: most runs find what the last one found."""
    try:
        found = documents.read(state.installers(kind))
    except StateError:
        return True
    return found is None or {key: found.get(key) for key in document} != document
