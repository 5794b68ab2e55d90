"""``status``: what the mirror holds, and how the last sync went."""

from __future__ import annotations

import argparse
import json

from syncer.ops import presence, status
from syncer.settings.settings import Settings
from volume.program.printable import printable_lines


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the status; 1 if nothing can be said of a channel."""
    presence.check(settings)
    found = status.status(settings)
    shown = json.dumps(found.document()) if options.json else status.describe(found)
    print(printable_lines(shown))
    return 0 if found.is_whole else 1
