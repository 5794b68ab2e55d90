"""What a person says about one run on the command line, checked; and how to show them its plan."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from syncer.artifacts.adopt import Adoption, is_own
from syncer.conda.written import check_spec
from syncer.ops import once
from syncer.planning.survey import free_space
from syncer.settings.settings import Settings
from syncer.sync import report
from syncer.sync.session import Options
from volume.errors import ConfigError, NameRefusedError, VolumeError
from volume.identity import Word
from volume.layout import Mirror
from volume.names import parse_artifact
from volume.program.printable import printable_lines
from volume.program.stop import Stop
from volume.run_document import Totals


def chosen(settings: Settings, options: argparse.Namespace) -> Options:
    """The options of a run.

    Raises:
        ConfigError: one names what is not there, or can't be understood.
    """
    known = {*settings.channels, *once.makers(settings)}
    if unknown := sorted(set(options.allow_wipe) - known):
        raise ConfigError(
            [
                f"--allow-wipe {one}: not mirrored; write one of: {', '.join(sorted(known))}"
                for one in unknown
            ]
        )
    return Options(
        wait_seconds=options.wait,
        allow_wipe=frozenset(options.allow_wipe),
        word=Word(options.accept_new_mirror, options.take_over),
        bars=sys.stderr.isatty() and not options.json,
        adoption=_adoption(settings, options.folder, moves=options.move),
        approved=tuple(_checked("--approve", one) for one in options.approve),
        is_strict=options.strict,
        explain=_checked("--explain", options.explain) if options.explain else "",
    )


def plan_printer(settings: Settings, *, quiet: bool) -> Callable[[Sequence[Totals]], None]:
    """What shows a plan before it is carried out."""

    def show_plan(found: Sequence[Totals]) -> None:
        if not quiet:
            print(printable_lines(report.plan_table(found, _free(settings))), flush=True)

    return show_plan


def stop_on_signals() -> Stop:
    """A stop that SIGTERM and SIGINT request."""
    stop = Stop()
    stop.install()
    return stop


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


def _free(settings: Settings) -> int | None:
    try:
        return free_space(Mirror(settings.mirror_dir))
    except VolumeError:
        return None
