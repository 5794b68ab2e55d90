"""What the syncer knows, as metrics: the last run, the last verification, and sums over all. Pure.

Sums are counters: they only grow, over restarts too. Everything else describes the last run, so a
syncer that is dead or hangs shows as times that grow old. Names follow Prometheus' conventions:
base units, _total for counters, seconds since the epoch for times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from syncer import __version__
from syncer.sync.run import EXIT_CODES
from volume.layout import INSTALLERS
from volume.program.exposition import Family, Sample, sample
from volume.run_document import ChannelRun, RunDocument

Labels = tuple[tuple[str, str], ...]
Sums = dict[tuple[str, Labels], float]
Document = Mapping[str, Any]

_PREFIX = "conda_mirror_"

# Name without prefix -> help. Only these are ever summed.
COUNTERS = {
    "syncs_total": "Syncs that ended, by status.",
    "downloaded_artifacts_total": "Artifacts, installers and wheels downloaded and committed.",
    "downloaded_bytes_total": "Bytes of these artifacts, installers and wheels.",
    "sync_failures_total": "Artifacts left out and channels not synced, by kind of failure.",
    "retired_artifacts_total": "Artifacts that left the index.",
    "expired_artifacts_total": "Artifacts deleted after their grace period.",
    "evicted_artifacts_total": "Artifacts on demand that gave up their bytes.",
    "evicted_bytes_total": "Bytes of these artifacts.",
    "upstream_requests_total": "Requests to an upstream host.",
    "upstream_received_bytes_total": "Bytes of bodies that an upstream host sent.",
    "upstream_unchanged_total": "Answers that nothing changed (304).",
    "upstream_retries_total": "Requests that were tried again.",
    "upstream_slow_downs_total": "Answers that asked us to slow down (429).",
    "verified_artifacts_total": "Artifacts that were hashed again.",
    "verified_bytes_total": "Bytes of these artifacts.",
    "damaged_artifacts_total": "Artifacts that were found damaged or missing.",
}
_OF_HOSTS = {
    "upstream_requests_total": "requests",
    "upstream_received_bytes_total": "received",
    "upstream_unchanged_total": "unchanged",
    "upstream_retries_total": "retries",
    "upstream_slow_downs_total": "slow_downs",
}
_OF_CHANNELS = {
    "downloaded_artifacts_total": "downloaded",
    "downloaded_bytes_total": "downloaded_size",
    "retired_artifacts_total": "retired",
    "expired_artifacts_total": "expired",
    "evicted_artifacts_total": "evicted",
    "evicted_bytes_total": "evicted_size",
}
_PLANNED = {
    "kept": ("kept", "kept_size"),
    "new": ("new", "new_size"),
    "replaced": ("replaced", "replaced_size"),
    "retired": ("retired", "retired_size"),
    "cooling_down": ("held", "held_size"),
    "denied": ("denied", "denied_size"),
}


def of_run(run: RunDocument) -> Sums:
    """What one run adds to the sums, so far."""
    sums: Sums = {}
    for channel, result in _results(run):
        for name, key in _OF_CHANNELS.items():
            sums[name, (("channel", channel),)] = getattr(result, key)
        for kind, count in result.failure_kinds.items():
            sums["sync_failures_total", (("channel", channel), ("kind", kind))] = count
    for host in run.hosts:
        for name, key in _OF_HOSTS.items():
            sums[name, (("host", host.host),)] = getattr(host, key)
    for status in EXIT_CODES:
        sums["syncs_total", (("status", status),)] = float(run.status == status)
    return sums


def of_verification(looked_at: int, size: int, damaged: Iterable[str]) -> Sums:
    """What one look at the stored artifacts adds; ``damaged`` has the channel of each find."""
    sums: Sums = {
        ("verified_artifacts_total", ()): looked_at,
        ("verified_bytes_total", ()): size,
    }
    for channel in damaged:
        key = ("damaged_artifacts_total", (("channel", channel),))
        sums[key] = sums.get(key, 0) + 1
    return sums


def add(first: Sums, second: Sums) -> Sums:
    """Both together."""
    return {key: first.get(key, 0) + second.get(key, 0) for key in (first | second)}


def plain(sums: Sums) -> list[list[Any]]:
    """Sums as plain data, for a state document."""
    return [[name, dict(labels), value] for (name, labels), value in sorted(sums.items())]


def sums_of(data: Iterable[Sequence[Any]]) -> Sums:
    """What ``plain`` made; names that this version does not know are dropped.

    Raises:
        ValueError: it can't be understood.
    """
    try:
        return {
            (str(name), tuple((str(key), str(text)) for key, text in labels.items())): float(value)
            for name, labels, value in data
            if name in COUNTERS
        }
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no sums: {error!r}") from error


def families(
    run: RunDocument | None, verification: Document | None, sums: Sums, *, health_seconds: float
) -> list[Family]:
    """All of it.

    Args:
        verification: ``finished``, ``looked_at``, ``size`` and ``damaged`` of the last one.
        health_seconds: the age of the last good sync at which the syncer counts as unhealthy.
    """
    found = [
        _gauge("info", "The version of the syncer, as a label.", [sample(1, version=__version__)]),
        _gauge("health_limit_seconds", "HEALTH_HOURS, to compare the last good sync's age with.",
            [sample(health_seconds)]),
    ]  # fmt: skip
    if run is not None:
        found += _of_last_run(run)
        found += _of_plan(run)
    if verification is not None:
        found += _of_last_verification(verification)
    for name, text in COUNTERS.items():
        samples = [
            Sample(labels, value) for (of, labels), value in sorted(sums.items()) if of == name
        ]
        found.append(Family(_PREFIX + name, "counter", text, tuple(samples)))
    return found


def _of_last_run(run: RunDocument) -> Iterator[Family]:
    yield _gauge(
        "sync_status", "1 for the status of the last sync; running is also what a killed one says.",
        [sample(run.status == status, status=status) for status in ("running", *EXIT_CODES)],
    )  # fmt: skip
    for name, key, text in (
        ("sync_start_timestamp_seconds", "started", "When the last sync began."),
        ("sync_end_timestamp_seconds", "finished", "When the last sync that ended did."),
        ("last_success_timestamp_seconds", "last_success",
         "The end of the last sync without any failure; 0 if there is none."),
        ("last_sync_timestamp_seconds", "last_sync",
         "The end of the last sync that did its work, also if upstream did not deliver something"
         " that it lists; 0 if there is none."),
        ("failing_since_timestamp_seconds", "failing_since",
         "The start of the first sync that failed since the last good one, or of the first ever;"
         " 0 if none did."),
    ):  # fmt: skip
        value = getattr(run, key)
        if name != "sync_end_timestamp_seconds" or value is not None:
            yield _gauge(name, text, [sample(value or 0)])
    if run.seconds is not None:
        yield _gauge("sync_duration_seconds", "How long the last sync took.",
            [sample(run.seconds)])  # fmt: skip
    results = list(_results(run))
    yield _gauge(
        "channel_synced", "1 if the last sync of a channel did not fail, 0 if it did.",
        [sample(result.status != "failed", channel=channel) for channel, result in results],
    )  # fmt: skip
    yield _gauge(
        "left_out_artifacts", "Artifacts that the last sync left out, because they failed.",
        [sample(result.failed, channel=channel) for channel, result in results],
    )  # fmt: skip
    yield _gauge(
        "canaries_failing", "Canaries and environments that can't be installed from this mirror.",
        [sample(len(run.canaries))],
    )  # fmt: skip
    yield _gauge(
        "upstream_stopped", "1 if an upstream host was not asked any more in the last sync.",
        [sample(bool(host.stopped), host=host.host) for host in run.hosts],
    )  # fmt: skip


def _of_plan(run: RunDocument) -> Iterator[Family]:
    rows = [(channel, one) for channel, result in _results(run) for one in result.plan]
    counts, sizes = [], []
    for channel, one in rows:
        for state, (count, size) in _PLANNED.items():
            labels = {"channel": channel, "subdir": one.subdir, "state": state}
            counts.append(sample(getattr(one, count), **labels))
            sizes.append(sample(getattr(one, size), **labels))
    yield _gauge("planned_artifacts", "Artifacts in the last plan, by what was to be done.", counts)
    yield _gauge("planned_bytes", "Bytes of these artifacts.", sizes)
    yield _gauge(
        "offered_artifacts", "Artifacts that upstream listed in the last plan.",
        [sample(one.offered, channel=channel, subdir=one.subdir) for channel, one in rows],
    )  # fmt: skip
    yield _gauge(
        "offered_records", "Records of these: an artifact may have two, one in each revision.",
        [sample(one.offered + one.twins, channel=channel, subdir=one.subdir)
         for channel, one in rows],
    )  # fmt: skip


def _of_last_verification(verification: Document) -> Iterator[Family]:
    for name, key, text in (
        ("verification_end_timestamp_seconds", "finished",
         "When stored artifacts were last hashed again."),
        ("verification_looked_at_artifacts", "looked_at", "Artifacts that were looked at then."),
        ("verification_looked_at_bytes", "size", "Bytes of these artifacts."),
        ("verification_damaged_artifacts", "damaged", "Damaged or missing ones among them."),
    ):  # fmt: skip
        yield _gauge(name, text, [sample(verification[key])])


def _results(run: RunDocument) -> Iterator[tuple[str, ChannelRun]]:
    for result in run.channels:
        yield result.channel, result
    for result in run.installers:
        yield f"{INSTALLERS}/{result.channel}", result
    for result in (*run.wheels, *run.name_mapping):
        yield result.channel, result


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> Family:
    return Family(_PREFIX + name, "gauge", text, tuple(samples))
