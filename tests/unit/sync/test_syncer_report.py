"""What people read: amounts, durations, tables and outcomes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from syncer.sync.report import outcome, plan_table
from syncer.sync.run import ChannelResult, Run
from volume.program.durations import duration
from volume.run_document import Totals, named


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 1 s"), (3725, "1 h 2 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


TOTALS = Totals("conda-forge", "noarch", 9, 1, 10, 2, 3000, 3, 4000, 4, 5, 50, 6)


def test_the_plan_names_what_it_will_fetch_and_what_is_free() -> None:
    table = plan_table([TOTALS], 10**12)
    assert "conda-forge  noarch" in table
    assert "2 (3.0 kB)" in table
    assert "To download: 5 artifacts, 7.0 kB. Free on the mirror volume: 1.00 TB." in table
    assert "Free" not in plan_table([], None)
    assert "stopped" not in table


def test_what_a_stopped_sync_has_staged_is_not_downloaded_again() -> None:
    table = plan_table([replace(TOTALS, staged=2, staged_size=3000)], None)
    assert "To download: 3 artifacts, 4.0 kB." in table
    assert "Here already, from a sync that was stopped: 2 artifacts, 3.0 kB." in table


def results(*statuses: str) -> list[ChannelResult]:
    return [ChannelResult(f"c{number}", status) for number, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [
        (["success", "success"], "success", 0),
        (["success", "partial"], "partial", 3),
        (["failed", "success"], "partial", 3),
        (["failed", "failed"], "failed", 1),
        (["partial"], "partial", 3),
    ],
)
def test_the_worst_channel_decides(statuses: list[str], status: str, code: int) -> None:
    run = Run(started=1, channels=results(*statuses), last_success=0.5)
    assert run.conclude(2) == code
    assert run.status == status
    assert run.last_success == (2 if status == "success" else 0.5)


def test_a_volume_error_fails_the_run_and_a_stop_is_a_stop() -> None:
    assert Run(started=1, error="full", channels=results("success")).conclude(2) == 1
    assert Run(started=1, status="stopped", error="stopped").conclude(2) == 130


def test_an_outcome_lists_failures_up_to_a_limit_and_counts_all() -> None:
    result = ChannelResult("c", downloaded=2)
    for number in range(150):
        result.fail(f"p{number}-1-0.conda", "noarch", "because")
    run = Run(started=1, channels=[result])
    run.conclude(3)
    text = outcome(run, Path("/state/left-out.txt"))
    assert "left out: noarch/p0-1-0.conda: because" in text
    assert "130 more: all are in /state/left-out.txt" in text
    lines = run.left_out_lines().splitlines()
    assert lines == [f"c/noarch/p{number}-1-0.conda: because" for number in range(150)]
    assert "Sync ended: partial, after 2.0 s." in text
    document = json.loads(json.dumps(run.document().plain()))
    assert document["channels"][0]["failed"] == 150
    assert len(document["channels"][0]["failures"]) == 100


def test_a_channel_is_named_once() -> None:
    result = ChannelResult("conda-forge", "failed", error="conda-forge: 40 % less than before")
    text = outcome(Run(started=1, channels=[result], status="failed"), Path("x"))
    assert text.splitlines()[0] == "conda-forge: failed: 40 % less than before"
    assert named("a", "a/b: gone") == "a/b: gone"
    assert named("a", "ab: gone") == "a: ab: gone"


def test_what_a_terminal_would_obey_reaches_no_document_and_no_line() -> None:
    result = ChannelResult("c", warnings=["odd \x1b[31m"], error="two\nlines \x9b")
    result.fail("p\x1b]0;x\x07-1-0.conda\nc: success", "noarch\u202e", "bad \r name")
    run = Run(started=1, channels=[result])
    (line,) = run.left_out_lines().splitlines()
    assert line == r"c/noarch\u202e/p\x1b]0;x\x07-1-0.conda\nc: success: bad \r name"
    (found,) = run.document().channels
    assert found.warnings == (r"odd \x1b[31m",)
    assert found.error == "two\nlines \\x9b"
