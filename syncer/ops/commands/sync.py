"""``--once`` and ``adopt``: one sync, or the plan of one; what it did is told to the hooks."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence

from syncer.ops import jitter, volumes
from syncer.ops import status as state_of
from syncer.ops.commands.wishes import chosen, plan_printer, stop_on_signals
from syncer.ops.notify import notices
from syncer.settings.settings import Settings
from syncer.sync import report
from syncer.sync import session as sync
from syncer.sync.run import EXIT_CODES, Run
from volume.errors import InterruptedRunError, LockBusyError, MirrorError
from volume.program import log
from volume.program.stop import Stop
from volume.run_document import Totals


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Sync, and say what was done."""
    stop = stop_on_signals()
    if options.offset:
        jitter.wait(settings, stop)
    if options.dry_run:
        return _preview(settings, options, stop)
    show_plan = plan_printer(settings, quiet=options.json)
    done = _sync_and_tell(settings, chosen(settings, options), stop, show_plan)
    print(json.dumps(done.document().plain()) if options.json else report.outcome(done), flush=True)
    return EXIT_CODES[done.status]


def _preview(settings: Settings, options: argparse.Namespace, stop: Stop) -> int:
    from syncer.ops.preview import preview

    volumes.check(settings)
    found = preview(settings, chosen(settings, options), stop)
    print(json.dumps(found.document()) if options.json else found.text(), flush=True)
    for problem in found.problems:
        log.complain("syncer", problem, settings.log_format)
    return 1 if found.problems else 0


def _sync_and_tell(
    settings: Settings,
    wishes: sync.Options,
    stop: Stop,
    show_plan: Callable[[Sequence[Totals]], None],
) -> Run:
    if wishes.adoption is not None:
        return sync.sync(settings, wishes, stop, show_plan=show_plan)
    is_first = state_of.last_sync(settings) is None
    try:
        done = sync.sync(settings, wishes, stop, show_plan=show_plan)
    except (LockBusyError, InterruptedRunError):
        raise
    except MirrorError as error:
        notices.refused(settings, error, time.time())
        raise
    notices.synced(settings, done.document(), time.time(), is_first=is_first)
    failing = [f"{one.name} on {one.subdir}: {one.why}" for one in done.canaries]
    notices.canaries(settings, failing, time.time())
    return done
