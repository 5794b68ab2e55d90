"""One sync with all its parts: channels are the sync's own, collections are added here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from syncer.ops import usage
from syncer.settings.settings import Settings
from syncer.sync import session
from syncer.sync.collections.rehash import Rehashed
from syncer.sync.run import Run
from syncer.sync.session import Options
from syncer.sync.tools import Tools
from syncer.sync.work import Maker
from volume.layout import NAME_MAPPING
from volume.program.stop import Stop
from volume.run_document import Totals
from volume.wheels import PYPI


class LooksThrough(Protocol):
    """Hashes a share of what is published, or what is due today."""

    def __call__(
        self, tools: Tools, name: str, /, *, share: float, is_rolling: bool
    ) -> Rehashed: ...


@dataclass(frozen=True, slots=True)
class Collected:
    """One collection: what syncs it, what looks at it again, what takes damaged files out of it.

    ``subdir`` is what stands where a channel's subdir does.
    """

    subdir: str
    make: Maker
    look_through: LooksThrough
    quarantine: Callable[[Tools, str, Iterable[str]], None]


def sync(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
) -> Run:
    """Sync every channel and every collection once.

    Raises:
        MirrorError: as ``session.session`` does; what goes wrong later is in the run.
    """
    with session.session(
        settings, options, stop, role="sync", show_plan=show_plan, now=now
    ) as shared:
        if _asks_for_usage(settings) and usage.refresh(settings, stop, now()):
            shared.selections.unused.trust()
        beside = {} if options.adoption else makers(settings)
        return session.sync_channels(shared, settings.channels, options, beside)


def _asks_for_usage(settings: Settings) -> bool:
    prunes = any(one.prune_unused_days for one in settings.policies.values())
    return bool(settings.demand_size) or prunes


def makers(settings: Settings) -> dict[str, Maker]:
    """What makes the works beside the channels', in their order."""
    found = {name: one.make for name, one in collections(settings).items()}
    if settings.name_mapping:
        from syncer.name_mapping.mapping_sync import NameMappingSync

        found[NAME_MAPPING] = NameMappingSync
    return found


def collections(settings: Settings) -> dict[str, Collected]:
    """What is mirrored beside the channels: kinds of installers, and wheels."""
    found: dict[str, Collected] = {}
    if settings.installers:
        from syncer.installers import rehash
        from syncer.installers.installers_sync import InstallersSync

        installers = Collected("installers", InstallersSync, rehash.look_through, rehash.quarantine)
        found.update(dict.fromkeys(settings.installers, installers))
    if settings.mirrors_wheels:
        from syncer.wheels import rehash as wheels
        from syncer.wheels.changes import SUBDIR
        from syncer.wheels.wheels_sync import WheelsSync

        found[PYPI] = Collected(SUBDIR, WheelsSync, wheels.look_through, wheels.quarantine)
    return found
