"""Delivery of a notice: a POST of JSON to a webhook, or a command that gets the JSON on its stdin.

Guaranteed: each ends in time (a webhook after 2 tries of 15 s, a command after 30 s, with all that
it started), and whatever goes wrong is a ``HookError`` without the webhook's address in it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pycurl

from syncer.settings.notify_settings import WebhookAddress
from syncer.settings.settings import Settings
from syncer.transport import network as environment
from syncer.transport.network import Network
from volume.errors import MirrorError
from volume.program.log import redact

_TRIES = 2
_POST_SECONDS = 15
_COMMAND_SECONDS = 30.0
_TROUBLE = (429, 500, 502, 503, 504)


class HookError(MirrorError):
    """A notice could not be delivered."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One way to tell people; ``name`` is for them."""

    name: str
    send: Callable[[bytes], None]


def configured(settings: Settings) -> list[Hook]:
    """The hooks that the settings ask for."""
    hooks = []
    if settings.notify_url is not None:
        address = settings.notify_url
        hooks.append(Hook(f"NOTIFY_URL ({address})", lambda body: post(settings, address, body)))
    if settings.notify_command:
        words = shlex.split(settings.notify_command)
        hooks.append(Hook(f"NOTIFY_COMMAND ({words[0]})", lambda body: run(words, body)))
    return hooks


def post(settings: Settings, address: WebhookAddress, body: bytes) -> None:
    """Post to a webhook, by the same proxy and CA bundle as upstreams.

    Raises:
        HookError: it does not take it.
    """
    try:
        network = environment.read(settings)
    except MirrorError as error:
        raise HookError(f"{address} was not asked: {error}") from error
    for number in range(1, _TRIES + 1):
        status, failure = _try(address, body, network, settings.user_agent)
        if failure is None and 200 <= status < 300:
            return
        problem = failure or f"it answered {status}{_advice(status)}"
        if number == _TRIES or (failure is None and status not in _TROUBLE):
            raise HookError(redact(f"{address} did not take the notice: {problem}"))


def _try(
    address: WebhookAddress, body: bytes, network: Network, user_agent: str
) -> tuple[int, str | None]:
    curl = pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, address.url)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT, _POST_SECONDS)  # for all of it
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        # No redirects: the address is a secret, and a POST that was redirected is a GET.
        curl.setopt(pycurl.USERAGENT, user_agent)
        curl.setopt(pycurl.PROXY, network.host(address.url).proxy)
        curl.setopt(pycurl.NOPROXY, "")
        is_folder = Path(network.ca_bundle).is_dir()
        curl.setopt(pycurl.CAPATH if is_folder else pycurl.CAINFO, network.ca_bundle)
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.WRITEFUNCTION, len)
        curl.perform()
        return int(curl.getinfo(pycurl.RESPONSE_CODE)), None
    except pycurl.error as error:
        return 0, str(error.args[1])
    finally:
        curl.close()


def _advice(status: int) -> str:
    if 300 <= status < 400:
        return ", a redirect: write the address that it leads to"
    if status in {401, 403, 404, 410}:
        return ": is the address whole, and the webhook still there?"
    return ""


def run(words: list[str], body: bytes) -> None:
    """Run a command with the notice on its standard input.

    Raises:
        HookError: it can't be started, fails, or takes too long.
    """
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all that it starts can be ended
        )
    except OSError as error:
        raise HookError(
            f"{words[0]} can't be run: {error.strerror}; in a container it must be mounted, such as"
            " /etc/conda-mirror/notify from ./config, and executable"
        ) from error
    with process:
        try:
            said, _ = process.communicate(body, timeout=_COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise HookError(f"{words[0]} was ended after {_COMMAND_SECONDS:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise HookError(
            redact(f"{words[0]} ended with {process.returncode}" + (f": {last}" if last else ""))
        )
