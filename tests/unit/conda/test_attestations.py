"""What records promise of attestations, whatever they hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.attestations import (
    Promise,
    addressed,
    check_bundles,
    promised,
    taken_apart,
)
from volume import limits

HASH, OTHER = "ab" * 32, "cd" * 32

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


def text(**fields: Any) -> str:
    return json.dumps({"name": "x", "depends": ["y"], **fields})


def test_the_cep_s_field_and_its_drafts() -> None:
    assert promised(text(attestations_sha256=HASH)).promises == (Promise(HASH),)
    assert promised(text(attestations=HASH)).promises == (Promise(HASH),)
    draft = {"sha256": HASH, "size": 7}
    assert promised(text(attestations=draft)).promises == (Promise(HASH, 7),)
    both = text(attestations=draft, attestations_sha256=HASH)
    assert promised(both).promises == (Promise(HASH),)


def test_nothing_is_promised_by_most_records() -> None:
    for record in (text(), text(attestations_sha256=None), text(attestations=None), "{", "[]"):
        assert not promised(record, None)
    assert not promised(None, None)
    assert not promised(text(attestations=["what", "no", "draft", "had"]))
    assert not promised(text(depends=["attestations"], summary="attestations_sha256"))


def test_two_records_may_promise_each() -> None:
    found = promised(text(attestations_sha256=HASH), text(attestations_sha256=OTHER))
    assert found.promises == (Promise(HASH), Promise(OTHER))
    found = promised(text(attestations_sha256=HASH), text(attestations_sha256=HASH))
    assert found.promises == (Promise(HASH),)
    found = promised(text(attestations_sha256="no"), text(attestations_sha256=OTHER))
    assert found.promises == (Promise(OTHER),)
    assert "malformed" in (found.problem or "")


def test_a_key_may_be_written_with_escapes() -> None:
    record = text(attestations_sha256=HASH).replace("attest", "\\u0061ttest")
    assert promised(record).promises == (Promise(HASH),)


@given(value=hashes, other=anything)
def test_a_hash_is_a_promise_whatever_else_a_record_has(value: str, other: Any) -> None:
    found = promised(text(attestations_sha256=value, timestamp=other, x=other))
    assert found.promises == (Promise(value),)
    assert found.problem is None


@given(value=anything, key=st.sampled_from(["attestations_sha256", "attestations"]))
def test_no_value_of_any_type_becomes_a_path(value: Any, key: str) -> None:
    found = promised(text(**{key: value}))
    for promise in found.promises:
        name = addressed("x-1-0.conda", promise.sha256)
        assert taken_apart(name) == ("x-1-0.conda", promise.sha256)
    assert found.problem is None or len(found.problem) < 320
    assert found.problem is None or found.problem.isprintable()


@given(value=anything)
def test_what_is_not_null_and_no_hash_is_a_problem(value: Any) -> None:
    if value is None:
        return
    found = promised(text(attestations_sha256=value))
    assert not found.promises and found.problem


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "7", limits.SIDECAR + 1, 1 << 80])
def test_a_draft_s_size_must_be_one(size: Any) -> None:
    found = promised(text(attestations={"sha256": HASH, "size": size}))
    assert not found.promises and found.problem


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        (f"x-1-0.conda.sigs.{HASH}", ("x-1-0.conda", HASH)),
        ("x-1-0.conda.sigs", ("x-1-0.conda", None)),
        ("x-1-0.tar.bz2.v0.sigs", ("x-1-0.tar.bz2", None)),
        ("x-1-0.conda", None),
        (f"x-1-0.conda.sigs.{HASH}\n", None),
        (f"x-1-0.conda.sigs.{HASH.upper()}", None),
    ],
)
def test_names_are_taken_apart(name: str, apart: tuple[str, str | None] | None) -> None:
    assert taken_apart(name) == apart


@given(bundles=st.lists(st.dictionaries(st.text(), anything), min_size=1))
def test_an_array_of_objects_is_taken(bundles: list[dict[str, Any]]) -> None:
    check_bundles(json.dumps(bundles).encode())


@given(content=st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_nothing_else_is(content: bytes) -> None:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    is_array = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    if not is_array:
        with pytest.raises(ValueError, match="it is no JSON"):
            check_bundles(content)


def test_what_is_too_deep_is_refused() -> None:
    with pytest.raises(ValueError, match="it is no JSON"):
        check_bundles(b"[" * 100_000)
