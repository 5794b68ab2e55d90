"""Upstream's word on artifacts and names: what differs from the ledger, and what is no word."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda import entries

_KEYS = st.sampled_from([f"a{number}-1-0.conda" for number in range(8)])
_TEXTS = st.sampled_from(["{}", '{"weak":["a"]}', '{"weak": ["a"]}'])


def run_exports(**sections: object) -> bytes:
    return json.dumps({"info": {}, **sections}).encode()


def told(content: bytes) -> dict[str, str | None]:
    """What a run_exports.json says, as if nothing was known and everything mattered."""
    said = entries.run_exports(content)
    return entries.difference([], said, list(said), entries.run_exports_text)


@given(
    rows=st.dictionaries(_KEYS, _TEXTS),
    said=st.dictionaries(_KEYS, _TEXTS),
    others=st.sets(_KEYS),
    stray=st.sets(_KEYS),
)
def test_the_difference_makes_of_the_old_rows_the_new_document_of_what_is_committed(
    rows: dict[str, str], said: dict[str, str], others: set[str], stray: set[str]
) -> None:
    """Old rows are of committed keys; ``others`` are committed too, and have none."""
    committed = rows.keys() | others
    relevant = [*sorted(others), *sorted(committed)]  # planned ones, then all that is committed
    found = entries.difference(rows.items(), dict(said), relevant, str)
    after = {key: text for key, text in {**rows, **found}.items() if text is not None}
    assert after == {key: text for key, text in said.items() if key in committed}
    assert all(rows.get(key) != text for key, text in found.items())
    again = entries.difference(after.items(), dict(said), sorted(committed), str)
    assert again == {}
    # What nobody has or plans is not even looked at.
    of_none = {key: text for key, text in said.items() if key in stray - committed}
    assert entries.difference(rows.items(), dict(rows) | of_none, sorted(committed), str) == {}


def test_equal_texts_are_one_object() -> None:
    said = {f"{number}": msgspec.Raw(b'{"run_exports":{"weak":["a"]}}') for number in range(3)}
    found = entries.difference([], said, list(said), entries.run_exports_text)
    assert len({id(text) for text in found.values()}) == 1 and len(found) == 3


def test_run_exports_are_read_as_they_are_written_of_both_formats() -> None:
    content = (
        b'{"packages": {"a-1-0.tar.bz2": {"run_exports": {"weak" : [ "a" ]}, "more": 1}},'
        b' "packages.conda": {"a-1-0.conda": {"run_exports": {}}}}'
    )
    assert told(content) == {"a-1-0.tar.bz2": '{"weak" : [ "a" ]}', "a-1-0.conda": "{}"}


@pytest.mark.parametrize("entry", [None, 5, [], "x", {}, {"other": {}}])
def test_an_entry_that_says_nothing_leaves_the_others(entry: object) -> None:
    content = run_exports(packages={"a": entry, "b": {"run_exports": {"weak": ["b"]}}})
    assert told(content) == {"b": '{"weak": ["b"]}'}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html>", b"[]", b'{"packages": []}', b'{"packages.conda": 5}', b'{"packages": {"a":',
        b'{"packages": {"a": {"run_exports": "\xff"}}}', b'{"packages": {"a": {"run_exports": {]}}',
    ],
)  # fmt: skip
def test_what_is_no_run_exports_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        told(content)


def test_channeldata_is_read_by_name() -> None:
    said = entries.channeldata(b'{"packages": {"a": {"summary" : "A"}}, "subdirs": []}')
    assert entries.difference([("b", "{}")], said, ["a"], entries.text) == {
        "b": None,
        "a": '{"summary" : "A"}',
    }
    assert entries.channeldata(b"{}") == {}
