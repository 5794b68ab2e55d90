"""``warm``: what files and specs ask for is fetched ahead, once, of channels on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from syncer.conda.written import check_request
from syncer.demand.warming import Warmed, Warming
from syncer.planning.environments import spec_file
from syncer.planning.environments.remote import RemoteFiles
from syncer.planning.environments.request import Request
from syncer.planning.guard import check_space
from syncer.planning.on_demand.ahead import Ahead, plan
from syncer.planning.survey import free_space
from syncer.settings.policy import Environment
from syncer.settings.settings import Settings
from syncer.sync import session
from syncer.sync.run import EXIT_CODES
from syncer.sync.session import Options
from syncer.sync.tools import Tools
from syncer.upstream.cache import Cache
from volume.errors import ConfigError
from volume.ledger.ledger import Ledger
from volume.program.sizes import amount, counted
from volume.program.stop import Stop
from volume.run_document import Totals

_NAME = "warm"
_SUFFIXES = (".yml", ".yaml", ".lock", ".txt")
_MOST = 20  # shown by name; --json has all


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for: files, as they are found or addressed, and MatchSpecs."""

    files: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()


def understand(settings: Settings, words: Sequence[str]) -> Asked:
    """Tell files from MatchSpecs. A file is looked for here, then in CONFIG_DIR.

    Raises:
        ConfigError: with everything that is neither.
    """
    files: list[str] = []
    specs: list[str] = []
    problems: list[str] = []
    folders = (Path.cwd(), Path(settings.config_dir))
    for word in words:
        found = next((one / word for one in folders if (one / word).is_file()), None)
        if spec_file.is_address(word):
            files.append(word)
        elif found is not None:
            files.append(str(found))
        elif word.endswith(_SUFFIXES) or "/" in word:
            shown = " and ".join(dict.fromkeys(str(one / word) for one in folders))
            problems.append(f"{word} is not there; looked for {shown}")
        else:
            try:
                specs.append(check_request(word))
            except ValueError as error:
                problems.append(str(error))
    if not any(settings.policy(one).on_demand for one in settings.channels):
        problems.append(
            "no channel is on demand, so everything that is mirrored is fetched ahead: see"
            " ON_DEMAND, or SPECS and SPEC_FILES"
        )
    if problems:
        raise ConfigError(problems)
    return Asked(tuple(files), tuple(specs))


@dataclass(slots=True)
class Warm:
    """What was to be fetched, and what came of it; sizes in bytes."""

    ahead: Ahead
    notes: list[str] = field(default_factory=list)
    channels: dict[str, Warmed] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or 3 if something that is asked for is not here after it."""
        failed = any(one.failures for one in self.channels.values())
        return EXIT_CODES["partial"] if failed or self.ahead.missing else EXIT_CODES["success"]

    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "plan": {
                channel: {"artifacts": len(rows), "size": sum(row.size for row in rows)}
                for channel, rows in self.ahead.fetch.items()
            },
            "here": {channel: asdict(one) for channel, one in self.ahead.here.items()},
            "missing": list(self.ahead.missing),
            "notes": self.notes,
            "fetched": {channel: asdict(one) for channel, one in self.channels.items()},
        }

    def text(self) -> str:
        """What came of it, for people."""
        lines = [f"note: {one}" for one in self.notes]
        for channel, one in self.channels.items():
            lines.append(
                f"{channel}: fetched {counted(one.fetched, 'artifact')}, {amount(one.size)}"
            )
            lines += _first([f"  not fetched: {why}" for why in one.failures])
        lines += _first([f"not to be had: {why}" for why in self.ahead.missing])
        return "\n".join(lines)


def plan_text(ahead: Ahead, free: int) -> str:
    """The plan, for people; ``free`` is in bytes."""
    lines = []
    for channel in sorted({*ahead.fetch, *ahead.here}):
        rows, here = ahead.fetch.get(channel, ()), ahead.here.get(channel)
        size = sum(row.size for row in rows)
        line = f"{channel}: to fetch {counted(len(rows), 'artifact')}, {amount(size)}"
        if here is not None:
            line += f"; here already {here.count:,}, {amount(here.size)}"
        lines.append(line)
    count = sum(map(len, ahead.fetch.values()))
    lines.append(
        f"To fetch: {counted(count, 'artifact')}, {amount(ahead.size)}."
        f" Free on the mirror volume: {amount(free)}."
    )
    return "\n".join(lines)


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST
    return [*lines[:_MOST], *([f"... and {more:,} more; --json has all"] if more > 0 else [])]


def warm(
    settings: Settings,
    asked: Asked,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[str], None],
    is_dry: bool = False,
) -> Warm:
    """Fetch ahead; with ``is_dry`` only look.

    Raises:
        ConfigError: a file can't be read or understood.
        NoSpaceError: the plan does not fit; nothing was fetched.
        VolumeError, InterruptedRunError: what came stays.
        MirrorError: as ``session.session`` does.
    """
    if is_dry:
        looking = session.tools(settings, options, stop, show_plan=_nothing, writes=False)
        return _looked(looking, asked, show_plan)
    with session.session(settings, options, stop, role=_NAME, show_plan=_nothing) as opened:
        shared = replace(opened, bars=options.bars)
        found = _looked(shared, asked, show_plan)
        for channel, rows in found.ahead.fetch.items():
            found.channels[channel] = Warming(shared, channel, found.notes.append).run(rows)
    return found


def _nothing(plans: Sequence[Totals]) -> None:
    """No plan of a sync is shown: this is none."""


def _looked(shared: Tools, asked: Asked, show_plan: Callable[[str], None]) -> Warm:
    settings = shared.settings
    requests = _read(shared, asked)
    subdirs = [one for channel in settings.channels for one in settings.policy(channel).subdirs]
    environment = Environment(
        _NAME, settings.channels, tuple(dict.fromkeys(subdirs)), asked.specs, asked.files
    )
    with contextlib.ExitStack() as opened:
        ledgers = {
            channel: opened.enter_context(ledger)
            for channel in settings.channels
            if (ledger := Ledger.read(shared.state.ledger(channel))) is not None
        }
        ahead = plan(ledgers, environment, requests)
    free = free_space(shared.mirror)
    show_plan(plan_text(ahead, free))
    check_space(ahead.size, free, settings.min_free)
    return Warm(ahead, [note for request in requests for note in request.notes])


def _read(shared: Tools, asked: Asked) -> list[Request]:
    settings = shared.settings
    channels = {channel: settings.channel_addresses(channel) for channel in settings.channels}
    subdirs = [one for channel in settings.channels for one in settings.policy(channel).subdirs]
    remote = RemoteFiles(shared.fetch, Cache(shared.state.spec_files), writes=False)
    return spec_file.read(
        Path("/"), asked.files, subdirs=tuple(dict.fromkeys(subdirs)), channels=channels,
        remote=remote.read,
    )  # fmt: skip
