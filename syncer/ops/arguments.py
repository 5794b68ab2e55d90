"""The command line's grammar: what can be asked, and which options belong to what."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_ANY_LENGTH = 86400.0  # seconds that a bare --wait waits


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Understand a command line; exits with 2 and the usage if it can't."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command and options.once:
        parser.error("--once and a command exclude each other")
    for name in ("dry_run", "strict", "approve"):
        if getattr(options, name) and not options.once:
            parser.error(f"--{name.replace('_', '-')} goes with --once")
    if options.explain and not options.dry_run:
        parser.error("--explain goes with --once --dry-run")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="syncer",
        description="Mirror conda channels. Without arguments: run the schedule until stopped.",
        epilog="Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 partial, 10 wrong volume,"
        " 11 locked, 130 interrupted.",
    )
    parser.add_argument("--once", action="store_true", help="sync now; the exit code is the result")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --once: show what a sync would do, and stop"
    )
    parser.add_argument(
        "--explain",
        metavar="NAME",
        help="with --dry-run: say of each artifact that this matches why it is (not) wanted",
    )
    parser.add_argument(
        "--strict", action="store_true", help="with --once: a spec that matches nothing is an error"
    )
    parser.add_argument(
        "--approve",
        action="append",
        default=[],
        metavar="MATCHSPEC",
        help="with --once: let these in now, whatever COOLDOWN_DAYS says",
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
        "--take-over",
        action="store_true",
        help="with --once: the mirror volume is this appliance's from now on, as the state volume"
        " was lost, or the mirror is a copy",
    )
    _add_wait(parser, default=0.0)
    _add_json(parser, default=False)
    parser.add_argument("--scheduled", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--offset", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(folder=None, move=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in (
        ("status", "what the mirror holds, and how the last sync went"),
        ("config", "the settings in force"),
        ("health", "whether all is well; for Docker"),
        ("doctor", "check network, disk, upstreams and what clients see; changes nothing"),
    ):
        _add_json(commands.add_parser(name, help=text, description=text))
    _add_verify(commands)
    _add_adopt(commands)
    _add_history(commands)
    _add_notify(commands)
    _add_usage(commands)
    _add_fetcher(commands)
    _add_warm(commands)
    return parser


def _add_json(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    parser.add_argument("--json", action="store_true", default=default, help="print for machines")


def _add_wait(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    parser.add_argument(
        "--wait",
        nargs="?",
        type=float,
        const=_ANY_LENGTH,
        default=default,
        metavar="SECONDS",
        help="if another sync runs, wait for its end",
    )


def _add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "hash what is stored again; quarantine and fetch anew what is damaged"
    parser = commands.add_parser("verify", help=text, description=text)
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--sample",
        type=_percentage,
        default=1.0,
        metavar="PERCENT",
        help="look at a random part only, for example 1%%",
    )
    part.add_argument(
        "--rolling",
        action="store_true",
        help="look at what is due, so that all is seen once in SCRUB_DAYS",
    )
    parser.add_argument("--scheduled", action="store_true", help=argparse.SUPPRESS)
    _add_wait(parser)
    _add_json(parser)


def _add_adopt(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "take over the files of another mirror, by hard link where possible, after hashing them"
    parser = commands.add_parser("adopt", help=text, description=text)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where that mirror's files are")
    parser.add_argument("--move", action="store_true", help="remove there what is taken over here")
    _add_wait(parser)
    _add_json(parser)


def _add_history(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "which artifact entered or left when, from where, and by which run"
    parser = commands.add_parser("history", help=text, description=text)
    parser.add_argument(
        "pattern", nargs="?", default="*", metavar="FILENAME", help="a filename; * is a wildcard"
    )
    parser.add_argument(
        "--since", type=_moment, default=0.0, metavar="DATE", help="for example 2026-11-22"
    )
    _add_json(parser)


def _add_notify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "send a notice by NOTIFY_URL and NOTIFY_COMMAND"
    parser = commands.add_parser("notify", help=text, description=text)
    parser.add_argument(
        "--test", action="store_true", required=True, help="a test notice, to see that it arrives"
    )
    _add_json(parser)


def _add_usage(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "what clients ask for, what nobody asked for, what they asked for and is not here"
    parser = commands.add_parser("usage", help=text, description=text)
    parser.add_argument(
        "--days", type=_days, default=30, metavar="N", help="look at the last N days (default: 30)"
    )
    parser.add_argument(
        "--who", metavar="FILENAME", help="which clients were served this artifact, and when last"
    )
    parser.add_argument("--collect", action="store_true", help=argparse.SUPPRESS)
    _add_json(parser)


def _days(text: str) -> int:
    """A number of days, at least one."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3650):
        raise argparse.ArgumentTypeError(f"{text!r}: write a number of days from 1 to 3650")
    return int(text)


def _add_fetcher(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "the service that downloads what clients ask for (ON_DEMAND); nginx asks it"
    parser = commands.add_parser("fetcher", help=text, description=text)
    parser.add_argument(
        "--listen",
        default="0.0.0.0:8081",
        metavar="HOST:PORT",
        help="where; %(default)s if unsaid",
    )
    parser.add_argument("--health", action="store_true", help="whether it is well; for Docker")


def _add_warm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "fetch ahead, once, what files or MatchSpecs need of channels on demand (ON_DEMAND)"
    parser = commands.add_parser("warm", help=text, description=text)
    parser.add_argument(
        "asked",
        nargs="+",
        metavar="FILE|SPEC",
        help="pixi.lock, conda-lock.yml, an explicit list, environment.yml, or such as numpy=2",
    )
    parser.add_argument(
        "--dry-run", dest="looks_only", action="store_true", help="show what it would be, and stop"
    )
    _add_wait(parser)
    _add_json(parser)


def _percentage(text: str) -> float:
    """A share from a text such as ``1%``."""
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: write a percentage such as 1%")
    return percent / 100


def _moment(text: str) -> float:
    """Seconds since the epoch from a date, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write a date such as 2026-11-22") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
