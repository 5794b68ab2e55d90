"""``fetcher``: the service that downloads what clients ask for, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import logging

from syncer.ops.commands.options import stop_on_signals
from syncer.settings.settings import Settings
from volume.errors import ConfigError
from volume.locks import check_local

_LOG = logging.getLogger(__name__)
_LOCAL = "127.0.0.1"


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve; or look if the service that listens there is well: 1 if it is not."""
    address = _address(options.listen)
    if options.health:
        return _health(*address)
    from syncer.demand.server import serve

    check_local(settings.state_dir)
    stop = stop_on_signals()
    try:
        asyncio.run(serve(settings, stop, address, ready=_say))
    except OSError as error:
        raise ConfigError([f"--listen {options.listen}: {error.strerror or error}"]) from error
    return 0


def _say(port: int) -> None:
    _LOG.info("fetching on demand, on port %d", port)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError([f"--listen {text}: write HOST:PORT, such as 0.0.0.0:8081"])
    return host.strip("[]"), int(port)


def _health(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(_LOCAL if host in {"", "0.0.0.0"} else host, port, 5)  # noqa: S104
    try:
        connection.request("GET", "/healthz")
        is_well = connection.getresponse().status == 200
    except OSError as error:
        print(f"the fetcher does not answer: {error}")
        return 1
    finally:
        connection.close()
    print("ok" if is_well else "the fetcher is not well; see its log")
    return 0 if is_well else 1
