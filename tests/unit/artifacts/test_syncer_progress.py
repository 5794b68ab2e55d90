"""Progress reports of a long download."""

from __future__ import annotations

from syncer.artifacts.downloads.progress import Progress
from volume.run_document import DownloadProgress


def test_it_reports_every_ten_seconds_and_the_end() -> None:
    now = 0.0
    reports: list[DownloadProgress | None] = []
    progress = Progress(
        "conda-forge", artifacts=4, size=1000, bars=False,
        report=reports.append, clock=lambda: now,
    )  # fmt: skip
    with progress:
        progress.received(100)
        progress.show()
        assert reports == []
        now = 10.0
        progress.finished()
        progress.show()
        progress.show()
        assert reports == [DownloadProgress(1, 4, 100, 1000, 10.0)]
        now = 20.0
        progress.received(400)
        progress.show()
        assert reports[1:] == [DownloadProgress(1, 4, 500, 1000, 20.0)]
    assert reports[2:] == [None]


def test_the_rate_follows_what_happens_now() -> None:
    now = 0.0
    reports: list[DownloadProgress | None] = []
    progress = Progress(
        "conda-forge", artifacts=1, size=10**9, bars=False,
        report=reports.append, clock=lambda: now,
    )  # fmt: skip
    progress.received(10_000)
    for _ in range(12):
        now += 10.0
        progress.show()
    rates = [facts.rate for facts in reports if facts]
    assert rates[0] == 1000.0
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 20.0
