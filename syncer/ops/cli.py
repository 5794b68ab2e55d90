"""The command line: the container's entrypoint is this, and so is ``python -m syncer``.

No arguments run the schedule; anything else is one command of ``commands``. Exit codes: 0 ok,
1 failure, 2 usage or configuration, 3 partial, 10 wrong volume, 11 locked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from syncer.ops.arguments import parse
from syncer.settings import settings as configured
from syncer.settings.settings import Settings
from volume.errors import MirrorError
from volume.program import log

Command = Callable[[Settings, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o022)  # nginx, another user, reads what we write
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = configured.read(os.environ)
        log.configure(settings.log_level, settings.log_format)
        return _command(options)(settings, options)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MirrorError as error:
        _complain(error, as_json=options.json)
        return error.exit_code


def _command(options: argparse.Namespace) -> Command:
    """The command's module, and no other: importing all takes as long as a sync without news."""
    is_sync = options.once or options.command == "adopt"
    name = "sync" if is_sync else options.command or "schedule"
    run: Command = importlib.import_module(f"syncer.ops.commands.{name}").run
    return run


def _complain(error: MirrorError, *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"status": "failed", "error": log.redact(str(error))}))
    log.complain("syncer", str(error), os.environ.get("LOG_FORMAT", ""))
