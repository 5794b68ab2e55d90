"""``usage``: what the LAN asks for; with ``--collect`` nginx's log is counted, and no more."""

from __future__ import annotations

import argparse
import json
import logging
import time

from syncer.ops import presence, usage
from syncer.ops.commands.options import stop_on_signals
from syncer.settings.settings import Settings
from volume.errors import ConfigError, LockBusyError
from volume.program.printable import printable_lines

_LOG = logging.getLogger(__name__)
_WAIT_SECONDS = 60.0


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Count what is new, then answer."""
    presence.check(settings)
    now = time.time()
    if options.collect:
        try:
            found = usage.collect(settings, stop_on_signals(), now, wait_seconds=0)
        except LockBusyError:
            return 0  # somebody is at it
        _LOG.debug("%s lines, %s requests for files of channels", found.lines, found.requests)
        return 0
    usage.collect(settings, stop_on_signals(), now, wait_seconds=_WAIT_SECONDS)
    if options.who:
        return _who(settings, options, now)
    answer = usage.read(settings, now, days=options.days)
    shown = json.dumps(answer.document()) if options.json else usage.describe(answer, now)
    print(printable_lines(shown))
    return 0


def _who(settings: Settings, options: argparse.Namespace, now: float) -> int:
    if not settings.usage_clients:
        raise ConfigError(
            ["usage --who needs USAGE_CLIENTS=yes: without it no address of a client is kept"]
        )
    with usage.open_counts(settings, now) as counts:
        clients = counts.clients(options.who)
    shown = json.dumps(clients) if options.json else usage.describe_clients(options.who, clients)
    print(printable_lines(shown))
    return 0
