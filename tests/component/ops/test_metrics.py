"""/metrics after real syncs: read by Prometheus' own parser."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from indexer.ops.metrics import Metrics
from indexer.story import index_run
from indexer.story.index_run import ChannelReport
from syncer.ops.schedule.supercronic import free_port
from syncer.ops.schedule.watch import Watch
from syncer.settings.settings import read
from tests.support.mirror.sync_harness import Syncer, answer_of, wait_until
from tests.support.mirror.tree import publish
from tests.support.upstream import faults
from tests.support.upstream.packages import package
from volume import identity, locks
from volume.errors import MirrorError

MANY = [package(f"p{number}", padding_bytes=2000) for number in range(4)]
SLOW = package("slow", padding_bytes=3_000_000)
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def values(text: str) -> Values:
    """Every sample of a document, by name and labels."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


class Seen:
    """The document as it is now."""

    def __init__(self, syncer: Syncer, metrics: Metrics, now: float) -> None:
        metrics.write(now)
        self._values = values((syncer.volumes.mirror_dir / "site" / "metrics").read_text())

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._values.get((f"conda_mirror_{name}", tuple(sorted(labels.items()))))


@pytest.fixture
def metrics(syncer: Syncer) -> Metrics:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    identity.claim(syncer.volumes.mirror, syncer.volumes.state)  # as both programs do
    return Metrics(syncer.volumes.mirror, syncer.volumes.state)


HERE = {"channel": "conda-forge", "subdir": "linux-64"}
CHANNEL = {"channel": "conda-forge"}


def test_before_the_first_sync_there_is_what_can_be_known(syncer: Syncer, metrics: Metrics) -> None:
    seen = Seen(syncer, metrics, 1000.0)
    assert seen("metrics_timestamp_seconds") == 1000
    assert seen("sync_running") == 0
    total, free = seen("disk_total_bytes", volume="mirror"), seen("disk_free_bytes", volume="state")
    assert total is not None and free is not None and 0 < free < total
    assert seen("committed_serial", **CHANNEL) is None
    assert seen("last_sync_timestamp_seconds") is None


def test_a_sync_and_its_publication(syncer: Syncer, metrics: Metrics) -> None:
    assert syncer.run(now=lambda: 5000.0).status == "success"
    seen = Seen(syncer, metrics, 6000.0)
    assert seen("last_success_timestamp_seconds") == 5000
    assert seen("sync_status", status="success") == 1
    assert seen("syncs_total", status="success") == 1
    assert seen("committed_artifacts", **HERE) == 4
    size = sum(len(one.data) for one in MANY)
    assert seen("committed_bytes", **HERE) == size
    assert seen("downloaded_bytes_total", **CHANNEL) == size
    assert seen("planned_artifacts", **HERE, state="new") == 4
    assert (seen("upstream_requests_total", host=syncer.upstream.url[7:]) or 0) > 4
    assert seen("published_generation", **CHANNEL) is None
    assert seen("publication_lag_seconds", **CHANNEL) == 0
    assert Seen(syncer, metrics, 6090.0)("publication_lag_seconds", **CHANNEL) == 90
    publish(syncer.volumes, created=6100.0)
    index_run.write(
        syncer.volumes.state,
        ChannelReport("conda-forge", "success", 6100.0, generation=1, seconds=2.5),
    )
    seen = Seen(syncer, metrics, 6200.0)
    assert seen("published_generation", **CHANNEL) == 1
    assert seen("published_timestamp_seconds", **CHANNEL) == 6100
    assert seen("published_serial", **CHANNEL) == seen("committed_serial", **CHANNEL) != 0
    assert seen("publication_lag_seconds", **CHANNEL) == 0
    assert seen("index_status", **CHANNEL, status="success") == 1
    assert seen("index_duration_seconds", **CHANNEL) == 2.5


def test_counters_only_grow(syncer: Syncer, metrics: Metrics) -> None:
    syncer.run()
    syncer.run()
    syncer.upstream.script("*.json*", faults.status(404, times=None))
    assert syncer.run().status == "failed"
    seen = Seen(syncer, metrics, 1.0)
    assert seen("syncs_total", status="success") == 2
    assert seen("syncs_total", status="failed") == 1
    assert seen("downloaded_artifacts_total", **CHANNEL) == 4
    assert seen("channel_synced", **CHANNEL) == 0
    failures = [
        value
        for (name, _), value in values(
            (syncer.volumes.mirror_dir / "site" / "metrics").read_text()
        ).items()
        if name == "conda_mirror_sync_failures_total"
    ]
    assert sum(failures) == 1


def test_failures_are_counted_by_kind(syncer: Syncer, metrics: Metrics) -> None:
    syncer.upstream.script(f"*/{MANY[0].filename}", faults.status(404, times=None))
    syncer.upstream.script(f"*/{MANY[1].filename}", faults.status(503, times=None))
    assert syncer.run(SYNC_TRIES="1").status == "partial"
    seen = Seen(syncer, metrics, 1.0)
    assert seen("sync_failures_total", **CHANNEL, kind="absent") == 1
    assert seen("sync_failures_total", **CHANNEL, kind="status") == 1
    assert seen("left_out_artifacts", **CHANNEL) == 2


def test_a_killed_sync_is_an_old_time_and_never_missing(syncer: Syncer, metrics: Metrics) -> None:
    syncer.run(now=lambda: 5000.0)
    syncer.upstream.channel("conda-forge").publish(SLOW)
    syncer.upstream.script(f"*/{SLOW.filename}", faults.stall(120, after=2_500_000))
    with syncer.started("--once") as process:
        staging = syncer.volumes.mirror_dir / "staging"
        wait_until(lambda: list(staging.rglob("slow-*.part")), "it downloads")
        assert Seen(syncer, metrics, 1.0)("sync_running") == 1
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    seen = Seen(syncer, metrics, 2.0)
    assert seen("sync_running") == 0
    assert seen("sync_status", status="running") == 1
    assert seen("last_success_timestamp_seconds") == 5000
    assert seen("downloaded_artifacts_total", **CHANNEL) == 4
    assert seen("syncs_total", status="success") == 1


def test_a_verification_is_shown(syncer: Syncer, metrics: Metrics) -> None:
    syncer.run()
    path = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64" / MANY[0].filename
    path.write_bytes(bytes(path.stat().st_size))
    syncer.verify(now=lambda: 7000.0)
    seen = Seen(syncer, metrics, 1.0)
    assert seen("verification_end_timestamp_seconds") == 7000
    assert seen("verification_looked_at_artifacts") == 4
    assert seen("verification_damaged_artifacts") == 1
    assert seen("damaged_artifacts_total", **CHANNEL) == 1
    assert seen("downloaded_artifacts_total", **CHANNEL) == 5  # it was fetched anew


def test_a_document_that_is_damaged_costs_its_own_part_only(
    syncer: Syncer, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    syncer.run()
    syncer.volumes.state.sync_metrics.write_text("{")
    for _ in range(2):
        seen = Seen(syncer, metrics, 1.0)
    assert seen("committed_artifacts", **HERE) == 4
    assert seen("syncs_total", status="success") is None
    assert sum("sync-metrics.json" in line for line in caplog.messages) == 1  # said once
    syncer.run()  # and healed by the next sync
    assert Seen(syncer, metrics, 1.0)("syncs_total", status="success") == 1


def test_metrics_wait_for_nobody(syncer: Syncer, metrics: Metrics) -> None:
    Seen(syncer, metrics, 1.0)
    with locks.Held(syncer.volumes.state.index_lock, role="indexer's site"):
        metrics.write(2.0)
    assert "timestamp_seconds 1\n" in (syncer.volumes.mirror_dir / "site/metrics").read_text()


def test_the_schedules_own_metrics_come_along(syncer: Syncer, metrics: Metrics) -> None:
    if shutil.which("supercronic") is None:
        pytest.skip("no supercronic on this machine; ./test brings it")
    # Fires every second; the jobs are the real ones.
    words = {"SYNC_SCHEDULE": "* * * * * * *", "SYNC_JITTER_MINUTES": "0", "LOG_FORMAT": "json"}
    with syncer.started(**words) as process:
        state = syncer.volumes.state
        wait_until(state.schedule_metrics.exists, "a look at supercronic", seconds=40)
        text = ""

        def fired() -> bool:
            nonlocal text
            metrics.write(time.time())
            text = (syncer.volumes.mirror_dir / "site" / "metrics").read_text()
            return "supercronic_executions{" in text

        wait_until(fired, "supercronic's metrics", seconds=40)
        process.send_signal(signal.SIGTERM)
        answer = answer_of(process)
    assert answer.code == 0
    found = values(text)
    names = {name for name, _ in found}
    assert "supercronic_cron_execution_time_seconds_bucket" in names
    assert "conda_mirror_schedule_timestamp_seconds" in names
    assert not any(name.startswith(("go_", "process_")) for name in names)
    # All that the schedule and its jobs say is JSON.
    for line in (answer.out + answer.err).splitlines():
        json.loads(line)


def test_a_schedule_that_is_dead_keeps_its_last_word(syncer: Syncer, metrics: Metrics) -> None:
    settings = read(syncer.environment)
    with pytest.raises(MirrorError, match="can't be read"):
        Watch(settings, free_port()).look(1.0)
    assert not Path(syncer.volumes.state.schedule_metrics).exists()


def test_what_clients_ask_for(syncer: Syncer, metrics: Metrics, tmp_path: Path) -> None:
    syncer.environment["USAGE_DIR"] = str(tmp_path)
    syncer.run()
    lines = [
        json.dumps([time.time(), status, 7, "GET", "conda-forge", "noarch", file, "conda/1", ""])
        for status, file in ((200, "a-1-0.conda"), (206, "a-1-0.conda"), (404, "b-1-0.conda"))
    ]
    (tmp_path / "requests.log").write_text("\n".join(lines) + "\n")
    assert syncer.command("usage", "--collect").code == 0
    seen = Seen(syncer, metrics, 6000.0)
    assert (seen("served_requests", **CHANNEL), seen("served_bytes", **CHANNEL)) == (2, 14)
    assert seen("missed_requests", **CHANNEL) == 1
