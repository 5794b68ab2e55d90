"""One sync with all its parts: channels are the sync's own, installers are added here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from syncer.settings.settings import Settings
from syncer.sync import session
from syncer.sync.run import Run
from syncer.sync.session import Options
from syncer.sync.work import Maker
from volume.program.stop import Stop
from volume.run_document import Totals


def sync(
    settings: Settings,
    options: Options,
    stop: Stop,
    *,
    show_plan: Callable[[Sequence[Totals]], None],
    now: Callable[[], float] = time.time,
) -> Run:
    """Sync every channel and every kind of installers once.

    Raises:
        MirrorError: as ``session.session`` does; what goes wrong later is in the run.
    """
    with session.session(
        settings, options, stop, role="sync", show_plan=show_plan, now=now
    ) as shared:
        kinds = () if options.adoption else settings.installers
        return session.sync_channels(shared, settings.channels, options, installers(kinds))


def installers(kinds: Iterable[str]) -> dict[str, Maker]:
    """What makes the work of these kinds of installers."""
    names = list(kinds)
    if not names:
        return {}
    from syncer.installers.installers_sync import InstallersSync

    return dict.fromkeys(names, InstallersSync)
