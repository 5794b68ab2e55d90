"""The command line: what the container's entrypoint is, and ``python -m syncer``.

No arguments run the schedule; anything else is one command. Exit codes: 0 ok, 1 failure, 2 usage
or configuration, 3 partial, 10 wrong volume, 11 locked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from syncer import configuration, history, jitter, report, sync
from syncer import settings as configured
from syncer import status as state_of
from syncer.adopt import Adoption, is_own
from syncer.arguments import parse
from syncer.errors import GuardError
from syncer.notify import notices
from syncer.plan import Totals
from syncer.run import EXIT_CODES, Run
from syncer.selection.matchspec import check_spec
from syncer.settings import Settings
from syncer.survey import free_space
from volume import log
from volume.errors import (
    ConfigError,
    InterruptedRunError,
    LockBusyError,
    MirrorError,
    NameRefusedError,
    VolumeError,
)
from volume.layout import Mirror
from volume.names import parse_artifact
from volume.stop import Stop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o022)  # nginx, another user, reads what we write
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = configured.read(os.environ)
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
        if options.command == "notify":
            return _notify(settings, options.json)
        if options.command == "doctor":
            return _doctor(settings, options.json)
        from syncer import schedule  # 25 ms that a sync does not pay

        return schedule.run(settings)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MirrorError as error:
        _complain(error, as_json=options.json)
        return error.exit_code


def _complain(error: MirrorError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"status": "failed", "error": log.redact(str(error))}))
    log.complain("syncer", str(error), os.environ.get("LOG_FORMAT", ""))


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
    known = {*settings.channels, *settings.installers}
    if unknown := sorted(set(options.allow_wipe) - known):
        raise ConfigError(
            [
                f"--allow-wipe {one}: not mirrored; write one of: {', '.join(sorted(known))}"
                for one in unknown
            ]
        )
    return sync.Options(
        wait_seconds=options.wait,
        allow_wipe=frozenset(options.allow_wipe),
        accept_new_mirror=options.accept_new_mirror,
        bars=sys.stderr.isatty() and not options.json,
        adoption=_adoption(settings, options.folder, moves=options.move),
        approved=tuple(_checked("--approve", one) for one in options.approve),
        is_strict=options.strict,
        explain=_checked("--explain", options.explain) if options.explain else "",
    )


def _checked(option: str, asked: str) -> str:
    """A MatchSpec or an artifact's filename."""
    with contextlib.suppress(NameRefusedError):
        parse_artifact(asked)
        return asked
    try:
        return check_spec(asked)
    except ValueError as error:
        raise ConfigError([f"{option} {error}"]) from error


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
    if options.offset:
        jitter.wait(settings, stop)
    show_plan = _plan_printer(settings, quiet=options.json)
    if options.dry_run:
        from syncer.preview import preview

        found = preview(settings, _chosen(settings, options), stop)
        print(json.dumps(found.document()) if options.json else found.text(), flush=True)
        for problem in found.problems:
            log.complain("syncer", problem, settings.log_format)
        return 1 if found.problems else 0
    run = _sync_and_tell(settings, _chosen(settings, options), stop, show_plan)
    print(json.dumps(run.document()) if options.json else report.outcome(run), flush=True)
    return EXIT_CODES[run.status]


def _sync_and_tell(
    settings: Settings,
    chosen: sync.Options,
    stop: Stop,
    show_plan: Callable[[Sequence[Totals]], None],
) -> Run:
    if chosen.adoption is not None:
        return sync.sync(settings, chosen, stop, show_plan=show_plan)
    is_first = state_of.last_sync(settings) is None
    try:
        run = sync.sync(settings, chosen, stop, show_plan=show_plan)
    except (LockBusyError, InterruptedRunError):
        raise
    except MirrorError as error:
        notices.refused(settings, error, time.time())
        raise
    notices.synced(settings, run.document(), time.time(), is_first=is_first)
    failing = [f"{one['name']} on {one['subdir']}: {one['why']}" for one in run.canaries]
    notices.canaries(settings, failing, time.time())
    return run


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    from syncer import verify as verification  # as with doctor

    try:
        found = verification.verify(
            settings,
            verification.Scope(share=options.sample, is_rolling=options.rolling),
            _chosen(settings, options),
            _stop_on_signals(),
            show_plan=_plan_printer(settings, quiet=options.json),
        )
    except GuardError as error:
        notices.damaged(settings, [str(error)], time.time(), is_repaired=False)
        raise
    if found.damaged:
        is_repaired = found.repair is not None and found.repair.status == "success"
        problems = [verification.describe_damage(damage) for damage in found.damaged]
        notices.damaged(settings, problems, time.time(), is_repaired=is_repaired)
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
    print(json.dumps(configuration.shown(settings)) if as_json else configuration.text(settings))
    return 0


def _health(settings: Settings) -> int:
    reason = state_of.unhealthy(settings, time.time())
    print(reason or "ok")
    return 1 if reason else 0


def _notify(settings: Settings, as_json: bool) -> int:
    results = notices.test(settings, time.time())
    if not results:
        raise ConfigError(["no notice can be sent: set NOTIFY_URL or NOTIFY_COMMAND"])
    if as_json:
        print(json.dumps([{"hook": name, "error": problem} for name, problem in results]))
    for name, problem in () if as_json else results:
        print(f"{name}: {problem or 'delivered'}")
    return 1 if any(problem for _, problem in results) else 0


def _doctor(settings: Settings, as_json: bool) -> int:
    from syncer.doctor import examination  # as with the schedule: others do not pay for it

    findings = examination.examine(settings)
    if as_json:
        print(json.dumps(examination.document(findings)))
    else:
        print(examination.describe(findings))
    return examination.exit_code(findings)


if __name__ == "__main__":
    sys.exit(main())
