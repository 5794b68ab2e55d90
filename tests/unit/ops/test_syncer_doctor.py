"""What the doctor makes of what it finds."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.ops.doctor import (
    client_checks,
    disk_checks,
    examination,
    upstream_checks,
    volume_checks,
)
from syncer.ops.doctor.finding import Finding, failed, ok, skipped, summary, warning
from syncer.ops.doctor.network_checks import Head
from syncer.ops.doctor.upstream_checks import Asked
from syncer.settings.settings import read

ASKED = Asked("conda-forge", "https://user:pw@a.example/conda-forge")
GB = 10**9
NOW = 1_800_000_000.0


def head(status: int = 200, **headers: str) -> Head:
    return Head(status, {name.replace("_", "-"): value for name, value in headers.items()})


def index(answer: Head) -> Finding:
    return upstream_checks.index_found(ASKED, "noarch/repodata.json.zst", answer, NOW)


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (disk_checks.space("m", total=9 * GB, free=6 * GB, room=5 * GB),
         "ok", "6.0 GB of 9.0 GB free"),
        (disk_checks.space("m", total=9 * GB, free=GB, room=5 * GB), "warning", "less than 5.0 GB"),
        (disk_checks.space("m", total=9 * GB, free=0, room=0), "failed", "it is full"),
        (disk_checks.inodes("m", 10**7), "ok", "10,000,000 more files"),
        (disk_checks.inodes("m", 500), "warning", "500 more files"),
        (disk_checks.inodes("m", 0), "failed", "no inodes left"),
        (disk_checks.one_file_system(Path("/m"), 1, {Path("/m/index"): 1}),
         "ok", "one file system"),
        (disk_checks.one_file_system(Path("/m"), 1, {Path("/m/index"): 2}), "failed", "is a mount"),
        (upstream_checks.clock(None), "skipped", "no upstream told"),
        (upstream_checks.clock(-30), "ok", "within 120 s"),
        (upstream_checks.clock(-300), "warning", "5 min 0 s behind"),
        (upstream_checks.clock(7200), "failed", "2 h 0 min ahead of"),
        (volume_checks.indexer_alive(NOW - 10, NOW), "ok", "alive"),
        (volume_checks.indexer_alive(NOW - 3600, NOW), "failed", "no sign of life for 1 h 0 min"),
        (volume_checks.indexer_alive(None, NOW), "warning", "never ran"),
        (index(head(304)), "ok", "unchanged since the last sync"),
        (index(head()), "ok", "has noarch/repodata.json.zst"),
        (index(head(content_type="text/html; charset=utf-8")), "failed", "a web page comes"),
        (index(head(last_modified="Fri, 15 Jan 2027 07:00:00 GMT")), "ok", "1 h 0 min old"),
        (index(head(last_modified="Sat, 15 Jan 2022 07:00:00 GMT")), "warning", "old"),
        (index(head(last_modified="yesterday")), "ok", "has noarch"),
        (client_checks.status("c", {"a": 3, "b": 1}, {"a": 3, "b": 1}),
         "ok", "shows what is published"),
        (client_checks.status("c", {"a": 2, "b": 1}, {"a": 3, "b": 1}), "warning", "behind for a"),
        (client_checks.status("c", {"x": 1}, {"a": 3}), "failed", "shows none of the channels"),
    ],
)  # fmt: skip
def test_judgements(found: Finding, state: str, words: str) -> None:
    assert found.state == state
    assert words in found.fact
    assert bool(found.step) == (state in {"warning", "failed"})


def test_a_subject_has_no_credentials_in_it() -> None:
    assert "pw" not in ASKED.subject
    assert "a.example/conda-forge" in ASKED.subject


def test_lines_for_people() -> None:
    found = [
        ok("a", "good"),
        warning("b", "hm", "look"),
        failed("c", "bad", "do"),
        skipped("d", "-"),
    ]
    assert examination.describe(found) == (
        "ok       a: good\n"
        "warning  b: hm\n          -> look\n"
        "FAILED   c: bad\n          -> do\n"
        "skipped  d: -\n"
        "1 ok, 1 warnings, 1 failed, 1 skipped"
    )
    assert summary([ok("a", "good")]) == "1 ok, 0 warnings, 0 failed"
    assert examination.exit_code(found) == 1
    assert examination.exit_code(found[:2]) == 0
    document = examination.document(found)
    assert document["exit_code"] == 1
    assert document["findings"][2] == {
        "state": "failed", "subject": "c", "fact": "bad", "step": "do",
    }  # fmt: skip


def test_what_hangs_is_a_finding_and_what_it_found_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(*_: object) -> Iterator[Finding]:
        yield ok("mirror volume", "there")
        release.wait(60)

    monkeypatch.setattr(disk_checks, "look", hang)
    monkeypatch.setattr(upstream_checks, "all_of", lambda settings: [])
    settings = read(
        {
            "MIRROR_DIR": str(tmp_path),
            "STATE_DIR": str(tmp_path),
            "MIRROR_URL": "http://127.0.0.1:9",
        }
    )
    try:
        found = examination.examine(settings, seconds=0.3)
    finally:
        release.set()
    lines = [one.line for one in found]
    assert "ok       mirror volume: there" in lines
    assert any(line.startswith("FAILED   disk: no answer for 0.3 s") for line in lines)
