"""``/metrics``: what both programs know, as one document for Prometheus.

The indexer writes it, because it lives all the time, writes the site anyway, and sees the state
volume: it adds what the syncer and the schedule left there to what it finds itself.

Guaranteed: the document is complete and valid, and never costs an index: what can't be read is
reported once and left out, the rest is written. Its own age is in it, so an indexer that is dead
shows as an old time. It is renewed every few seconds, also during a long index.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from indexer.base.channels import discover
from indexer.generations import rolled_back
from indexer.story import index_run
from volume import generations, locks, usage, wheels
from volume.collection import current_number
from volume.disk import documents, files
from volume.errors import LockBusyError, MirrorError
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises
from volume.ledger.ungiven import UngivenTable
from volume.program import exposition
from volume.program.exposition import Family, Sample, sample
from volume.usage import Usage

log = logging.getLogger("indexer.ops.metrics")

_EVERY_SECONDS = 15.0
_PREFIX = "conda_mirror_"

# Name without prefix -> help, in the order of the document.
_GAUGES = {
    "metrics_timestamp_seconds": "When this document was written.",
    "sync_running": "1 while a sync or verification holds its lock.",
    "disk_total_bytes": "Size of a volume's file system.",
    "disk_free_bytes": "Bytes free for us on a volume's file system.",
    "disk_free_inodes": "Files that can still be made on a volume's file system.",
    "committed_serial": "The number of the last commit to a channel.",
    "published_serial": "The number of the commit that a channel's published index is of.",
    "committed_artifacts": "Artifacts that are committed, and here.",
    "committed_bytes": "Bytes of these artifacts.",
    "promised_artifacts": "Artifacts that are listed, and fetched when somebody asks.",
    "promised_bytes": "Bytes of these artifacts, as far as their records tell.",
    "ungiven_artifacts": "Artifacts on demand that were asked for and upstream did not give.",
    "retained_artifacts": "Artifacts out of the index that are kept for their grace period.",
    "retained_bytes": "Bytes of these artifacts.",
    "published_generation": "The number of the generation that is published.",
    "published_timestamp_seconds": "When the published generation was made.",
    "published_artifacts": "Artifacts that the published index lists.",
    "published_bytes": "Bytes of these artifacts.",
    "published_left_out_artifacts": "Local files that the published index leaves out as unusable.",
    "publication_lag_seconds": "For how long the indexer has seen a commit wait; 0 if none does.",
    "rolled_back": "1 if an administrator's rollback is in force.",
    "index_status": "1 for the status of the last index run of a channel.",
    "index_timestamp_seconds": "When the last index run of a channel ended, or began if it runs.",
    "index_duration_seconds": "How long the last index run of a channel took.",
    "served_requests": "Requests for artifacts of a channel that were served, in the last 30 days.",
    "served_bytes": "Bytes that were sent for them.",
    "missed_requests": "Requests in that time for artifacts that are not here, the most frequent.",
}
_INDEX_STATUSES = ("running", "success", "partial", "busy", "failed")
Found = tuple[str, Sample]


@dataclass(slots=True)
class _Totals:
    """Sums of a ledger, or of the wheels' list, and when they must be made again."""

    key: tuple[int, ...]
    subdirs: dict[str, tuple[int, int]]
    retained: tuple[int, int]
    promised: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Metrics:
    """Writes the document."""

    mirror: Mirror
    state: State
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _next: float = 0.0
    _totals: dict[str, _Totals] = field(default_factory=dict)
    _behind_since: dict[str, float] = field(default_factory=dict)
    _complaints: dict[str, str] = field(default_factory=dict)

    def refresh(self) -> None:
        """Write the document if it is due; for all who come along often."""
        if time.monotonic() < self._next or not self._guard.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + _EVERY_SECONDS
            self.write()
        finally:
            self._guard.release()

    def write(self, now: float | None = None) -> None:
        """Write the document; what can't be done is logged."""
        moment = time.time() if now is None else now
        try:
            text = exposition.render(self.families(moment))
            with locks.Held(self.state.index_lock, role="indexer's metrics"):
                files.make_directory(self.mirror.site)
                files.replace(self.mirror.site / "metrics", text.encode(), is_durable=False)
        except LockBusyError:
            return  # another indexer, or we ourselves, are writing the site: next time
        except (MirrorError, ValueError) as error:
            self._complain("", str(error))
            return
        self._complaints.pop("", None)

    def families(self, now: float) -> list[Family]:
        """Everything that is known at this moment."""
        own: dict[str, list[Sample]] = {name: [] for name in _GAUGES}
        for name, one in self._own(now):
            own[name].append(one)
        found = [
            Family(_PREFIX + name, "gauge", text, tuple(own[name]))
            for name, text in _GAUGES.items()
        ]
        for path in (self.state.sync_metrics, self.state.schedule_metrics):
            try:
                document = documents.read(path)
                found += exposition.families_of(document["families"]) if document else []
            except (MirrorError, ValueError, KeyError) as error:
                self._complain(path.name, f"{path} is left out of /metrics: {error!r}")
            else:
                self._complaints.pop(path.name, None)
        return found

    def _own(self, now: float) -> Iterator[Found]:
        yield "metrics_timestamp_seconds", sample(now)
        try:
            yield "sync_running", sample(locks.is_held(self.state.sync_lock))
            yield from self._disks()
            channels = discover(self.mirror, self.state)
        except (MirrorError, OSError) as error:
            self._complain("volumes", f"the volumes can't be measured: {error}")
            return
        self._complaints.pop("volumes", None)
        for channel in channels:
            try:
                found = list(self._channel(channel, now))
            except MirrorError as error:
                self._complain(channel, f"{channel} is left out of /metrics: {error}")
                continue
            self._complaints.pop(channel, None)
            yield from found
        try:
            yield from self._wheels()
        except MirrorError as error:
            self._complain(wheels.PYPI, f"the wheels are left out of /metrics: {error}")
        else:
            self._complaints.pop(wheels.PYPI, None)
        try:
            yield from _indexed(index_run.read(self.state))
        except MirrorError as error:
            self._complain("reports", str(error))
        else:
            self._complaints.pop("reports", None)
        try:
            yield from _used(usage.read(self.state))
        except MirrorError as error:
            self._complain("usage", str(error))
        else:
            self._complaints.pop("usage", None)

    def _disks(self) -> Iterator[Found]:
        for volume, root in (("mirror", self.mirror.root), ("state", self.state.root)):
            status = os.statvfs(root)
            yield "disk_total_bytes", sample(status.f_blocks * status.f_frsize, volume=volume)
            yield "disk_free_bytes", sample(status.f_bavail * status.f_frsize, volume=volume)
            if status.f_files:  # some file systems make inodes as they go
                yield "disk_free_inodes", sample(status.f_favail, volume=volume)

    def _channel(self, channel: str, now: float) -> Iterator[Found]:
        published = generations.published(self.mirror, channel)
        is_held = rolled_back.read(self.mirror, channel) is not None
        yield "rolled_back", sample(is_held, channel=channel)
        if published is not None:
            yield "published_serial", sample(published.serial, channel=channel)
            yield "published_generation", sample(published.number, channel=channel)
            yield "published_timestamp_seconds", sample(published.created, channel=channel)
            left_out = len(published.left_out)
            yield "published_left_out_artifacts", sample(left_out, channel=channel)
            for subdir, one in published.subdirs.items():
                yield "published_artifacts", sample(one.artifacts, channel=channel, subdir=subdir)
                yield "published_bytes", sample(one.size, channel=channel, subdir=subdir)
        ledger = Ledger.read(self.state.ledger(channel))
        if ledger is None:
            return
        with ledger:
            serial = ledger.serial
            totals = self._sum_up(channel, ledger, serial)
            ungiven = UngivenTable(ledger).counts()
        yield "committed_serial", sample(serial, channel=channel)
        for subdir, (count, size) in totals.subdirs.items():
            yield "committed_artifacts", sample(count, channel=channel, subdir=subdir)
            yield "committed_bytes", sample(size, channel=channel, subdir=subdir)
        for subdir, (count, size) in totals.promised.items():
            yield "promised_artifacts", sample(count, channel=channel, subdir=subdir)
            yield "promised_bytes", sample(size, channel=channel, subdir=subdir)
        for kind, count in ungiven.items():
            yield "ungiven_artifacts", sample(count, channel=channel, kind=kind)
        yield "retained_artifacts", sample(totals.retained[0], channel=channel)
        yield "retained_bytes", sample(totals.retained[1], channel=channel)
        if is_held or serial == (published.serial if published is not None else 0):
            self._behind_since.pop(channel, None)
        else:
            self._behind_since.setdefault(channel, now)
        lag = max(0.0, now - self._behind_since.get(channel, now))
        yield "publication_lag_seconds", sample(lag, channel=channel)

    def _wheels(self) -> Iterator[Found]:
        number = current_number(self.mirror.wheels)
        if number is None:
            return
        known = self._totals.get(wheels.PYPI)
        if known is None or known.key != (number, 0):
            present = list(wheels.read(self.mirror).values())
            here = wheels.listed(present)
            size = sum(one.size for one in here)
            known = self._totals[wheels.PYPI] = _Totals(
                key=(number, 0),
                subdirs={"wheels": (len(here), size)},
                retained=(len(present) - len(here), sum(one.size for one in present) - size),
            )
        for subdir, (count, size) in known.subdirs.items():
            yield "published_artifacts", sample(count, channel=wheels.PYPI, subdir=subdir)
            yield "published_bytes", sample(size, channel=wheels.PYPI, subdir=subdir)
        yield "retained_artifacts", sample(known.retained[0], channel=wheels.PYPI)
        yield "retained_bytes", sample(known.retained[1], channel=wheels.PYPI)

    def _sum_up(self, channel: str, ledger: Ledger, serial: int) -> _Totals:
        try:
            synced = self.state.sync_run.stat().st_mtime_ns  # expiry raises no serial
        except OSError:
            synced = 0
        known = self._totals.get(channel)
        key = (serial, synced, ledger.events)  # nor does what is fetched on demand
        if known is None or known.key != key:
            retained = ledger.retired()
            promised = Promises(ledger).totals()
            known = self._totals[channel] = _Totals(
                key=key,
                subdirs={
                    subdir: (
                        count - promised.get(subdir, (0, 0))[0],
                        size - promised.get(subdir, (0, 0))[1],
                    )
                    for subdir, (count, size) in ledger.totals().items()
                },
                retained=(len(retained), sum(row.size for row in retained)),
                promised=promised,
            )
        return known

    def _complain(self, about: str, message: str) -> None:
        """Say it once, not every few seconds."""
        if self._complaints.get(about) != message:
            self._complaints[about] = message
            log.warning("%s", message)


def _indexed(reports: dict[str, index_run.ChannelReport]) -> Iterator[Found]:
    for channel, one in reports.items():
        for status in _INDEX_STATUSES:
            is_it = one.status == status
            yield "index_status", sample(is_it, channel=channel, status=status)
        yield "index_timestamp_seconds", sample(one.time, channel=channel)
        yield "index_duration_seconds", sample(one.seconds, channel=channel)


def _used(found: Usage | None) -> Iterator[Found]:
    for one in found.channels if found else ():
        yield "served_requests", sample(one.requests, channel=one.channel)
        yield "served_bytes", sample(one.bytes, channel=one.channel)
        missed = sum(package.requests for package in one.missing)
        yield "missed_requests", sample(missed, channel=one.channel)
