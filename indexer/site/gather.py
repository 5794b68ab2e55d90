"""Looks at the volumes for what the site shows. Reads only, and never waits for a lock.

What can't be read is left out here: whoever works with it reports it, and the rest is shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from indexer.base.channels import discover
from indexer.base.volumes import Volumes
from indexer.generations import rolled_back
from indexer.site import clients
from indexer.site.facts import Channel, Installers, Site, Sync, Wheels, sync_of
from indexer.site.search import Search
from indexer.story import index_run
from indexer.story.index_run import ChannelReport
from volume import generations, installers, relations, run_document, snapshots, usage, wheels
from volume.disk import documents
from volume.errors import MirrorError, StateError
from volume.generations import Generation
from volume.layout import State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises, Standing
from volume.relations import Relations
from volume.usage import Usage

_sums: dict[Path, tuple[tuple[str, int, int], dict[str, tuple[int, int]]]] = {}


def published(volumes: Volumes) -> dict[str, Generation]:
    """What is published, by channel.

    Raises:
        VolumeError: the mirror volume can't be read.
    """
    found: dict[str, Generation] = {}
    for name in discover(volumes.mirror, volumes.state):
        with contextlib.suppress(StateError):
            generation = generations.published(volumes.mirror, name)
            if generation is not None:
                found[name] = generation
    return found


def site(
    volumes: Volumes,
    channels: Mapping[str, Generation],
    search: Mapping[str, Search],
    *,
    next_report_seconds: float | None,
) -> Site:
    """Everything that the site shows."""
    reports: dict[str, ChannelReport] = {}
    with contextlib.suppress(StateError):
        reports = index_run.read(volumes.state)
    return Site(
        written=volumes.clock(),
        channels=tuple(
            _channel(volumes, name, generation, reports.get(name), search.get(name))
            for name, generation in channels.items()
        ),
        installers=tuple(_installers(volumes)),
        wheels=_wheels(volumes),
        sync=_sync(volumes.state),
        next_report_seconds=next_report_seconds,
        maps_names=volumes.mirror.name_mapping.names.is_file(),
        usage=_usage(volumes.state),
    )


def _usage(state: State) -> Usage | None:
    try:
        return usage.read(state)
    except StateError:
        return None  # the syncer writes it again when it counts next


def _channel(
    volumes: Volumes,
    name: str,
    generation: Generation,
    known: ChannelReport | None,
    search: Search | None,
) -> Channel:
    is_held = False
    kept: list[Generation] = []
    with contextlib.suppress(StateError):
        is_held = rolled_back.read(volumes.mirror, name) is not None
        kept = generations.kept(volumes.mirror, name)
    return Channel(
        name=name,
        path=clients.url_path(name),
        generation=generation,
        is_held=is_held,
        status=known.status if known else "success",
        error=known.error if known else None,
        upstream=_upstream(volumes.state, name, generation),
        names=search.names if search else 0,
        example=search.example if search else None,
        snapshots=tuple(snapshots.spans(kept)),
        pinned=frozenset(one.number for one in kept if one.pinned),
        relations=_relations(volumes.state, name),
        promised=promised(volumes.state, name, generation),
    )


def promised(state: State, channel: str, generation: Generation) -> dict[str, Standing]:
    """By subdir, what a generation lists and is not here, as the ledger says now."""
    with contextlib.suppress(MirrorError):
        ledger = Ledger.read(state.ledger(channel))
        if ledger is not None:
            with ledger:
                found = _promised_by(ledger)
            return {
                subdir: Standing(*found[subdir]).within(listed.artifacts, listed.size)
                for subdir, listed in generation.subdirs.items()
                if subdir in found
            }
    return {}


def _promised_by(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """Their sums, made anew only if something came or went: the page is written all the time."""
    key = (ledger.identity, ledger.serial, ledger.events)
    before = _sums.get(ledger.path)
    if before is None or before[0] != key:
        before = _sums[ledger.path] = (key, Promises(ledger).totals())
    return before[1]


def _relations(state: State, channel: str) -> Relations:
    with contextlib.suppress(MirrorError):
        ledger = Ledger.read(state.ledger(channel))
        if ledger is not None:
            with ledger:
                return relations.read(channel, ledger.said_of(relations.CARRIED))
    return Relations()


def _upstream(state: State, channel: str, generation: Generation) -> dict[str, float]:
    found: dict[str, float] = {}
    for subdir in generation.subdirs:
        with contextlib.suppress(StateError, TypeError, ValueError, OverflowError):
            document = documents.read(state.upstream_index(channel, subdir)) or {}
            found[subdir] = parsedate_to_datetime(document.get("last_modified") or "").timestamp()
    return found


def _installers(volumes: Volumes) -> list[Installers]:
    found: list[Installers] = []
    for kind in installers.KINDS:
        with contextlib.suppress(StateError):  # the next sync writes it again
            present = installers.read(volumes.mirror, kind).values()
            if present:
                found.append(Installers(kind, len(present), sum(one.size for one in present)))
    return found


def _wheels(volumes: Volumes) -> Wheels | None:
    with contextlib.suppress(StateError):  # the next sync writes it again
        here = wheels.listed(wheels.read(volumes.mirror).values())
        if here:
            projects = len({one.project for one in here})
            return Wheels(len(here), projects, sum(one.size for one in here))
    return None


def _sync(state: State) -> Sync | None:
    try:
        reported = state.sync_run.stat().st_mtime
        run = run_document.read(state)
    except (OSError, StateError):
        return None  # never ran, or of a newer syncer: the page does without
    return sync_of(run, reported) if run is not None else None
