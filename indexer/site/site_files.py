"""Writes the site: landing page, search data, ``status_json.json``, client configuration.

Written from what is published, never from what is planned. Guaranteed: every file is whole, is
written only if it changed, and refers only to files that were there before it. What an older page
refers to stays for a day.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from indexer.base.channels import discover
from indexer.base.volumes import Volumes
from indexer.generations.shards import MalformedShardError
from indexer.site import assets, clients, gather, page, search, status_json
from indexer.site.facts import Site
from indexer.site.search import Search, search_json
from volume import generations, installers, locks
from volume.collection import current_number
from volume.disk import files
from volume.disk.files import volume_error
from volume.errors import StateError
from volume.generations import Generation
from volume.layout import Mirror

log = logging.getLogger("indexer.site")

REPORT_SECONDS = 300.0
"""How often ``status_json.json`` is written if nothing changes: its age tells that we live."""

_LOCK_WAIT = 600.0  # the first search data of a very large channel takes minutes

_Seen = tuple[object, ...]
_seen: dict[str, tuple[_Seen, float]] = {}


def write(volumes: Volumes, *, next_report_seconds: float | None = None) -> None:
    """Bring the site up to date.

    Raises:
        LockBusyError: another indexer has been writing it for very long.
        VolumeError: the mirror volume refuses.
        InterruptedRunError: somebody asked to stop.
    """
    # Looking and writing are one step: else the loop and a rollback could write in the wrong order.
    files.make_directory(volumes.state.site_lock.parent)
    with locks.Held(volumes.state.site_lock, role="indexer's site", wait_seconds=_LOCK_WAIT):
        _write(volumes, next_report_seconds)


def refresh(volumes: Volumes) -> None:
    """Bring the site up to date if anything that it shows may have changed, or it is time.

    Raises:
        MirrorError: see ``write``.
    """
    now = volumes.clock()
    key = str(volumes.mirror.root)
    seen = (
        _time_of(volumes.state.sync_run),
        _time_of(volumes.state.index_run),
        _time_of(volumes.mirror.name_mapping.names),
        *(
            (channel, generations.current_number(volumes.mirror, channel))
            for channel in discover(volumes.mirror, volumes.state)
        ),
        *(current_number(volumes.mirror.installers(kind)) for kind in installers.KINDS),
        current_number(volumes.mirror.wheels),
    )
    before, written = _seen.get(key, (None, 0.0))
    if before != seen or not 0 <= now - written < REPORT_SECONDS:
        write(volumes, next_report_seconds=REPORT_SECONDS)
        _seen[key] = seen, now


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _write(volumes: Volumes, next_report_seconds: float | None) -> None:
    folder = volumes.mirror.site
    files.make_directory(folder)
    channels = gather.published(volumes)
    found = _search(volumes, channels)
    site = gather.site(volumes, channels, found, next_report_seconds=next_report_seconds)
    for name, data in assets.versioned().items():
        _put(folder / name, data)
    if channels:
        _put(folder / "search.json", search_json.text(found).encode())
        for name, text in _configuration(site).items():
            _put(folder / name, _bytes(text))
    # These change all the time while a sync runs, and are written anew after a power loss.
    _put(folder / "status.json", status_json.text(site).encode(), is_durable=False)
    _put(folder / "snapshots.html", _bytes(page.snapshots_page(site)), is_durable=False)
    _put(folder / "index.html", _bytes(page.page(site)), is_durable=False)


def _configuration(site: Site) -> Mapping[str, str]:
    example = page.example_command("conda", site)
    with_wheels = site.wheels is not None
    return {
        "condarc": clients.condarc(site.names),
        "mambarc": clients.mambarc(site.names),
        "pixi.toml": clients.pixi(site.names, maps_names=site.maps_names, with_wheels=with_wheels),
        "setup.sh": clients.setup_script(
            assets.text("setup.sh"),
            site.names,
            example,
            maps_names=site.maps_names,
            with_wheels=with_wheels,
        ),
    }


def _bytes(text: str) -> bytes:
    # JSON can hold half a surrogate pair, and so can an error's text; UTF-8 can't.
    return text.encode(errors="replace")


def _put(path: Path, data: bytes, *, is_durable: bool = True) -> None:
    try:
        if path.is_file() and path.read_bytes() == data:
            return
    except OSError as error:
        raise volume_error(error, "read", path) from error
    files.replace(path, data, is_durable=is_durable)


# -- search data ---------------------------------------------------------------------------------


def _search(volumes: Volumes, channels: Mapping[str, Generation]) -> dict[str, Search]:
    try:
        known = search_json.read((volumes.mirror.site / "search.json").read_bytes())
    except OSError:
        known = {}
    found: dict[str, Search] = {}
    for channel, generation in channels.items():
        made = _search_of(volumes, channel, generation, known.get(channel))
        if made is not None:
            found[channel] = made
    _forget(volumes.mirror, known.keys() - channels.keys())
    return found


def _search_of(
    volumes: Volumes, channel: str, generation: Generation, known: Search | None
) -> Search | None:
    if known is not None and not search.is_complete(volumes.mirror.search(channel), known):
        known = None
    if known and (known.generation, known.snapshot) == (generation.number, generation.snapshot):
        return known
    writer = search.SearchWriter(
        volumes.mirror, volumes.state, channel, generation, volumes.stop.check
    )
    try:
        return writer.update(known, now=volumes.clock())
    except (MalformedShardError, StateError) as error:
        _complain(channel, str(error))
        return known  # the search shows what was here before, or nothing of this channel


@functools.lru_cache(maxsize=256)  # once, not every few seconds
def _complain(channel: str, error: str) -> None:
    log.error("%s: the landing page's search is not up to date: %s", channel, error)


def _forget(mirror: Mirror, channels: Iterable[str]) -> None:
    for channel in channels:
        files.remove_tree(mirror.search(channel))
