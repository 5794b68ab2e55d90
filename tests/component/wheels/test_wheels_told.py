"""What is told of wheels beside the plan and the page: metrics, doctor, status."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from indexer.ops.metrics import Metrics
from syncer.ops.doctor import examination
from syncer.ops.doctor.finding import Finding
from syncer.settings.settings import read
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.wheels import Index, sync_wheels, wheel

ONE, TWO, GOES = wheel("one"), wheel("two"), wheel("goes")


def values(syncer: Syncer) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by name and the labels' values."""
    path = syncer.volumes.mirror_dir / "site/metrics"
    path.parent.mkdir(exist_ok=True)
    Metrics(syncer.volumes.mirror, syncer.volumes.state).write(1000.0)
    return {
        (one.name.removeprefix("conda_mirror_"), tuple(sorted(one.labels.values()))): one.value
        for family in text_string_to_metric_families(path.read_text())
        for one in family.samples
    }


def wheel_findings(syncer: Syncer, **environment: str) -> list[Finding]:
    settings = read({**syncer.environment, "MIRROR_URL": "http://127.0.0.1:9", **environment})
    return [one for one in examination.examine(settings) if "wheels" in one.subject]


def test_metrics_count_what_was_planned_fetched_published_and_kept(
    syncer: Syncer, index: Index
) -> None:
    index.put(ONE, TWO, GOES)
    sync_wheels(syncer, now=0)
    index.put(ONE, TWO)
    assert sync_wheels(syncer, now=1).retired == 1
    seen = values(syncer)
    size = len(ONE.data) + len(TWO.data)
    assert seen["published_artifacts", ("pypi", "wheels")] == 2
    assert seen["published_bytes", ("pypi", "wheels")] == size
    assert seen["retained_artifacts", ("pypi",)] == 1
    assert seen["retained_bytes", ("pypi",)] == len(GOES.data)
    assert seen["downloaded_artifacts_total", ("pypi",)] == 3
    assert seen["retired_artifacts_total", ("pypi",)] == 1
    assert seen["channel_synced", ("pypi",)] == 1


def test_metrics_say_nothing_of_wheels_where_there_are_none(syncer: Syncer) -> None:
    assert syncer.run(WHEELS="no").status == "success"
    assert not [name for name, labels in values(syncer) if "pypi" in labels]


def test_a_damaged_list_costs_its_own_place_in_metrics(syncer: Syncer, index: Index) -> None:
    index.put(ONE)
    sync_wheels(syncer)
    (syncer.volumes.mirror_dir / "pypi/current/.wheels.json").write_text('{"schema": 9}')
    seen = values(syncer)
    assert ("published_artifacts", ("pypi", "wheels")) not in seen
    assert ("disk_free_bytes", ("mirror",)) in seen


def test_the_doctor_looks_at_lock_files_hosts_and_what_is_published(
    syncer: Syncer, index: Index, tmp_path: Path
) -> None:
    index.put(ONE)
    sync_wheels(syncer)
    found = wheel_findings(syncer)
    assert [(one.state, one.fact.partition(",")[0]) for one in found] == [("ok", "1 are published")]
    lock = index.upstream.resource("/files/pixi.lock").body
    assert isinstance(lock, bytes)
    bad = lock.replace(index.url(ONE).encode(), b"http://user:hunter22@10.0.0.9/one-1.0.tar.gz")
    syncer.configure("", good=lock.decode(), bad=bad.decode())
    found = wheel_findings(syncer, SPEC_FILES="good.txt bad.txt")
    assert [(one.state, one.subject.partition(" from ")[0]) for one in found] == [
        ("failed", "wheels"), ("ok", "wheels"), ("ok", "wheels"),
    ]  # fmt: skip
    assert "10.0.0.9" in found[0].subject and "PRIVATE_HOSTS" in found[0].line
    assert not any("hunter22" in one.line for one in found)
    found = wheel_findings(syncer, SPEC_FILES="", INCLUDE="zlib")
    assert found[0].state == "warning" and "SPEC_FILES" in found[0].step
    assert wheel_findings(syncer, WHEELS="no") == []


def test_the_doctor_says_when_the_list_is_damaged(syncer: Syncer, index: Index) -> None:
    index.put(ONE)
    sync_wheels(syncer)
    (syncer.volumes.mirror_dir / "pypi/current/.wheels.json").write_text("[]")
    (one,) = wheel_findings(syncer)
    assert one.state == "failed" and "can't be understood" in one.fact
    answer = syncer.command("status")
    assert answer.code == 1
    assert "pypi: " in answer.out and "can't be understood" in answer.out
    assert "conda-forge: " in answer.out, "it hides nothing else"


def test_status_tells_what_is_kept_for_now(syncer: Syncer, index: Index) -> None:
    index.put(ONE, TWO)
    sync_wheels(syncer)
    index.put(TWO)
    sync_wheels(syncer)
    out = syncer.command("status").out
    assert "pypi: 1 wheels, " in out and "out of the index, kept for now: 1 wheels" in out
