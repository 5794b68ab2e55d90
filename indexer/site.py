"""The site: the landing page, ``status.json`` and client configuration below ``/``.

Written from what is published, never from what is planned; a file is written only if it changed.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from indexer import clients, hold, landing, report
from indexer.channels import discover
from indexer.index import Volumes
from volume import documents, files, generations, locks
from volume.errors import StateError
from volume.generations import Generation


@dataclass(frozen=True, slots=True)
class Sync:
    """When upstream was last asked, and how that ended."""

    status: str
    finished: float | None
    last_success: float | None


@dataclass(frozen=True, slots=True)
class Channel:
    """One published channel."""

    name: str
    path: str
    generation: Generation
    is_held: bool
    status: str

    @property
    def records(self) -> int:
        return sum(published.records for published in self.generation.subdirs.values())

    @property
    def size(self) -> int:
        return sum(published.size for published in self.generation.subdirs.values())


def write(volumes: Volumes) -> None:
    """Bring the site up to date.

    Raises:
        LockBusyError: another indexer has been writing it for very long.
        VolumeError: the mirror volume refuses.
    """
    # Looking and writing are one step: else the loop and a rollback could write in the wrong order.
    with locks.Held(
        volumes.state.index_lock, role="indexer's site", wait_seconds=report.WRITE_WAIT
    ):
        _write(volumes)


def _write(volumes: Volumes) -> None:
    channels = _channels(volumes)
    if not channels:
        return  # the web server has a page for a mirror that is still empty
    sync = _last_sync(volumes)
    names = [channel.name for channel in channels]
    for name, text in {
        "condarc": clients.condarc(names),
        "mambarc": clients.mambarc(names),
        "pixi.toml": clients.pixi(names),
        "status.json": json.dumps(_status(channels, sync), indent=1, sort_keys=True) + "\n",
        "index.html": landing.page(channels, sync),
    }.items():
        path = volumes.mirror.site / name
        data = text.encode()
        if not path.is_file() or path.read_bytes() != data:
            files.make_directory(path.parent)
            files.replace(path, data)


_seen: dict[str, object] = {}


def refresh(volumes: Volumes) -> None:
    """Bring the site up to date if anything that it shows may have changed.

    Raises:
        VolumeError: the mirror volume refuses.
    """
    now = (
        _time_of(volumes.state.sync_run),
        _time_of(volumes.state.index_run),
        *(
            (channel, generations.current_number(volumes.mirror, channel))
            for channel in discover(volumes.mirror, volumes.state)
        ),
    )
    key = str(volumes.mirror.root)
    if _seen.get(key) != now:
        write(volumes)
        _seen[key] = now


def _time_of(path: Any) -> int:
    try:
        return int(path.stat().st_mtime_ns)
    except OSError:
        return 0


def _channels(volumes: Volumes) -> list[Channel]:
    reports = report.read(volumes.state)
    found: list[Channel] = []
    for name in discover(volumes.mirror, volumes.state):
        with contextlib.suppress(StateError):  # the loop reports it; the others are shown
            published = generations.published(volumes.mirror, volumes.state, name)
            if published is not None:
                is_held = hold.read(volumes.state, name) is not None
                status = reports[name].status if name in reports else "success"
                path = clients.url_path(name)
                found.append(Channel(name, path, published, is_held, status))
    return found


def _last_sync(volumes: Volumes) -> Sync | None:
    try:
        document = documents.read(volumes.state.sync_run)
    except StateError:
        return None  # of a newer syncer: the page does without
    if document is None:
        return None
    return Sync(
        str(document.get("status", "unknown")),
        document.get("finished"),
        document.get("last_success"),
    )


def _status(channels: list[Channel], sync: Sync | None) -> dict[str, Any]:
    return {
        "schema": 1,
        "sync": asdict(sync) if sync else None,
        "channels": [
            {
                "name": channel.name,
                "path": channel.path,
                "status": channel.status,
                "generation": channel.generation.number,
                "snapshot": channel.generation.snapshot,
                "created": channel.generation.created,
                "serial": channel.generation.serial,
                "held": channel.is_held,
                "records": channel.records,
                "size": channel.size,
                "left_out": len(channel.generation.left_out),
                "subdirs": {
                    name: asdict(published)
                    for name, published in channel.generation.subdirs.items()
                },
            }
            for channel in channels
        ],
    }
