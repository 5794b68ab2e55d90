"""The name mapping: whether its service has it, and what is here of it."""

from __future__ import annotations

from collections.abc import Iterator

from syncer.errors import UpstreamError
from syncer.name_mapping.documents import COMPRESSED
from syncer.ops.doctor import network_checks, upstream_checks
from syncer.ops.doctor.finding import Finding, failed, ok, skipped, warning
from syncer.settings.settings import Settings
from syncer.transport.network import Network
from syncer.upstream.fetched import origin_of
from volume.layout import Mirror
from volume.program.durations import duration

_SUBJECT = "name mapping"
_OLD_SECONDS = 14 * 86400.0


def look(settings: Settings, mirror: Mirror, connection: Network, now: float) -> Iterator[Finding]:
    """Look at both sides; one request."""
    if settings.name_mapping:
        yield _upstream(settings, connection)
    yield from _here(settings, mirror, now)


def _upstream(settings: Settings, connection: Network) -> Finding:
    subject = f"{_SUBJECT} from {origin_of(settings.name_mapping_url)}"
    url = f"{settings.name_mapping_url}/{COMPRESSED}"
    try:
        head = network_checks.ask(connection, url, {}, settings.user_agent)
    except UpstreamError as error:
        return failed(subject, *upstream_checks.cure(error))
    if head.status == 404:
        return failed(subject, f"it has no {COMPRESSED}", "check NAME_MAPPING_URL")
    return ok(subject, f"has {COMPRESSED}")


def _here(settings: Settings, mirror: Mirror, now: float) -> Iterator[Finding]:
    try:
        age = now - mirror.name_mapping.names.stat().st_mtime
    except FileNotFoundError:
        if settings.name_mapping:
            yield skipped(_SUBJECT, "none is here yet: the next sync fetches it")
        return
    fact = f"what is here is {duration(max(0.0, age))} old"
    if not settings.name_mapping:
        step = "set NAME_MAPPING=yes, or remove the folder 'mapping' of the mirror volume"
        yield warning(_SUBJECT, f"{fact}, served, and not renewed: NAME_MAPPING=no", step)
    elif age > _OLD_SECONDS:
        yield warning(_SUBJECT, fact, "nothing if the service has no newer one: see the line above")
    else:
        yield ok(_SUBJECT, fact)
