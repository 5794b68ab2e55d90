"""``status.json``: what the page shows, for machines; see docs/status.schema.json. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from indexer.site.facts import Channel, LastRun, Site, Sync
from volume.ledger.promises import Standing

SCHEMA = 1


def text(site: Site) -> str:
    """The document."""
    return json.dumps(document(site), indent=1, sort_keys=True) + "\n"


def document(site: Site) -> dict[str, Any]:
    """The document as plain data."""
    return {
        "schema": SCHEMA,
        "written": site.written,
        "next_report_seconds": site.next_report_seconds,
        "sync": _sync(site.sync) if site.sync else None,
        "installers": [asdict(kind) for kind in site.installers],
        "wheels": asdict(site.wheels) if site.wheels else None,
        "usage": asdict(site.usage) if site.usage else None,
        "channels": [_channel(channel) for channel in site.channels],
    }


def _sync(sync: Sync) -> dict[str, Any]:
    return {
        "status": sync.status,
        "started": sync.started,
        "finished": sync.finished,
        "last_success": sync.last_success,
        "last_sync": sync.last_sync,
        "failing_since": sync.failing_since,
        "reported": sync.reported,
        "health_hours": sync.health_hours,
        "error": sync.error,
        "channels": [_run(run) for run in sync.runs],
        "canaries": [asdict(canary) for canary in sync.canaries],
    }


def _run(run: LastRun) -> dict[str, Any]:
    progress = run.progress
    return {
        **asdict(run),
        "progress": asdict(progress) | {"seconds_left": progress.seconds_left}
        if progress
        else None,
    }


def _channel(channel: Channel) -> dict[str, Any]:
    generation = channel.generation
    return {
        "name": channel.name,
        "path": channel.path,
        "status": channel.status,
        "error": channel.error,
        "generation": generation.number,
        "snapshot": generation.snapshot,
        "snapshots": [
            {
                "generation": span.generation,
                "since": span.first,
                "until": span.end,
                "pinned": span.generation in channel.pinned,
            }
            for span in channel.snapshots
        ],
        "created": generation.created,
        "upstream_changed": channel.upstream_changed,
        "serial": generation.serial,
        "held": channel.is_held,
        "names": channel.names,
        "records": channel.records,
        "artifacts": channel.artifacts,
        "size": channel.size,
        "promised": channel.promised_count,
        "promised_size": channel.promised_size,
        "left_out": len(generation.left_out),
        "subdirs": {
            name: {
                "records": published.records,
                "artifacts": published.artifacts,
                "size": published.size,
                "promised": channel.promised.get(name, Standing()).count,
                "promised_size": channel.promised.get(name, Standing()).size,
                "upstream_changed": channel.upstream.get(name),
            }
            for name, published in generation.subdirs.items()
        },
    }
