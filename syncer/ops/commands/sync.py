"""``--once`` and ``adopt``: one sync, or the plan of one; what it did is told to the hooks."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence

from syncer.artifacts.adopt import Adoption
from syncer.ops import once, presence
from syncer.ops import status as state_of
from syncer.ops.commands.options import chosen, plan_printer, stop_on_signals
from syncer.ops.notify import notices
from syncer.ops.schedule import jitter
from syncer.settings.settings import Settings
from syncer.sync import report
from syncer.sync.run import Run
from syncer.sync.session import Options
from volume.errors import InterruptedRunError, LockBusyError, MirrorError
from volume.layout import State
from volume.program import log
from volume.program.printable import printable_lines
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
    asked = chosen(settings, options)
    done = _sync_and_tell(settings, asked, stop, show_plan)
    shown = (
        json.dumps(done.document().plain())
        if options.json
        else report.outcome(done, State(settings.state_dir).sync_left_out)
    )
    print(printable_lines(shown), flush=True)
    if options.folder is not None and not _is_adopted(done, asked.adoption):
        raise MirrorError(
            f"nothing in {options.folder} is what {' '.join(settings.channels)} needs: name the"
            " folder that holds the channels' folders (linux-64, noarch, ...), or one channel's"
        )
    return done.exit_code


def _is_adopted(done: Run, adoption: Adoption | None) -> bool:
    """Whether something was taken over, or what is there was taken over before."""
    plans = [plan for result in done.channels for plan in result.plan]
    is_missing = any(plan.new or plan.replaced for plan in plans)
    is_over = done.status in {"failed", "stopped"}  # which says itself why
    if is_over or not is_missing or any(result.downloaded for result in done.channels):
        return True
    held = [(plan.channel, plan.subdir) for plan in plans if plan.kept]
    return adoption is not None and any(adoption.has_folder(*place) for place in held)


def _preview(settings: Settings, options: argparse.Namespace, stop: Stop) -> int:
    from syncer.ops.preview import preview

    presence.check(settings)
    found = preview(settings, chosen(settings, options), stop)
    shown = json.dumps(found.document()) if options.json else found.text()
    print(printable_lines(shown), flush=True)
    for problem in found.problems:
        log.complain("syncer", problem, settings.log_format)
    return 1 if found.problems else 0


def _sync_and_tell(
    settings: Settings,
    options: Options,
    stop: Stop,
    show_plan: Callable[[Sequence[Totals]], None],
) -> Run:
    if options.adoption is not None:
        return once.sync(settings, options, stop, show_plan=show_plan)
    is_first = state_of.last_sync(settings) is None
    try:
        done = once.sync(settings, options, stop, show_plan=show_plan)
    except (LockBusyError, InterruptedRunError):
        raise
    except MirrorError as error:
        notices.refused(settings, error, time.time())
        raise
    notices.synced(settings, done.document(), time.time(), is_first=is_first)
    failing = [f"{one.name} on {one.subdir}: {one.why}" for one in done.canaries]
    notices.canaries(settings, failing, time.time())
    return done
