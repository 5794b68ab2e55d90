"""Settings that work and are most often not meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from syncer.ops.doctor.finding import Finding, ok, warning
from syncer.settings.settings import Settings
from volume.program.log import redact

_LARGEST_GUARD = 80


def look(settings: Settings) -> Iterator[Finding]:
    """Look at all of them."""
    found = list(_warnings(settings))
    yield from found
    if not found:
        count = len(settings.channels)
        yield ok("settings", f"{count} channel{'s' if count != 1 else ''}, nothing unusual")


def _warnings(settings: Settings) -> Iterator[Finding]:
    fields = settings.schedule.split()
    if len(fields) == 5 and fields[0] == "0" and settings.jitter_minutes == 0:
        yield warning(
            "SYNC_SCHEDULE", "syncs begin on the hour, when everybody's do",
            "choose another minute, or set SYNC_JITTER_MINUTES",
        )  # fmt: skip
    for channel in settings.channels:
        for url in settings.channel_urls(channel):
            parts = urlsplit(url)
            if parts.username is not None:
                yield warning(
                    channel, f"the credentials for {redact(url)} stand in its address",
                    "a file in SECRETS_DIR is safer: docs/upstreams.md",
                )  # fmt: skip
    if settings.min_free == 0:
        yield warning("MIN_FREE", "a sync may fill the volume", "keep some room, such as 5GB")
    for channel in settings.channels:
        if settings.policy(channel).wipe_guard_percent > _LARGEST_GUARD:
            yield warning(
                "WIPE_GUARD_PERCENT", f"an upstream that is nearly empty may empty {channel}",
                "leave it low, and use --allow-wipe when it is meant",
            )  # fmt: skip
    if not settings.notify_url and not settings.notify_command:
        yield warning(
            "notices", "nobody is told when syncs fail",
            "set NOTIFY_URL or NOTIFY_COMMAND, or watch /metrics: docs/monitoring.md",
        )  # fmt: skip
