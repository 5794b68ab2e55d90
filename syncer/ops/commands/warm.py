"""``warm``: fetch ahead, once, what files and MatchSpecs ask for; the plan is shown first."""

from __future__ import annotations

import argparse
import json
import sys

from syncer.ops import presence, warm
from syncer.ops.commands.options import stop_on_signals
from syncer.settings.settings import Settings
from syncer.sync.session import Options
from volume.program.printable import printable_lines


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Fetch ahead, and say what was had."""
    presence.check(settings)
    found = warm.warm(
        settings,
        warm.understand(settings, options.asked),
        Options(wait_seconds=options.wait, bars=sys.stderr.isatty() and not options.json),
        stop_on_signals(),
        show_plan=(lambda text: None) if options.json else _show,
        is_dry=options.looks_only,
    )
    if shown := json.dumps(found.document()) if options.json else found.text():
        print(printable_lines(shown), flush=True)
    return found.exit_code


def _show(text: str) -> None:
    print(printable_lines(text), flush=True)
