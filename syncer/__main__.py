"""The command line: what the container's entrypoint is, and ``python -m syncer``.

No arguments run the schedule; anything else is one command. Exit codes: 0 ok, 1 failure, 2 usage
or configuration, 3 partial, 10 wrong volume, 11 locked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from syncer import history, report, sync
from syncer import settings as configuration
from syncer import status as state_of
from syncer import verify as verification
from syncer.adopt import Adoption, is_own
from syncer.arguments import parse
from syncer.plan import Totals
from syncer.run import EXIT_CODES
from syncer.settings import Settings
from syncer.survey import free_space
from volume import log
from volume import settings as define
from volume.errors import ConfigError, MirrorError, VolumeError
from volume.layout import Mirror
from volume.stop import Stop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o022)  # nginx, another user, reads what we write
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = configuration.read(os.environ)
        log.configure(settings.log_level, settings.log_format)
        if options.once or options.command == "adopt":
            return _once(settings, options)
        if options.command == "verify":
            return _verify(settings, options)
        if options.command == "history":
            return _history(settings, options)
        if options.command == "status":
            return _status(settings, options.json)
        if options.command == "config":
            return _config(settings, options.json)
        if options.command == "health":
            return _health(settings)
        from syncer import schedule  # 25 ms that a sync does not pay

        return schedule.run(settings)
    except MirrorError as error:
        _complain(error, as_json=options.json)
        return error.exit_code


def _complain(error: MirrorError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"status": "failed", "error": log.redact(str(error))}))
    for line in str(error).splitlines():
        print(f"syncer: {log.redact(line)}", file=sys.stderr)


def _stop_on_signals() -> Stop:
    stop = Stop()
    stop.install()
    return stop


def _plan_printer(settings: Settings, *, quiet: bool) -> Callable[[Sequence[Totals]], None]:
    def show_plan(found: Sequence[Totals]) -> None:
        if not quiet:
            print(report.plan_table(found, _free(settings)), flush=True)

    return show_plan


def _chosen(settings: Settings, options: argparse.Namespace) -> sync.Options:
    return sync.Options(
        wait_seconds=options.wait,
        allow_wipe=frozenset(options.allow_wipe),
        accept_new_mirror=options.accept_new_mirror,
        bars=sys.stderr.isatty() and not options.json,
        adoption=_adoption(settings, options.folder, moves=options.move),
    )


def _adoption(settings: Settings, folder: Path | None, *, moves: bool) -> Adoption | None:
    if folder is None:
        return None
    if not folder.is_dir():
        raise ConfigError(
            [f"{folder} is not a folder; in a container it must be mounted: -v /path:{folder}"]
        )
    if is_own(Mirror(settings.mirror_dir), folder):
        raise ConfigError([f"{folder} is a part of this mirror: there is nothing to take over"])
    return Adoption(folder.resolve(), moves)


def _once(settings: Settings, options: argparse.Namespace) -> int:
    stop = _stop_on_signals()
    show_plan = _plan_printer(settings, quiet=options.json)
    if options.dry_run:
        found, problems = sync.preview(
            settings, _chosen(settings, options), stop, show_plan=show_plan
        )
        if options.json:
            plans = [asdict(plan) for plan in found]
            print(json.dumps({"plan": plans, "problems": problems, "free": _free(settings)}))
        for problem in problems:
            print(f"syncer: {problem}", file=sys.stderr)
        return 1 if problems else 0
    run = sync.sync(settings, _chosen(settings, options), stop, show_plan=show_plan)
    print(json.dumps(run.document()) if options.json else report.outcome(run), flush=True)
    return EXIT_CODES[run.status]


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    found = verification.verify(
        settings,
        verification.Scope(share=options.sample, is_rolling=options.rolling),
        _chosen(settings, options),
        _stop_on_signals(),
        show_plan=_plan_printer(settings, quiet=options.json),
    )
    if options.json:
        print(json.dumps(asdict(found)))
    else:
        print(verification.describe(found))
    return found.exit_code


def _history(settings: Settings, options: argparse.Namespace) -> int:
    for channel, event in history.events(settings, options.pattern, options.since):
        if options.json:
            print(json.dumps({"channel": channel, **asdict(event)}))
        else:
            print(history.describe(channel, event))
    return 0


def _free(settings: Settings) -> int | None:
    try:
        return free_space(Mirror(settings.mirror_dir))
    except VolumeError:
        return None


def _status(settings: Settings, as_json: bool) -> int:
    found = state_of.status(settings)
    print(json.dumps(found.document()) if as_json else state_of.describe(found))
    return 0


def _config(settings: Settings, as_json: bool) -> int:
    values = {name: log.redact(value) for name, value in define.effective(settings).items()}
    if as_json:
        print(json.dumps(values))
    else:
        for name, value in values.items():
            print(f"{name}={value}")
    return 0


def _health(settings: Settings) -> int:
    reason = state_of.unhealthy(settings, time.time())
    print(reason or "ok")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
