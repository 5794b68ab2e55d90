"""The command line: the container's entrypoint is this, and so is ``python -m indexer``.

No arguments run the loop; anything else is one command. Exit codes: 0 ok, 1 failure, 2 usage or
configuration, 3 partial, 10 wrong volume, 11 locked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence

from indexer.base import settings as configuration
from indexer.base.settings import Settings
from indexer.base.volumes import Volumes
from indexer.ops import commands
from indexer.ops.loop import Heartbeat, Loop
from indexer.ops.metrics import Metrics
from volume.errors import MirrorError
from volume.identity import claim
from volume.layout import Mirror, State
from volume.program import log
from volume.program.stop import Stop

_WAIT_SECONDS = 300.0  # long enough for the loop's own run over a large channel


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="indexer",
        description="Publish the index of every channel on the mirror volume. Without arguments:"
        " do so whenever something is committed or added by hand, until stopped.",
        epilog="Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 partial, 10 wrong volume,"
        " 11 locked, 130 interrupted.",
    )
    parser.add_argument("--once", action="store_true", help="index now; the exit code tells")
    parser.add_argument("--loop", action="store_true", help="what no arguments do")
    parser.add_argument(
        "--channel", action="append", metavar="CHANNEL", help="with --once: only it"
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=_WAIT_SECONDS,
        metavar="SECONDS",
        help=f"how long to wait for a channel that is busy (default {_WAIT_SECONDS:g})",
    )
    parser.add_argument("--json", action="store_true", help="print for machines")
    known = parser.add_subparsers(dest="command", metavar="command")
    for name, text in (
        ("generations", "list the generations that are kept"),
        ("status", "what is published, what is committed, what was left out"),
        ("health", "for Docker: whether the running indexer lives"),
        ("config", "the settings in force"),
    ):
        command = known.add_parser(name, help=text)
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
        if name in {"generations", "status"}:
            command.add_argument("only", nargs="?", metavar="CHANNEL")
    back = known.add_parser(
        "rollback",
        help="publish an older generation again",
        description="Publish an older generation of a channel again. It holds until something new"
        " is committed or added, or until --release publishes the newest generation again.",
    )
    back.add_argument("only", nargs="?", metavar="CHANNEL", help="needed if there are several")
    back.add_argument("--to", type=int, metavar="N", help="which one; default: the one before")
    back.add_argument("--release", action="store_true", help="end a rollback")
    back.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    _add_diff(known)
    _add_pin(known)
    return parser


def _add_diff(known: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = known.add_parser(
        "diff",
        help="which records two generations do not share",
        description="Show which records were added, removed and changed from one generation of a"
        " channel to another. A generation is named by its number or its snapshot.",
    )
    parser.add_argument("older", nargs="?", metavar="A", help="default: the one before B")
    parser.add_argument("newer", nargs="?", metavar="B", help="default: the published one")
    parser.add_argument(
        "--channel", dest="only", metavar="CHANNEL", help="needed if there are several"
    )
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _add_pin(known: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = known.add_parser(
        "pin-generation",
        help="keep a generation and all that it lists",
        description="Keep a generation of a channel, its snapshot and all that it lists, beyond"
        " KEEP_GENERATIONS, until --release. What leaves the index meanwhile is kept with it.",
    )
    parser.add_argument("only", metavar="CHANNEL")
    parser.add_argument(
        "generation",
        nargs="?",
        metavar="N",
        help="its number or its snapshot; default: the published one",
    )
    parser.add_argument("--release", action="store_true", help="end a pin")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    os.umask(0o022)  # nginx, another user, reads what we write
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.once or options.loop) and options.command:
        parser.error("--once, --loop and a command exclude each other")
    if options.channel and not options.once:
        parser.error("--channel goes with --once")
    try:
        settings = configuration.read(os.environ)
        log.configure(settings.log_level, settings.log_format)
        return _run(settings, options)
    except MirrorError as error:
        if options.json:
            print(json.dumps({"status": "failed", "error": log.redact(str(error))}))
        log.complain("indexer", str(error), os.environ.get("LOG_FORMAT", ""))
        return error.exit_code


def _run(settings: Settings, options: argparse.Namespace) -> int:
    mirror, state = Mirror(settings.mirror_dir), State(settings.state_dir)
    if options.command == "config":
        return commands.config(settings, as_json=options.json)
    if options.command == "health":
        return commands.health(mirror, state, time.time())
    is_loop = not options.once and not options.command
    collected = Metrics(mirror, state)
    stop = Stop(_beat(Heartbeat(state.index_heartbeat), collected) if is_loop else lambda: None)
    volumes = Volumes(mirror, state, settings, stop)
    if options.command in {"generations", "status"}:
        show = commands.generations if options.command == "generations" else commands.status
        return show(volumes, options.only, as_json=options.json)
    if options.command == "diff":
        return commands.diff(volumes, options)
    claim(mirror, state)
    if options.command == "rollback":
        return commands.rollback(volumes, options)
    if options.command == "pin-generation":
        return commands.pin_generation(volumes, options)
    stop.install()
    if is_loop:
        return Loop(volumes).run()
    code = commands.once(volumes, options)
    collected.write()
    return code


def _beat(heartbeat: Heartbeat, collected: Metrics) -> Callable[[], None]:
    def beat() -> None:
        heartbeat.beat()
        collected.refresh()

    return beat
