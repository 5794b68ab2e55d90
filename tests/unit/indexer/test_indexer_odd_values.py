"""Odd values of a record's fields: what is decoded fits every document, and no time is no time."""

import json
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.base.repodata import decode
from indexer.site.search import buckets

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters())),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(VALUES)
def test_what_is_decoded_fits_every_document(value: Any) -> None:
    try:
        found = decode(json.dumps(value))
    except ValueError:
        return
    assert msgpack.unpackb(msgpack.packb(found), strict_map_key=False) == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found == value


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1e999]", "-Infinity", "1" * 21, "1" * 5000, '"\\ud800"',
             "[" * 17 + "]" * 17, "[" * 100_000],
)  # fmt: skip
def test_what_no_document_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [(1_700_000_000_000, 1_700_000_000), (1_700_000_000, 1_700_000_000), (10**18, 0),
     (-62135596801, 0), ("now", 0), (float("inf"), 0), (None, 0), ({}, 0)],
)  # fmt: skip
def test_what_no_browser_takes_for_a_moment_is_none(timestamp: Any, seconds: int) -> None:
    build = buckets.Build("noarch", "a-1-0.conda", {"timestamp": timestamp}, None)
    assert buckets._row(build)[6] == seconds
