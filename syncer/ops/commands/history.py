"""``history``: what was committed, hotfixed and retired."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from syncer.artifacts import history
from syncer.ops import presence
from syncer.settings.settings import Settings
from volume.program.printable import printable


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the events, oldest first."""
    presence.check(settings)
    for channel, event in history.events(settings, options.pattern, options.since):
        if options.json:
            print(json.dumps({"channel": channel, **asdict(event)}))
        else:
            print(printable(history.describe(channel, event)))
    return 0
