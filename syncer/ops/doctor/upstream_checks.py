"""Each channel's upstreams: name, connection, TLS, credentials, index and its age, and our clock.

One conditional request for each upstream, for the index of one subdir; nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from syncer.conda import shards
from syncer.errors import HostStoppedError, HttpStatusError, UpstreamError
from syncer.ops.doctor import network_checks
from syncer.ops.doctor.finding import Finding, failed, ok, skipped, warning
from syncer.settings.settings import Settings
from syncer.transport.file_url import is_folder, path_of
from syncer.transport.network import Network
from syncer.upstream.cache import Cache
from syncer.upstream.fetched import origin_of
from syncer.upstream.monolithic import VARIANTS
from volume.layout import State
from volume.program.durations import duration

_OLD_SECONDS = 60 * 86400.0
_CLOCK_WARNING = 120.0
_CLOCK_FAILED = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One upstream of one channel."""

    channel: str
    base: str

    @property
    def subject(self) -> str:
        """For people: without credentials."""
        return f"{self.channel} from {origin_of(self.base)}"


def all_of(settings: Settings) -> list[Asked]:
    """Every upstream of every channel."""
    return [
        Asked(channel, base.rstrip("/"))
        for channel in settings.channels
        for base in settings.channel_urls(channel)
    ]


def look(
    settings: Settings, connection: Network, state: State, one: Asked, now: float
) -> tuple[Finding, float | None]:
    """Look at one upstream; also gives how far our clock is ahead of its, in seconds."""
    subdir = settings.policy(one.channel).subdirs[0]
    if is_folder(one.base):
        return _folder(one, subdir), None
    host = connection.host(one.base)
    name = urlsplit(host.proxy).hostname or "" if host.proxy else host.origin[1]
    if problem := network_checks.resolve(name):
        what = "the proxy's name" if host.proxy else "its name"
        step = "check the container's DNS, and the spelling"
        if not host.proxy:
            step += "; where only a proxy gets out, set HTTPS_PROXY"
        return failed(one.subject, f"{what} {name} has no address: {problem}", step), None
    known = Cache(state.upstream(one.channel)).find(f"{subdir}.index")
    names: tuple[str, ...] = (*VARIANTS, shards.INDEX)
    headers = {}
    if known is not None and known.origin == origin_of(one.base):
        names = (known.variant, *(other for other in names if other != known.variant))
        headers = {
            key: value
            for key, value in (
                ("If-None-Match", known.validators.etag),
                ("If-Modified-Since", known.validators.last_modified),
            )
            if value
        }
    try:
        for index, variant in enumerate(names):
            head = network_checks.ask(
                connection, f"{one.base}/{subdir}/{variant}", {} if index else headers,
                settings.user_agent,
            )  # fmt: skip
            if head.status != 404:
                date = _seconds(head.headers.get("date"))
                found = index_found(one, f"{subdir}/{variant}", head, now)
                via = f", by the proxy {host.shown_proxy}" if host.proxy else ""
                secret = f", with {host.secrets_from}" if host.secrets_from else ""
                shown = replace(found, fact=f"{found.fact}{via}{secret}")
                return shown, None if date is None else now - date
    except UpstreamError as error:
        return failed(one.subject, *cure(error)), None
    step = "check the channel's name, SUBDIRS and the address"
    return failed(one.subject, f"it has no index of {subdir}", step), None


def cure(error: UpstreamError) -> tuple[str, str]:
    """The fact, and a next step for those that do not name one themselves."""
    if isinstance(error, HttpStatusError) and not error.advice:
        if error.status == 403:
            return str(error), "it refuses us: check the address, or ask whoever runs it"
        return str(error), "ask whoever runs it, or try another upstream"
    if isinstance(error, HostStoppedError):
        return str(error), "read its terms"
    fact, _, step = str(error).partition("; ")
    return fact, step or "check the network between here and there, and its firewall"


def index_found(one: Asked, path: str, head: network_checks.Head, now: float) -> Finding:
    """Judge the answer for an index. Pure."""
    if head.status == 304:
        return ok(one.subject, f"{path} is unchanged since the last sync")
    kind = head.headers.get("content-type", "")
    if kind.startswith(("text/html", "application/xhtml")):
        return failed(
            one.subject, f"a web page comes in place of {path}",
            "open it in a browser: a login, a portal, or terms to accept",
        )  # fmt: skip
    modified = _seconds(head.headers.get("last-modified"))
    if modified is None:
        return ok(one.subject, f"has {path}")
    age = max(0.0, now - modified)
    fact = f"has {path}, {duration(age)} old"
    if age > _OLD_SECONDS:
        step = "nothing if the channel is quiet; else it is a mirror that lags"
        return warning(one.subject, fact, step)
    return ok(one.subject, fact)


def clock(difference: float | None) -> Finding:
    """Judge how far our clock is ahead of an upstream's, in seconds. Pure."""
    if difference is None:
        return skipped("clock", "no upstream told its time")
    size = abs(difference)
    fact = f"{duration(size)} {'ahead of' if difference > 0 else 'behind'} upstream's"
    if size >= _CLOCK_FAILED:
        return failed("clock", fact, "set it (NTP): TLS and every age here depend on it")
    if size >= _CLOCK_WARNING:
        return warning("clock", fact, "set it (NTP)")
    return ok("clock", f"within {_CLOCK_WARNING:g} s of upstream's")


def _folder(one: Asked, subdir: str) -> Finding:
    folder = path_of(one.base) / subdir
    try:
        if any((folder / name).is_file() for name in (*VARIANTS, shards.INDEX)):
            return ok(one.subject, f"the folder has an index of {subdir}")
    except OSError as error:
        fact = f"{folder} can't be read: {error.strerror}"
        return failed(one.subject, fact, "give the syncer's user id access to it")
    step = "check the path; in a container it must be mounted"
    return failed(one.subject, f"{folder} has no index", step)


def spare_secrets(settings: Settings, connection: Network) -> Iterator[Finding]:
    """Secrets that no address asks for are most often misnamed."""
    urls = [url for channel in settings.channels for url in settings.channel_urls(channel)]
    urls += [url for kind in settings.installers for url in settings.installer_urls(kind)]
    hosts = {urlsplit(url).netloc.rpartition("@")[2].lower() for url in urls}
    for host, kinds in connection.secrets.shown.items():
        if host not in hosts:
            yield warning(
                "secrets", f"{host} ({', '.join(kinds)}) is no upstream's name here",
                "right if an upstream redirects there; else rename the file as upstream is written",
            )  # fmt: skip


def open_secrets(connection: Network) -> Iterator[Finding]:
    """Secrets that everyone on their host may read; the sync itself does not mind."""
    for secret in connection.secrets.all:
        mode = secret.path.stat().st_mode & 0o777
        if mode & 0o004 and secret.path.parent.stat().st_mode & 0o001:
            yield warning(
                "secrets", f"{secret.path} can be read by everyone on its host (mode {mode:04o})",
                f"give it to the user id {os.getuid()} (PUID), mode 0400",
            )  # fmt: skip


def _seconds(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
