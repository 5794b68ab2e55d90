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

from syncer import report, schedule, sync
from syncer import settings as configuration
from syncer import status as state_of
from syncer import verify as verification
from syncer.adopt import Adoption
from syncer.plan import Totals
from syncer.run import EXIT_CODES
from syncer.settings import Settings
from syncer.survey import free_space
from volume import log
from volume import settings as define
from volume.errors import ConfigError, MirrorError, VolumeError
from volume.layout import Mirror
from volume.stop import Stop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="syncer",
        description="Mirror conda channels. Without arguments: run the schedule until stopped.",
        epilog="Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 partial, 10 wrong volume,"
        " 11 locked, 130 interrupted.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("status", "verify", "adopt", "config", "health"),
        help="status: what the mirror holds; verify: hash it again, repair what is damaged;"
        " adopt: take over the files of another mirror; config: the settings in force;"
        " health: for Docker",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="with adopt: the other mirror's files",
    )
    parser.add_argument(
        "--move", action="store_true", help="with adopt: remove there what is taken over here"
    )
    parser.add_argument("--once", action="store_true", help="sync now; the exit code is the result")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --once: show what a sync would do, and stop"
    )
    parser.add_argument(
        "--wait",
        nargs="?",
        type=float,
        const=86400.0,
        default=0.0,
        metavar="SECONDS",
        help="with --once: if another sync runs, wait for its end",
    )
    parser.add_argument(
        "--allow-wipe",
        action="append",
        default=[],
        metavar="CHANNEL",
        help="with --once: let this run retire as much of CHANNEL as upstream asks",
    )
    parser.add_argument(
        "--accept-new-mirror",
        action="store_true",
        help="with --once: the mirror volume is empty on purpose",
    )
    parser.add_argument(
        "--sample",
        type=_percentage,
        metavar="PERCENT",
        help="with verify: look at a random part only, for example 1%%",
    )
    parser.add_argument(
        "--rolling",
        action="store_true",
        help="with verify: look at what is due, so that all is seen once in SCRUB_DAYS",
    )
    parser.add_argument("--json", action="store_true", help="print for machines")
    parser.add_argument("--scheduled", action="store_true", help=argparse.SUPPRESS)
    return parser


def _percentage(text: str) -> float:
    """A share from a text such as ``1%``."""
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: write a percentage such as 1%")
    return percent / 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o022)  # nginx, another user, reads what we write
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    options = parser.parse_args(given)
    if options.command and options.once:
        parser.error("--once and a command exclude each other")
    if options.dry_run and not options.once:
        parser.error("--dry-run goes with --once")
    if (options.command == "adopt") != (options.folder is not None):
        parser.error("adopt takes the folder of the other mirror, and nothing else does")
    if options.move and options.command != "adopt":
        parser.error("--move goes with adopt")
    if (options.sample or options.rolling) and options.command != "verify":
        parser.error("--sample and --rolling go with verify")
    try:
        settings = configuration.read(os.environ)
        log.configure(settings.log_level, settings.log_format)
        if options.once or options.command == "adopt":
            return _once(settings, options)
        if options.command == "verify":
            return _verify(settings, options)
        if options.command == "status":
            return _status(settings, options.json)
        if options.command == "config":
            return _config(settings, options.json)
        if options.command == "health":
            return _health(settings)
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


def _chosen(options: argparse.Namespace) -> sync.Options:
    return sync.Options(
        wait_seconds=options.wait,
        allow_wipe=frozenset(options.allow_wipe),
        accept_new_mirror=options.accept_new_mirror,
        bars=sys.stderr.isatty() and not options.json,
        adoption=_adoption(options.folder, moves=options.move),
    )


def _adoption(folder: Path | None, *, moves: bool) -> Adoption | None:
    if folder is None:
        return None
    if not folder.is_dir():
        raise ConfigError(
            [f"{folder} is not a folder; in a container it must be mounted: -v /path:{folder}"]
        )
    return Adoption(folder.resolve(), moves)


def _once(settings: Settings, options: argparse.Namespace) -> int:
    stop = _stop_on_signals()
    show_plan = _plan_printer(settings, quiet=options.json)
    if options.dry_run:
        found, problems = sync.preview(settings, _chosen(options), stop, show_plan=show_plan)
        if options.json:
            plans = [asdict(plan) for plan in found]
            print(json.dumps({"plan": plans, "problems": problems, "free": _free(settings)}))
        for problem in problems:
            print(f"syncer: {problem}", file=sys.stderr)
        return 1 if problems else 0
    run = sync.sync(settings, _chosen(options), stop, show_plan=show_plan)
    print(json.dumps(run.document()) if options.json else report.outcome(run), flush=True)
    return EXIT_CODES[run.status]


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    found = verification.verify(
        settings,
        verification.Scope(share=options.sample or 1.0, is_rolling=options.rolling),
        _chosen(options),
        _stop_on_signals(),
        show_plan=_plan_printer(settings, quiet=options.json),
    )
    if options.json:
        print(json.dumps(asdict(found)))
    else:
        print(verification.describe(found))
    return found.exit_code


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
