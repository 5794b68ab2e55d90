"""``notify``: send a notice to every hook, to see that it arrives."""

from __future__ import annotations

import argparse
import json
import time

from syncer.ops.notify import notices
from syncer.settings.settings import Settings
from volume.errors import ConfigError


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Try the hooks; 1 if one fails."""
    results = notices.test(settings, time.time())
    if not results:
        raise ConfigError(["no notice can be sent: set NOTIFY_URL or NOTIFY_COMMAND"])
    if options.json:
        print(json.dumps([{"hook": name, "error": problem} for name, problem in results]))
    for name, problem in () if options.json else results:
        print(f"{name}: {problem or 'delivered'}")
    return 1 if any(problem for _, problem in results) else 0
