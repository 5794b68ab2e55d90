"""Notices: what is told to people, and what they were told already.

``notices.json`` has the open conditions; whoever tells something holds ``notices.lock`` meanwhile.
Guaranteed: nothing here raises; what goes wrong is logged. Without a hook nothing is done at all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from syncer.ops.notify import event as events
from syncer.ops.notify.event import NotifiedEvent, Told
from syncer.ops.notify.hook import Hook, HookError, configured
from syncer.settings.notify_settings import DEFAULT_MIRROR_URL
from syncer.settings.settings import Settings
from volume import locks
from volume.disk import documents
from volume.disk.files import make_directory
from volume.errors import LockBusyError, MirrorError
from volume.layout import State
from volume.program.log import redact
from volume.run_document import RunDocument

_LOG = logging.getLogger(__name__)
_WAIT_SECONDS = 90.0  # longer than another one's hooks can take


def synced(settings: Settings, run: RunDocument, now: float, *, is_first: bool) -> None:
    """A sync ended."""
    _tell(settings, lambda told: events.after_sync(run, told, is_first=is_first), now)


def refused(settings: Settings, error: MirrorError, now: float) -> None:
    """A sync could not begin."""
    _tell(settings, lambda told: events.refused(str(error), told), now)


def unhealthy(settings: Settings, reason: str, now: float) -> None:
    """No sync did its work for HEALTH_HOURS."""
    _tell(settings, lambda told: events.unhealthy(reason, told), now)


def damaged(settings: Settings, problems: Iterable[str], now: float, *, is_repaired: bool) -> None:
    """Damaged artifacts were found."""
    found = events.damaged(problems, is_repaired=is_repaired)
    _tell(settings, lambda told: [found], now)


def canaries(settings: Settings, failing: Iterable[str], now: float) -> None:
    """The canaries were looked at; ``failing`` says which can't be installed, and why."""
    found = list(failing)
    _tell(settings, lambda told: events.canaries(found, told), now)


def test(settings: Settings, now: float) -> list[tuple[str, str | None]]:
    """Send a test to every hook: its name, and what went wrong, if something did."""
    body = _body(settings, events.test(), now)
    results: list[tuple[str, str | None]] = []
    for hook in configured(settings):
        try:
            hook.send(body)
            results.append((hook.name, None))
        except HookError as error:
            results.append((hook.name, str(error)))
    return results


def _tell(settings: Settings, decide: Callable[[Told], list[NotifiedEvent]], now: float) -> None:
    hooks = configured(settings)
    if not hooks:
        return
    state = State(settings.state_dir)
    try:
        make_directory(state.notices_lock.parent)
        with locks.Held(state.notices_lock, role="notice", wait_seconds=_WAIT_SECONDS):
            told = _read(state)
            after = _deliver_all(settings, hooks, decide(told), told, now)
            if after != told:
                documents.write(state.notices, {"told": dict(after)})
    except LockBusyError as error:
        _LOG.warning("a notice was not sent: %s", error)
    except MirrorError as error:
        _LOG.warning("notices may come again: %s", error)


def _read(state: State) -> Told:
    document = documents.recall(state.notices) or {}
    told = document.get("told")
    if not isinstance(told, dict):
        return {}
    return {name: float(moment) for name, moment in told.items() if isinstance(moment, int | float)}


def _deliver_all(
    settings: Settings, hooks: list[Hook], found: Iterable[NotifiedEvent], told: Told, now: float
) -> Told:
    after = dict(told)
    for event in found:
        if event.name in settings.notify_on and not _deliver(settings, hooks, event, now):
            continue  # told again after the next sync
        for name in event.closes:
            after.pop(name, None)
        if event.opens:
            after[event.opens] = now
    return after


def _deliver(settings: Settings, hooks: list[Hook], event: NotifiedEvent, now: float) -> bool:
    """Send an event to every hook; whether any took it."""
    body = _body(settings, event, now)
    taken = False
    for hook in hooks:
        try:
            hook.send(body)
        except HookError as error:
            _LOG.warning("a notice of %s was not delivered: %s", event.name, error)
        else:
            _LOG.info("told of %s: %s", event.name, hook.name)
            taken = True
    return taken


def _body(settings: Settings, event: NotifiedEvent, now: float) -> bytes:
    mirror = "" if settings.mirror_url == DEFAULT_MIRROR_URL else settings.mirror_url
    masked = replace(
        event, headline=redact(event.headline), details=tuple(map(redact, event.details))
    )
    return json.dumps(masked.document(mirror, now), ensure_ascii=False).encode(errors="replace")
