"""What a client would follow, and whether that leads it off this mirror."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.base.addresses import (
    escapes,
    leads_away,
    sends_away,
    without_escapes,
)

# Each was followed by py-rattler 0.28, or is by what the URL standard says.
AWAY = [
    "https://evil.invalid/x",
    "HTTPS://evil.invalid/x",
    "http:evil.invalid/x",
    "http:///evil.invalid/x",
    "//evil.invalid/x",
    "/x",
    "\\\\evil.invalid\\x",
    "\\x",
    "../../../x",
    "..\\..\\x",
    "a/../../x",
    "%2e%2e/%2E./x",
    ".%2e",
    " http://evil.invalid/",
    "\x00\x1fhttp://evil.invalid/",
    "ht\ntp://evil.invalid/",
    "\n//evil.invalid",
    ".\t./x",
    "file:/etc",
    "s3://bucket/x",
    "oci://evil.invalid/x",
    "Foo+Bar://x",
]
HERE = [
    "",
    "a-1.0-0.conda",
    "a-1!2.0+x-0.tar.bz2",
    "shards/",
    "./shards",
    "2026-11-28T20:00:00Z",
    "sha256:0123",
    "see https://conda.invalid for more",
    "1..2",
    "linux-64",
]


@pytest.mark.parametrize("text", AWAY)
def test_what_leads_away(text: str) -> None:
    assert leads_away(text)
    assert list(escapes({"anything": [{"x": text}]})) == [("anything", "0", "x")]
    assert list(escapes({text: 1})) == [(text,)]


@pytest.mark.parametrize("text", HERE)
def test_what_stays_here(text: str) -> None:
    assert not leads_away(text)
    assert not list(escapes({"anything": [{"x": text}]}))


@pytest.mark.parametrize(
    "key", ["base_url", "shards_base_url", "run_exports_base_url", "url", "urls", "Mirror", "href"]
)
@pytest.mark.parametrize("value", ["", "here/", "https://evil.invalid", 7, None, [], {}])
def test_what_is_called_an_address_is_one(key: str, value: object) -> None:
    assert list(escapes({key: value})) == [(key,)]
    assert without_escapes({key: value, "subdir": "noarch"}) == ({"subdir": "noarch"}, [(key,)])


def test_texts_for_people_and_counts_are_no_addresses() -> None:
    revisions = {"v3": {"message": "https://conda.invalid says why", "n_packages": 3}}
    info = {"subdir": "noarch", "repodata_revisions": revisions, "created_at": "2026-11-28T00:00Z"}
    assert without_escapes(info) == (info, [])


def test_what_is_checked_otherwise_is_spared() -> None:
    info = {"channel_relations": {"base": "../conda-forge"}}
    assert list(escapes(info)) == [("channel_relations", "base")]
    assert without_escapes(info, spared=frozenset(info)) == (info, [])
    assert list(escapes({"x": info}, spared=frozenset(info))) == [
        ("x", "channel_relations", "base")
    ]


@given(
    st.recursive(
        st.none() | st.integers() | st.sampled_from(AWAY + HERE) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(AWAY + HERE), inner),
    )
)
def test_what_is_kept_has_nothing_that_leads_away(value: Any) -> None:
    kept, found = without_escapes({"a": value, "b": 1})
    assert not list(escapes(kept))
    assert bool(found) == (kept != {"a": value, "b": 1})


NAME = "a-1.0-0.conda"


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a","url":"https://evil.invalid/a"}',
        '{"url" : "sub/a-1.0-0.conda"}',
        '{"url":"a-1.0-0.conda","url":"//evil.invalid"}',
        '{"\\u0075rl":"http:evil.invalid"}',
        '{"ur\\u006C":null}',
        '{"url":["a-1.0-0.conda"]}',
    ],
)
def test_a_record_that_sends_clients_away(text: str) -> None:
    assert sends_away(text, NAME)


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"a"}',
        '{"url":"a-1.0-0.conda"}',
        '{"depends":["url","a \\u003e=1"],"home":"https://conda.invalid"}',
        '{"URL":"https://x","about":{"url":"https://x"}}',
        "[]",
    ],
)
def test_a_record_that_does_not(text: str) -> None:
    assert not sends_away(text, NAME)
