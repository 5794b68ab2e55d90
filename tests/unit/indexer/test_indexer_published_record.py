"""A record as it is published: upstream's, but for where its bytes are and, if asked for, when."""

import json
import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records.published_record import install, published

NAME = "a-1.0-0.conda"
ENTERED = 1_790_000_000.123


def ask(text: str, *, says_arrival: bool = False) -> Any:
    connection = sqlite3.connect("")
    install(connection)
    entered = "?3" if says_arrival else None
    sql = published("?1", "?2", entered)
    return connection.execute(f"SELECT {sql}, ?3", (text, NAME, ENTERED)).fetchone()[0]


SAME = [
    '{"name":"a"}',
    '{ "name" : "a" , "depends":["a \\u003e=1"]}',
    '{"url":"a-1.0-0.conda"}',
    '{"about":{"url":"https://x"}}',
    "[]", "", "no JSON", '{"url":', '"url"', "7", '{"a":1} ',
]  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_what_needs_no_change_stays_letter_by_letter(text: str) -> None:
    assert ask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a","url":"https://evil.invalid/a"}',
        '{"name":"a","url":"sub/a-1.0-0.conda"}',
        '{"url":"a-1.0-0.conda","name":"a","url":"//evil.invalid"}',
        '{"name":"a","\\u0075rl":null}',
    ],
)
@pytest.mark.parametrize("says_arrival", [False, True])
def test_a_url_says_where_the_bytes_are_here(text: str, says_arrival: bool) -> None:
    moment = {"indexed_timestamp": 1_790_000_000_123} if says_arrival else {}
    found = ask(text, says_arrival=says_arrival)
    assert json.loads(found) == {"name": "a", "url": NAME, **moment}
    assert found.count("url") == 1


@pytest.mark.parametrize(
    "text",
    ['{"name":"a"}', '{"name":"a"} ', ' {"name":"a"}', "{}", "{ }", '{"a":{"indexed_timestamp":1}}',
     '{"indexed_timestamp":null}', '{"x":{}}', '{"a":"b\\"}"}'],
)  # fmt: skip
def test_an_arrival_is_added_where_upstream_says_nothing(text: str) -> None:
    found = json.loads(ask(text, says_arrival=True))
    assert found == {**json.loads(text), "indexed_timestamp": 1_790_000_000_123}


@pytest.mark.parametrize("value", ["1", '"1"', "-5", "0", "[]", "1.5"])
def test_upstreams_own_stays(value: str) -> None:
    text = f'{{"name":"a","indexed_timestamp":{value}}}'
    assert ask(text, says_arrival=True) == text


@given(
    st.one_of(
        st.text(), st.sampled_from(SAME), st.text("{}[]\",: \\u0a1", max_size=12),
        st.text("{}\",: ", max_size=8).map(lambda text: '{"' + text + "}"),
    )
)  # fmt: skip
def test_nothing_that_is_no_record_becomes_one(text: str) -> None:
    if "\0" in text:  # SQLite ends a text there
        return
    try:
        before = json.loads(text)
    except (ValueError, RecursionError):
        before = None
    found = ask(text, says_arrival=True)
    try:
        after = json.loads(found)
    except (ValueError, RecursionError):
        after = None
    assert isinstance(before, dict) == isinstance(after, dict)
    if isinstance(before, dict):
        kept = before.keys() - {"url", "indexed_timestamp"}
        assert {key: repr(after[key]) for key in kept} == {key: repr(before[key]) for key in kept}
    else:
        assert found == text or (before is None and after is None)
