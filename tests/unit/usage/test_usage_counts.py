"""Counts: each request once, bounded, and nothing of a client that nobody asked for."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.usage import counts as module
from syncer.usage.counts import Counts, Place
from syncer.usage.request import OTHER, ClientRequest
from volume.errors import StateError
from volume.usage import Program

NOW = 1_790_000_000.0
DAY = 86400.0


def request(
    name: str = "a", status: int = 200, *, moment: float = NOW, program: str = "conda/1",
    client: str | None = None, sent: int = 10,
) -> ClientRequest:  # fmt: skip
    filename = f"{name}-1-0.conda"
    return ClientRequest(moment, status, sent, "c", "noarch", filename, program, client)


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    return Counts(tmp_path / "usage.db", now=NOW)


def asked(counts: Counts, since: int = 0) -> dict[str, tuple[int, int]]:
    return {one.filename[0]: (one.requests, one.bytes) for one in counts.used("c", since=since)}


def test_what_is_served_is_used_and_what_is_not_here_is_missing(counts: Counts) -> None:
    counts.add([request(), request(), request("b", 404), request("b"), request("d", 500)], Place())
    assert asked(counts) == {"a": (2, 20), "b": (1, 10)}
    assert [one.filename for one in counts.missing("c", since=0)] == ["b-1-0.conda"]
    assert counts.programs(since=0) == [Program("conda/1", 3, 30)]
    assert counts.channels() == ["c"]


def test_days_are_apart_and_the_last_use_stays(counts: Counts) -> None:
    counts.add([request(moment=NOW - 9 * DAY), request()], Place())
    today = int(NOW // DAY)
    assert asked(counts, today) == {"a": (1, 10)}
    assert asked(counts, today - 9) == {"a": (2, 20)}
    counts.add([request("b", moment=NOW - 9 * DAY, client="10.0.0.1")], Place())
    counts.forget(today - 5)
    assert asked(counts) == {"a": (1, 10)}
    assert counts.last_use("c", "noarch")["b-1-0.conda"] == NOW - 9 * DAY
    assert counts.clients("b-1-0.conda") == []


def test_a_request_is_a_use_also_where_it_met_nothing(counts: Counts) -> None:
    counts.add([request("a", 404)], Place())
    assert counts.last_use("c", "noarch") == {"a-1-0.conda": NOW}


def test_names_that_nobody_has_are_bounded(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_MISSING", 3)
    monkeypatch.setattr(module, "_MOST_PROGRAMS", 2)
    counts.add([request(f"n{number}", 404) for number in range(9)], Place())
    counts.add([request("n0", 404), request("a")], Place())
    found = {one.filename[:2]: one.requests for one in counts.missing("c", since=0)}
    assert found == {"n0": 2, "n1": 1, "n2": 1}
    counts.add([request(program=f"p{number}") for number in range(9)], Place())
    assert len(counts.programs(since=0)) == 3
    assert Program(OTHER, 8, 80) in counts.programs(since=0)


def test_clients_can_be_forgotten(counts: Counts) -> None:
    counts.add([request(client="10.0.0.1"), request("b", 404, client="10.0.0.2")], Place())
    assert counts.clients("a-1-0.conda") == [("c", "noarch", "10.0.0.1", NOW)]
    assert counts.clients("b-1-0.conda") == []  # it was not served
    counts.forget_clients()
    assert counts.clients("a-1-0.conda") == []


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 5))
def test_it_does_not_matter_how_the_log_was_cut(names: list[int], size: int) -> None:
    found = []
    requests = [request(f"n{name}") for name in names]
    with tempfile.TemporaryDirectory() as folder:
        for step in (size, len(requests) + 7):
            with Counts(Path(folder) / f"{step}.db", now=NOW) as one:
                for begin in range(0, len(requests), step):
                    one.add(requests[begin : begin + step], Place("7", begin))
                found.append([(a.filename, a.requests, a.bytes) for a in one.used("c", since=0)])
    assert found[0] == found[1]


def test_damage_is_named_and_a_file_that_is_none_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "usage.db"
    path.write_bytes(b"nonsense" * 1000)
    with Counts(path, now=NOW + 5) as counts:
        assert counts.since == NOW + 5
        counts.add([request(f"n{number}") for number in range(3000)], Place("7", 9))
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with Counts(path, now=NOW) as counts:
        with pytest.raises(StateError, match="remove it: counting begins anew"):
            list(counts.used("c", since=0))
        with pytest.raises(StateError, match="remove it"):
            counts.add([request("n0")], Place("7", 10))
