"""No command: run the schedule until the container is stopped."""

from __future__ import annotations

import argparse

from syncer.ops.schedule import daemon
from syncer.settings.settings import Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Run the schedule."""
    return daemon.run(settings)
