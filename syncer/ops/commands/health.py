"""``health``: whether all is well, for Docker."""

from __future__ import annotations

import argparse
import time

from syncer.ops import status
from syncer.settings.settings import Settings
from volume.program.printable import printable_lines


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print what is wrong; 1 if anything is."""
    reason = status.unhealthy(settings, time.time())
    print(printable_lines(reason or "ok"))
    return 1 if reason else 0
