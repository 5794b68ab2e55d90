"""What is on the volumes: whose they are, who is at work, and how the last runs went."""

from __future__ import annotations

from collections.abc import Iterator

from syncer.artifacts.recovery import strays
from syncer.artifacts.sidecars import sweep as sidecars
from syncer.artifacts.sidecars.store import SidecarStore
from syncer.artifacts.sidecars.table import SidecarTable
from syncer.ops import presence
from syncer.ops.doctor.finding import Finding, failed, ok, skipped, warning
from syncer.ops.status import stale
from syncer.planning import relations
from syncer.settings.settings import Settings
from volume import generations, locks, run_document, snapshots, unclaimed
from volume.disk import documents
from volume.errors import MirrorError, StateError, WrongVolumeError
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger
from volume.ledger.ungiven import ABSENT, KINDS, WRONG, UngivenTable
from volume.program.durations import duration, moment
from volume.program.sizes import counted
from volume.relations import Relations

_DEAD_SECONDS = 300.0  # as the indexer's own health check has it
_LONG_SECONDS = 2 * 86400.0


def look(settings: Settings, mirror: Mirror, state: State, now: float) -> Iterator[Finding]:
    """Look at both volumes' documents."""
    yield _belong_together(settings)
    yield _lock(state, now)
    yield from _last_sync(settings, state, now)
    yield indexer_alive(_heartbeat(state), now)
    for channel in settings.channels:
        try:
            yield _published(mirror, state, channel)
            yield from _snapshots(mirror, channel)
            yield from _strays(mirror, state, channel)
            yield from _ungiven(state, channel)
        except MirrorError as error:
            yield failed(channel, str(error), "see docs/operations.md, 'Lost volumes'")
    yield from _relations(settings, state)
    for one in unclaimed.find(mirror, state, settings.channels):
        yield warning(one.channel, str(one), one.step)


def _belong_together(settings: Settings) -> Finding:
    subject = "volumes"
    try:
        presence.check(settings)
    except WrongVolumeError as error:
        return failed(subject, str(error), "see docs/operations.md, 'Recover'")
    except StateError as error:
        return failed(subject, str(error), "restore the file, or ask for help before removing it")
    return ok(subject, "they belong together")


def _ungiven(state: State, channel: str) -> Iterator[Finding]:
    """What upstream lists, and did not give to those who asked for it."""
    ledger = Ledger.read(state.ledger(channel))
    if ledger is None:
        return
    with ledger:
        counts = UngivenTable(ledger).counts()
    steps = {
        ABSENT: "it is out of the index until upstream has it; 'syncer status' names it",
        WRONG: "tell whoever runs the upstream, or put another one first; 'syncer status' names it",
    }
    for kind, meaning in KINDS.items():
        if counts[kind]:
            said = f"{counted(counts[kind], 'artifact')} on demand: {meaning}"
            yield warning(channel, said, steps[kind])


def _lock(state: State, now: float) -> Finding:
    subject = "sync.lock"
    if not locks.is_held(state.sync_lock):
        return ok(subject, "free")
    holder = locks.describe_holder(state.sync_lock)
    try:
        age = now - state.sync_lock.stat().st_mtime  # the note is written when it is taken
    except OSError:
        age = 0.0
    if age > _LONG_SECONDS:
        return warning(
            subject, f"held for {duration(age)} by {holder}",
            "see 'docker compose logs syncer'; if nothing moves there, restart the syncer",
        )  # fmt: skip
    return ok(subject, f"held by {holder}")


def _last_sync(settings: Settings, state: State, now: float) -> Iterator[Finding]:
    subject = "last sync"
    try:
        run = run_document.read(state)
    except StateError as error:
        yield failed(subject, str(error), "remove the file: it only tells of the last run")
        return
    if run is None:
        yield skipped(subject, "there was none yet")
        return
    reason = stale(settings, now)
    when = moment(run.started)
    if reason:
        yield failed(subject, reason, "run 'syncer --once' and look at what it says")
    elif run.status == "running" and not locks.is_held(state.sync_lock):
        yield warning(subject, f"that of {when} was cut off", "nothing: the next one goes on")
    elif run.status in {"failed", "partial"}:
        yield warning(subject, f"that of {when} ended: {run.status}", "see 'syncer status'")
    else:
        yield ok(subject, f"that of {when}: {run.status}")


def _heartbeat(state: State) -> float | None:
    try:
        return state.index_heartbeat.stat().st_mtime
    except OSError:
        return None


def indexer_alive(heartbeat: float | None, now: float) -> Finding:
    """Judge the indexer's last sign of life. Pure."""
    if heartbeat is None:
        return warning("indexer", "it never ran as a service", "docker compose up -d indexer")
    if now - heartbeat > _DEAD_SECONDS:
        return failed(
            "indexer", f"no sign of life for {duration(now - heartbeat)}",
            "docker compose up -d indexer, and look at its log",
        )  # fmt: skip
    return ok("indexer", "alive")


def _strays(mirror: Mirror, state: State, channel: str) -> Iterator[Finding]:
    """Files that no row knows; rows that are not what was written."""
    ledger = Ledger.read(state.ledger(channel))
    if ledger is None:
        return
    with ledger:
        found, unproven = strays.find(mirror, channel, ledger), ledger.unproven()
        beside = sidecars.find(SidecarStore(mirror, channel), ledger)
        missing = SidecarTable(ledger).missing()
    if found:
        yield warning(
            channel,
            f"channels/{channel} has {counted(len(found), 'file')} that nobody knows: {found[0]}",
            "the next sync moves them to quarantine; packages of your own belong in local/",
        )  # fmt: skip
    if beside:
        yield warning(
            channel,
            f"sidecars/{channel} has {counted(len(beside), 'file')} that nobody knows: {beside[0]}",
            "the next sync takes over what its name proves, and moves the rest to quarantine",
        )  # fmt: skip
    if missing:
        one = missing[0]
        yield warning(
            channel,
            f"{counted(len(missing), 'sidecar')} that records promise are not here:"
            f" {one.subdir}/{one.name}: {one.missing}",
            "each sync asks for them again; tell whoever publishes that channel",
        )  # fmt: skip
    if unproven:
        yield failed(
            channel, f"its ledger has {counted(len(unproven), 'damaged row')}: {unproven[0]}",
            "run 'syncer verify', and look at the state volume's disk",
        )  # fmt: skip


def _relations(settings: Settings, state: State) -> Iterator[Finding]:
    """Whether what channels build on is mirrored too."""
    found: dict[str, Relations] = {}
    for channel in settings.channels:
        try:
            ledger = Ledger.read(state.ledger(channel))
        except MirrorError:
            continue  # reported with the channel
        if ledger is not None:
            with ledger:
                found[channel] = relations.of_ledger(channel, ledger)
    for channel, said in found.items():
        for problem in said.problems:
            yield warning(channel, problem, "nothing here: tell whoever publishes that channel")
        for note in relations.missing(settings, channel, said):
            yield warning(channel, note.fact, note.step)
    if circle := relations.circle_note(found):
        yield warning("channels", circle, "tell whoever publishes them, or mirror fewer of them")


def _snapshots(mirror: Mirror, channel: str) -> Iterator[Finding]:
    """Whether the web server finds each kept generation by its time."""
    for span in snapshots.spans(generations.kept(mirror, channel)):
        found = snapshots.find(mirror, channel, span.since)
        if found != mirror.generation(channel, span.generation).name:
            yield warning(
                channel, f"/snapshots/{span.first} leads to {found or 'nothing'} and not to"
                f" generation {span.generation}",
                "wait a minute; then see 'docker compose logs indexer'",
            )  # fmt: skip
            return


def _published(mirror: Mirror, state: State, channel: str) -> Finding:
    published = generations.published(mirror, channel)
    ledger = Ledger.read(state.ledger(channel))
    if ledger is None:
        return skipped(channel, "nothing is committed yet")
    with ledger:
        serial = ledger.serial
    if serial == 0:  # opened by a sync that got no further
        return skipped(channel, "nothing is committed yet")
    if published is None:
        step = "wait a minute; then see 'docker compose logs indexer'"
        return warning(channel, "committed, not published yet", step)
    fact = f"generation {published.number} of {moment(published.created)}"
    if documents.read(mirror.rollback(channel)) is not None:
        step = f"nothing if it is meant; else 'indexer rollback {channel} --release'"
        return warning(channel, f"{fact}, by a rollback that holds", step)
    if published.serial != serial:
        step = "wait a minute; then see 'indexer status'"
        return warning(channel, f"{fact}; a newer commit is not published yet", step)
    return ok(channel, fact)
