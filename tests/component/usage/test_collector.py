"""The log is read once, whatever happens between, and its space is given back."""

import json
import os
import time
from pathlib import Path

import pytest

from syncer.usage import collector as module
from syncer.usage.collector import Collected, Collector, space
from syncer.usage.counts import Counts
from tests.support.mirror.sync_harness import Syncer
from volume.errors import InterruptedRunError
from volume.program.stop import Stop

NOW = 1_790_000_000.0


def line(number: int = 0, status: int = 200, *, moment: float = NOW, client: str = "") -> bytes:
    values = [moment, status, 10, "GET", "conda-forge", "noarch", f"n{number}-1-0.conda", "conda/1"]
    return json.dumps([*values, client]).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "requests.log"


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    return Counts(tmp_path / "usage.db", now=NOW)


def append(log: Path, data: bytes) -> None:
    """As nginx does: to the end of whatever is there."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, data)
    os.close(descriptor)


def collect(log: Path, counts: Counts) -> Collected:
    return Collector(log, counts, Stop()).collect()


def requests(counts: Counts) -> int:
    return sum(one.requests for one in counts.used("conda-forge", since=0))


def test_each_line_once_and_a_half_one_when_it_is_whole(log: Path, counts: Counts) -> None:
    assert collect(log, counts) == Collected()
    append(log, line() + b"nonsense\n" + line(1)[:20])
    assert collect(log, counts) == Collected(2, 1)
    append(log, line(1)[20:])
    assert collect(log, counts) == Collected(1, 1)
    assert collect(log, counts) == Collected()
    assert requests(counts) == 2


def test_another_log_is_read_from_its_beginning(log: Path, counts: Counts) -> None:
    append(log, line() * 3)
    collect(log, counts)
    log.rename(log.with_name("kept-so-that-its-inode-is"))
    append(log, line())
    assert collect(log, counts) == Collected(1, 1)
    os.truncate(log, 0)
    append(log, line()[:-5] + b"\n")
    assert collect(log, counts) == Collected(1, 0)
    assert requests(counts) == 4


def test_what_was_read_takes_no_space_and_nothing_is_lost(log: Path, counts: Counts) -> None:
    total = 0
    for _ in range(4):
        append(log, line() * 30_000)
        total += 30_000
        collect(log, counts)
        append(log, line())  # nginx's file is open all the while
        total += 1
    assert log.stat().st_size > 8 << 20
    assert space(log) < 1 << 20
    collect(log, counts)
    assert requests(counts) == total


def test_counts_that_begin_anew_skip_the_hole(log: Path, counts: Counts, tmp_path: Path) -> None:
    append(log, line() * 30_000)
    collect(log, counts)
    append(log, line(1))
    with Counts(tmp_path / "anew.db", now=NOW) as anew:
        found = collect(log, anew)
        assert found.requests == found.lines - 1 or found.requests == found.lines
        assert 1 <= requests(anew) < 100  # what shares the last block is counted, and no more


def test_a_stop_between_two_parts_counts_none_twice(
    log: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 1000)
    append(log, line() * 100)

    class AfterThree(Stop):
        looked = 0

        def check(self) -> None:
            self.looked += 1
            if self.looked > 3:
                raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        Collector(log, counts, AfterThree()).collect()
    assert 0 < requests(counts) < 100
    collect(log, counts)
    assert requests(counts) == 100


def test_a_line_without_an_end_is_given_up(
    log: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 1000)
    append(log, b"x" * 5000 + b"\n" + line())
    collect(log, counts)
    assert requests(counts) == 1


def test_the_command_counts_and_answers(syncer: Syncer, tmp_path: Path) -> None:
    syncer.environment["USAGE_DIR"] = str(tmp_path)
    syncer.run()
    append(tmp_path / "requests.log", line(0) + line(1, 404))
    assert syncer.command("usage", "--collect").code == 0
    told = json.loads(syncer.command("usage", "--days", "3650", "--json").out)
    (channel,) = told["channels"]
    assert [one["name"] for one in channel["used"]] == ["n0"]
    assert [one["name"] for one in channel["missing"]] == ["n1"]
    said = syncer.command("usage", "--days", "3650").out
    assert "conda/1 (1 request)" in said and "--explain" in said and "INCLUDE" not in said
    syncer.environment["INCLUDE"] = "n0"
    assert "INCLUDE" in syncer.command("usage", "--days", "3650").out
    refused = syncer.command("usage", "--who", "n0-1-0.conda")
    assert refused.code == 2 and "USAGE_CLIENTS=yes" in refused.err
    assert syncer.command("usage", "--days", "0").code == 2


def test_clients_are_kept_while_a_setting_says_so(syncer: Syncer, tmp_path: Path) -> None:
    syncer.environment["USAGE_DIR"] = str(tmp_path)
    syncer.run()
    append(tmp_path / "requests.log", line(client="10.0.0.7", moment=time.time()))
    who = ("usage", "--who", "n0-1-0.conda")
    syncer.environment["USAGE_CLIENTS"] = "yes"
    assert "10.0.0.7  conda-forge/noarch" in syncer.command(*who).out
    syncer.environment["USAGE_CLIENTS"] = "no"
    assert syncer.command("usage", "--collect").code == 0
    syncer.environment["USAGE_CLIENTS"] = "yes"
    assert "no client is known" in syncer.command(*who).out


def test_days_are_kept_as_long_as_a_setting_says(syncer: Syncer, tmp_path: Path) -> None:
    syncer.environment |= {"USAGE_DIR": str(tmp_path), "USAGE_DAYS": "60"}
    syncer.run()
    append(tmp_path / "requests.log", line(moment=time.time() - 30 * 86400))
    asked = ("usage", "--days", "3650", "--json")
    (channel,) = json.loads(syncer.command(*asked).out)["channels"]
    assert channel["requests"] == 1
    syncer.environment["USAGE_DAYS"] = "20"
    (channel,) = json.loads(syncer.command(*asked).out)["channels"]
    assert channel["requests"] == 0
