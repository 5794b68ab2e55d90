"""Shards become the repodata.json that they stand for, and nothing in them breaks out."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda import repodata, shards
from syncer.conda.shards import ShardIndex, assemble
from syncer.conda.wanted import wanted
from syncer.errors import IndexRejectedError

SHA256, MD5 = bytes(range(32)), bytes(range(16))
INDEX = ShardIndex({"subdir": "noarch", "base_url": "../x", "created_at": "today"}, {})


def shard(**sections: Any) -> bytes:
    return msgspec.msgpack.encode(sections)


def named(*contents: bytes) -> list[tuple[str, bytes]]:
    """Shards of packages whose names are of no matter."""
    return [(f"n{number}", content) for number, content in enumerate(contents)]


def document(*contents: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(assemble(INDEX, named(*contents), "here").repodata)
    return found


def record(**fields: object) -> dict[str, object]:
    return {"name": "a", "version": "1", "build": "0", "sha256": SHA256, "md5": MD5, **fields}


def test_hashes_are_hex_and_the_envelope_is_upstreams() -> None:
    one = shard(**{"packages.conda": {"a-1-0.conda": record(legacy_bz2_md5=MD5)}, "removed": ["r"]})
    two = shard(packages={"b-1-0.tar.bz2": record(name="b")}, removed=["q"], other={"k": 1})
    found = document(one, two)
    assert found["info"] == {"subdir": "noarch", "base_url": "../x"}
    assert found["removed"] == ["q", "r"]
    assert found["other"] == {"k": 1}
    first = found["packages.conda"]["a-1-0.conda"]
    assert (first["sha256"], first["legacy_bz2_md5"]) == (SHA256.hex(), MD5.hex())
    assert list(found["packages"]) == ["b-1-0.tar.bz2"]


def test_the_text_does_not_depend_on_the_order_of_keys() -> None:
    one = {"z-1-0.conda": record(), "a-1-0.conda": dict(reversed(record().items()))}
    texts = [
        assemble(INDEX, named(shard(**{"packages.conda": dict(items)})), "here").repodata
        for items in (one.items(), reversed(one.items()))
    ]
    assert texts[0] == texts[1]
    assert b": " not in texts[0]


def test_run_exports_leave_the_records() -> None:
    one = shard(packages={"a-1-0.tar.bz2": record(run_exports={"weak": ["a"]})})
    made = assemble(INDEX, named(one), "here")
    assert made.run_exports == {"a-1-0.tar.bz2": '{"weak":["a"]}'}
    assert "run_exports" not in document(one)["packages"]["a-1-0.tar.bz2"]


@pytest.mark.parametrize("is_last", [False, True])
def test_what_a_shard_says_of_its_own_package_counts(is_last: bool) -> None:
    """A client that asks for ``a`` reads no other shard."""

    def listing(version: str) -> bytes:
        one = record(version=version, run_exports={"weak": [version]})
        return shard(**{"packages.conda": {"a-1-0.conda": one}, "v3": {"conda": {"a-1-0": one}}})

    both = [("a", listing("1")), ("b", listing("2"))]
    made = assemble(INDEX, both[::-1] if is_last else both, "here")
    found = json.loads(made.repodata)
    assert found["packages.conda"]["a-1-0.conda"]["version"] == "1"
    assert found["v3"]["conda"]["a-1-0"]["version"] == "1"
    assert made.run_exports == {"a-1-0.conda": '{"weak":["1"]}'}


def test_a_record_that_is_none_is_refused_alone() -> None:
    bad = record(timestamp=float("nan"))
    bad_records = {"a-1-0.tar.bz2": bad, "b-1-0.tar.bz2": 5}
    bad_records["c-1-0.tar.bz2"] = record(name="c")
    one = shard(packages=bad_records)
    index = repodata.parse(assemble(INDEX, named(one), "here").repodata, "noarch")
    kinds = [type(wanted(entry, "noarch")).__name__ for entry in index.entries]
    assert kinds == ["Refused", "Refused", "Wanted"]


def test_sections_of_several_shards_are_united() -> None:
    found = document(
        shard(v3={"conda": {"a-1-0": {"sha256": SHA256}}}, signatures={"a": 1}),
        shard(v3={"conda": {"b-1-0": {}}, "tar.bz2": {}}, signatures={"b": 2}),
    )
    assert found["v3"] == {"conda": {"a-1-0": {"sha256": SHA256.hex()}, "b-1-0": {}}, "tar.bz2": {}}
    assert found["signatures"] == {"a": 1, "b": 2}


def test_uniting_takes_nothing_from_what_was_read() -> None:
    """And costs what a shard has: each would copy all before it otherwise."""
    others: dict[str, Any] = {}
    first = {"conda": {"a": 1}}
    shards._merge(others, "v3", first)
    united = others["v3"]["conda"]
    shards._merge(others, "v3", {"conda": {"b": 2}})
    assert others == {"v3": {"conda": {"a": 1, "b": 2}}} and first == {"conda": {"a": 1}}
    assert others["v3"]["conda"] is united


def test_a_name_can_not_break_the_text() -> None:
    names = {'"}],"info":{"base_url":"file:///"}-1-0.conda': record(), "a\n-1-0.conda": record()}
    index = repodata.parse(
        assemble(INDEX, named(shard(**{"packages.conda": names})), "x").repodata, "noarch"
    )
    assert index.base_url == "../x" and index.entries == () and len(index.refused) == 2


def test_only_what_is_selected_decides_whether_anything_changed() -> None:
    index = ShardIndex({"created_at": "1"}, {"a": "0" * 64, "b": "1" * 64})
    later = ShardIndex({"created_at": "2"}, {"a": "0" * 64, "b": "2" * 64})
    only_a = {"a"}.__contains__
    assert index.signature(index.selected(only_a)) == later.signature(later.selected(only_a))
    assert index.signature(index.selected(None)) != later.signature(later.selected(None))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
SECTIONS = st.sampled_from(["packages", "packages.conda", "removed", "v3", "info", "shards", "x"])


@given(st.dictionaries(SECTIONS, VALUES, max_size=4))
def test_any_shard_is_read_or_rejected(content: dict[str, Any]) -> None:
    data = msgspec.msgpack.encode(content)
    with contextlib.suppress(IndexRejectedError):
        repodata.parse(assemble(INDEX, named(data, data), "here").repodata, "noarch")
    with contextlib.suppress(IndexRejectedError):
        shards.parse(data, "here")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    for read in (lambda: shards.parse(data, "x"), lambda: assemble(INDEX, named(data), "x")):
        with contextlib.suppress(IndexRejectedError):
            read()
