"""``verify``: hash what is stored again, repair what is damaged, and tell the hooks of it."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

from syncer.errors import GuardError
from syncer.ops import verify
from syncer.ops.commands.options import chosen, plan_printer, stop_on_signals
from syncer.ops.notify import notices
from syncer.settings.settings import Settings
from syncer.sync.scrub import Scope
from volume.layout import State
from volume.program.printable import printable_lines


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Verify, and say what was found."""
    try:
        found = verify.verify(
            settings,
            Scope(share=options.sample, is_rolling=options.rolling),
            chosen(settings, options),
            stop_on_signals(),
            show_plan=plan_printer(settings, quiet=options.json),
        )
    except GuardError as error:
        notices.damaged(settings, [str(error)], time.time(), is_repaired=False)
        raise
    if found.damaged:
        is_repaired = found.repair is not None and found.repair.status == "success"
        problems = [verify.describe_damage(damage) for damage in found.damaged]
        notices.damaged(settings, problems, time.time(), is_repaired=is_repaired)
    left_out = State(settings.state_dir).sync_left_out
    shown = json.dumps(asdict(found)) if options.json else verify.describe(found, left_out)
    print(printable_lines(shown))
    return found.exit_code
