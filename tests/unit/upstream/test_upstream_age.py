"""An index is older or not by what it lists, whatever dates its server gives."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.repodata import Index, parse
from syncer.upstream.age import is_older, lists_more

MILLISECONDS = 1_600_000_000_000


def index(times: Mapping[str, object], removed: list[str] | None = None) -> Index:
    """An index of one artifact for each name, with these timestamps."""
    records = {f"{name}-1-0.conda": {"timestamp": time} for name, time in times.items()}
    document = {
        "info": {},
        "packages.conda": records,
        "removed": [f"{name}-1-0.conda" for name in removed or []],
    }
    return parse(json.dumps(document).encode(), "noarch")


KNOWN = index({"a": 1, "b": 2, "c": 3})


def test_the_same_records_are_not_older() -> None:
    assert not is_older(KNOWN, KNOWN, from_other=True)
    assert not lists_more(KNOWN, KNOWN)


def test_more_records_are_newer_whatever_their_time() -> None:
    more = index({"a": 1, "b": 2, "c": 3, "d": 0})
    assert not is_older(more, KNOWN, from_other=True)
    assert lists_more(more, KNOWN) and not lists_more(KNOWN, more)


def test_fewer_records_are_older_only_at_another_upstream() -> None:
    fewer = index({"a": 1, "b": 2})
    assert is_older(fewer, KNOWN, from_other=True)
    assert not is_older(fewer, KNOWN, from_other=False)


def test_what_upstream_says_it_removed_is_not_missing() -> None:
    assert not is_older(index({"a": 1, "b": 2}, removed=["c"]), KNOWN, from_other=True)


def test_what_only_one_of_them_has_decides() -> None:
    lagging = index({"a": 1, "b": 2, "since-removed": 1})
    ahead = index({"b": 2, "c": 3, "d": 4})
    for from_other in (True, False):
        assert is_older(lagging, KNOWN, from_other=from_other)
        assert not is_older(ahead, KNOWN, from_other=from_other)


def test_a_bogus_time_that_both_have_decides_nothing() -> None:
    known = index({"future": 9_999_999_999_999, "new": 5})
    assert is_older(index({"future": 9_999_999_999_999, "x": 4}), known, from_other=False)
    assert not is_older(index({"future": 9_999_999_999_999, "x": 6}), known, from_other=False)


def test_seconds_and_milliseconds_are_told_apart() -> None:
    known = index({"a": MILLISECONDS})
    assert is_older(index({"b": MILLISECONDS // 1000 - 1}), known, from_other=False)
    assert not is_older(index({"b": MILLISECONDS // 1000 + 1}), known, from_other=False)


def test_times_that_are_none_count_as_long_ago() -> None:
    known = index({"a": "tomorrow", "b": None, "c": [1]})
    assert not is_older(index({"d": 1}), known, from_other=True)


def test_only_the_names_that_are_wanted_count() -> None:
    fewer = index({"a": 1, "b": 2})
    assert not is_older(fewer, KNOWN, from_other=True, names={"a", "b"}.__contains__)


TIMES = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), max_size=6)


@given(TIMES, TIMES)
def test_never_both_older_than_the_other(one: dict[str, object], other: dict[str, object]) -> None:
    left, right = index(one), index(other)
    assert not (is_older(left, right, from_other=True) and is_older(right, left, from_other=True))


@given(TIMES, st.integers(10, 20))
def test_a_lagging_copy_is_always_older(times: dict[str, object], later: int) -> None:
    assert is_older(index(times), index({**times, "new": later}), from_other=True)
