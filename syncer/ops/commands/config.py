"""``config``: the settings in force."""

from __future__ import annotations

import argparse
import json

from syncer.ops import configuration
from syncer.settings.settings import Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the settings."""
    print(
        json.dumps(configuration.shown(settings)) if options.json else configuration.text(settings)
    )
    return 0
