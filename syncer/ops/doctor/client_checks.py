"""A client's view: what the web server says at MIRROR_URL, compared with what is on the volume."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from syncer.ops.doctor.finding import Finding, failed, ok, skipped, warning
from syncer.settings.notify_settings import DEFAULT_MIRROR_URL
from syncer.transport import answers
from volume import generations, snapshots
from volume.errors import MirrorError
from volume.generations import Generation
from volume.layout import Mirror, State
from volume.ledger.artifact import Artifact
from volume.ledger.ledger import Ledger

_SECONDS = 10.0
_LARGEST = 1 << 24  # bytes of status.json
_INDEX = "repodata.json"


class ViewError(MirrorError):
    """The web server does not answer as a client needs; ``step`` is what to do."""

    def __init__(self, fact: str, step: str) -> None:
        super().__init__(fact)
        self.step = step


class WebServer:
    """Asks the web server as a client does: directly, and trusting the same certificates."""

    def __init__(self, url: str, ca_bundle: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_bundle

    def ask(self, path: str, method: str = "GET") -> requests.Response:
        """One request.

        Raises:
            ViewError: no answer, or not a success.
        """
        url = f"{self.url}{path}"
        try:
            answer = self._session.request(
                method, url, timeout=(_SECONDS, _SECONDS), allow_redirects=False, stream=True,
                headers={"Accept-Encoding": "identity"},
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise ViewError(
                f"TLS failed at {url}: {answers.reason(error)}",
                "clients would see the same: docs/tls.md; for a CA of your own set"
                " REQUESTS_CA_BUNDLE to its certificate",
            ) from error
        except requests.RequestException as error:
            raise ViewError(
                f"{url} can't be reached: {answers.reason(error)}", _unreached(self.url)
            ) from error
        if answer.is_redirect:
            raise ViewError(
                f"{url} redirects to {answer.headers['Location']}",
                "set MIRROR_URL to the address that clients use",
            )
        if answer.status_code != 200:
            raise ViewError(
                f"{url} answered {answer.status_code}", "see 'docker compose logs nginx'"
            )
        return answer


def _unreached(url: str) -> str:
    if url == DEFAULT_MIRROR_URL:
        return "docker compose up -d nginx; where the mirror runs without containers set MIRROR_URL"
    return "check MIRROR_URL, and that the web server runs"


def look(
    client: WebServer, mirror: Mirror, state: State, channels: tuple[str, ...]
) -> Iterator[Finding]:
    """Look at the site, then at an index and an artifact of each published channel."""
    subject = f"clients at {client.url}"
    try:
        client.ask("/healthz").close()
    except ViewError as error:
        yield failed(subject, str(error), error.step)
        return
    yield ok(subject, "the web server answers")
    published = {channel: _published(mirror, channel) for channel in channels}
    there = {channel: found for channel, found in published.items() if found is not None}
    if not there:
        yield skipped(subject, "nothing is published yet")
        return
    try:
        yield _status(subject, client, there)
    except ViewError as error:
        is_redirect = "redirects" in str(error)
        yield (warning if is_redirect else failed)(subject, str(error), error.step)
        if is_redirect:
            return
    for channel, generation in there.items():
        try:
            yield _channel(client, mirror, state, channel, generation)
        except ViewError as error:
            yield failed(f"{channel} for clients", str(error), error.step)


def _published(mirror: Mirror, channel: str) -> Generation | None:
    try:
        return generations.published(mirror, channel)
    except MirrorError:
        return None  # ``volumes`` reports it


def _status(subject: str, client: WebServer, there: dict[str, Generation]) -> Finding:
    with client.ask("/status.json") as answer:
        try:
            document = json.loads(answer.raw.read(_LARGEST))
            shown = {one["name"]: one["generation"] for one in document["channels"]}
        except (ValueError, KeyError, TypeError) as error:
            raise ViewError(
                f"{answer.url} can't be understood ({error!r})", "is that this mirror's address?"
            ) from error
    return status(subject, shown, {name: one.number for name, one in there.items()})


def status(subject: str, shown: dict[str, Any], published: dict[str, int]) -> Finding:
    """Judge the generations that ``status.json`` shows against the volume's. Pure."""
    late = [name for name, number in published.items() if shown.get(name) != number]
    if set(late) == published.keys() and not shown.keys() & published.keys():
        step = "is MIRROR_URL this mirror, and does nginx serve this mirror volume?"
        return failed(subject, "status.json shows none of the channels here", step)
    if late:
        step = "wait a minute; then see 'docker compose logs indexer'"
        return warning(subject, f"status.json is behind for {' and '.join(late)}", step)
    return ok(subject, "status.json shows what is published")


def _channel(
    client: WebServer, mirror: Mirror, state: State, channel: str, generation: Generation
) -> Finding:
    subject = f"{channel} for clients"
    subdir = max(generation.subdirs, key=lambda name: generation.subdirs[name].records, default="")
    if not subdir:
        return skipped(subject, "the index lists no subdir")
    size = _size(mirror.generation(channel, generation.number) / subdir / _INDEX)
    _compare(client, f"/{channel}/{subdir}/{_INDEX}", size)
    if snapshots.moment_of(generation.snapshot) is not None:
        _compare(client, f"/snapshots/{generation.snapshot}/{channel}/{subdir}/{_INDEX}", size)
    artifact = _any_artifact(state, channel, subdir, generation.serial)
    if artifact is None:
        return ok(subject, f"{subdir}/{_INDEX} is served whole")
    _compare(client, f"/{channel}/{subdir}/{artifact.filename}", artifact.size)
    return ok(subject, f"{subdir}/{_INDEX} and {artifact.filename} are served whole")


def _compare(client: WebServer, path: str, size: int | None) -> None:
    with client.ask(path, "HEAD") as answer:
        length = answer.headers.get("Content-Length")
    if size is not None and length != str(size):
        raise ViewError(
            f"{client.url}{path} has {length} bytes for clients and {size:,} on the volume",
            "a proxy in between that caches? else run the doctor again, then 'syncer verify'",
        )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None  # a newer generation took its place meanwhile


def _any_artifact(state: State, channel: str, subdir: str, serial: int) -> Artifact | None:
    """One that is here, and that the published generation lists as the ledger does."""
    ledger = Ledger.read(state.ledger(channel))
    if ledger is None:
        return None
    with ledger:
        if ledger.serial != serial:
            return None
        here = (row for row in ledger.artifacts(subdir) if row.home != "promised")
        return next(here, None)
