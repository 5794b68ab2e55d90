"""What a run, its sums and a verification become as metrics."""

from syncer.errors import (
    HostStoppedError,
    HttpStatusError,
    IntegrityError,
    ManyUpstreamsError,
    TransferError,
)
from syncer.sync import metrics
from syncer.sync.failure import KINDS, kind_of
from syncer.sync.run import ChannelResult, Run
from volume.errors import MirrorError, VolumeError
from volume.program.exposition import render
from volume.run_document import HostTotals, Totals

PLAN = Totals(
    channel="conda-forge", subdir="noarch", offered=9, kept=1, kept_size=10, new=2, new_size=20,
    replaced=0, replaced_size=0, hotfixed=0, retired=3, retired_size=30, refused=0, held=4,
    held_size=40, denied=5, denied_size=50,
)  # fmt: skip


def a_run() -> Run:
    result = ChannelResult("conda-forge", plan=[PLAN], downloaded=2, downloaded_size=20, retired=3)
    result.fail("a", "noarch", "cut", "connection")
    result.fail("b", "noarch", "bad name")
    kind = ChannelResult("miniforge", downloaded=1, downloaded_size=7)
    run = Run(started=100.0, last_success=50.0, channels=[result], installers=[kind])
    run.hosts = [HostTotals("a.example", 11, 2000, 3, 1, 2, None)]
    run.conclude(160.0)
    return run


def shown(run: Run | None, sums: metrics.Sums) -> list[str]:
    document = run.document() if run else None
    return render(metrics.families(document, None, sums, health_seconds=180_000.0)).splitlines()


def test_the_last_run_in_full() -> None:
    run = a_run()
    lines = shown(run, metrics.of_run(run.document()))
    for line in (
        'conda_mirror_sync_status{status="partial"} 1',
        'conda_mirror_sync_status{status="success"} 0',
        "conda_mirror_sync_start_timestamp_seconds 100",
        "conda_mirror_sync_end_timestamp_seconds 160",
        "conda_mirror_sync_duration_seconds 60",
        "conda_mirror_last_success_timestamp_seconds 50",
        "conda_mirror_last_sync_timestamp_seconds 160",
        "conda_mirror_failing_since_timestamp_seconds 0",
        "conda_mirror_health_limit_seconds 180000",
        'conda_mirror_left_out_artifacts{channel="conda-forge"} 2',
        'conda_mirror_channel_synced{channel="installers/miniforge"} 1',
        'conda_mirror_planned_artifacts{channel="conda-forge",subdir="noarch",state="denied"} 5',
        'conda_mirror_planned_bytes{channel="conda-forge",subdir="noarch",state="cooling_down"} 40',
        'conda_mirror_downloaded_bytes_total{channel="conda-forge"} 20',
        'conda_mirror_downloaded_artifacts_total{channel="installers/miniforge"} 1',
        'conda_mirror_sync_failures_total{channel="conda-forge",kind="connection"} 1',
        'conda_mirror_sync_failures_total{channel="conda-forge",kind="refused"} 1',
        'conda_mirror_upstream_received_bytes_total{host="a.example"} 2000',
        'conda_mirror_upstream_slow_downs_total{host="a.example"} 2',
        'conda_mirror_upstream_stopped{host="a.example"} 0',
        'conda_mirror_syncs_total{status="partial"} 1',
    ):
        assert line in lines


def test_a_run_that_goes_on_has_not_ended() -> None:
    lines = shown(Run(started=100.0), {})
    assert 'conda_mirror_sync_status{status="running"} 1' in lines
    assert not any("sync_end" in line or "duration" in line for line in lines)


def test_a_syncer_that_never_ran_says_only_what_it_knows() -> None:
    lines = [line for line in shown(None, {}) if not line.startswith("#")]
    assert lines == [
        'conda_mirror_info{version="0.1.0"} 1',
        "conda_mirror_health_limit_seconds 180000",
    ]


def test_sums_add_up_and_survive_a_document() -> None:
    once = metrics.of_run(a_run().document())
    twice = metrics.add(once, once)
    assert metrics.sums_of(metrics.plain(twice)) == twice
    key = ("downloaded_bytes_total", (("channel", "conda-forge"),))
    assert (once[key], twice[key]) == (20, 40)
    assert metrics.sums_of([["of_another_version_total", {}, 3]]) == {}


def test_a_verification() -> None:
    sums = metrics.of_verification(10, 1000, ["a", "b", "a"])
    document = {"finished": 7.0, "looked_at": 10, "size": 1000, "damaged": 3}
    lines = render(metrics.families(None, document, sums, health_seconds=1.0)).splitlines()
    assert "conda_mirror_verification_end_timestamp_seconds 7" in lines
    assert "conda_mirror_verification_damaged_artifacts 3" in lines
    assert 'conda_mirror_damaged_artifacts_total{channel="a"} 2' in lines
    assert "conda_mirror_verified_bytes_total 1000" in lines


def test_every_failure_has_a_kind() -> None:
    absent, cut = HttpStatusError("u", 404), TransferError("cut")
    found = {
        kind_of(error): error
        for error in (
            absent, cut, HttpStatusError("u", 500), IntegrityError("x"), HostStoppedError("x"),
            VolumeError("x"), MirrorError("x"),
        )
    }  # fmt: skip
    expected = {"absent", "connection", "status", "integrity", "stopped", "volume", "other"}
    assert found.keys() == expected
    assert expected <= set(KINDS)
    assert kind_of(ManyUpstreamsError([cut, cut])) == "connection"
    assert kind_of(ManyUpstreamsError([cut, absent])) == "other"
    assert kind_of(ManyUpstreamsError([absent, absent])) == "absent"
