"""What a channel lists in revision 3 of repodata (CEP 48): alone, or beside an old record."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda import shards
from syncer.conda.entries import run_exports
from syncer.conda.repodata import Entry, Index, Refused, parse
from syncer.conda.wanted import Wanted, broken_limit, sound, wanted
from syncer.planning.plan import plan_subdir
from volume import limits
from volume.ledger.artifact import Known

SHA256 = "a" * 64


def record(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1", "build": "0", "size": 10, "sha256": SHA256, **more}


def index(**sections: Any) -> Index:
    return parse(json.dumps(sections).encode(), "noarch")


def v3(conda: Any, **sections: Any) -> Index:
    return index(v3={"conda": conda}, **sections)


def named(found: Index) -> dict[str, str]:
    return {one.filename: one.reason for one in plan_subdir(found, {}).refused}


def test_an_artifact_may_be_listed_in_either_revision_or_in_both() -> None:
    rich = record("b", when=1)
    found = index(
        packages={"t-1-0.tar.bz2": record("t")},
        **{"packages.conda": {"a-1-0.conda": record(), "b-1-0.conda": record("b")}},
        v3={"conda": {"b-1-0": rich, "c-1-0": record("c")}, "tar.bz2": {"d-1-0": record("d")}},
    )
    assert [(entry.filename, entry.section, entry.twin is not None) for entry in found.entries] == [
        ("t-1-0.tar.bz2", "packages", False),
        ("a-1-0.conda", "packages.conda", False),
        ("b-1-0.conda", "packages.conda", True),
        ("d-1-0.tar.bz2", "v3.tar.bz2", False),
        ("c-1-0.conda", "v3.conda", False),
    ]
    artifact = wanted(found.entries[2], "noarch")
    assert isinstance(artifact, Wanted) and artifact.twin == json.dumps(rich)
    assert "v3" not in found.other_keys and not found.refused


def test_a_digest_is_of_all_records_and_their_places() -> None:
    raw, other = msgspec.Raw(b'{"a":1}'), msgspec.Raw(b'{"b":1}')
    entries = [
        Entry("a-1-0.conda", "packages.conda", raw),
        Entry("a-1-0.conda", "v3.conda", raw),
        Entry("a-1-0.conda", "packages.conda", raw, other),
        Entry("a-1-0.conda", "packages.conda", raw, raw),
        Entry("a-1-0.conda", "packages.conda", other),
    ]
    assert len({entry.digest for entry in entries}) == len(entries)
    # As version 0.1.0 made it: else an upgrade would take every record over again.
    assert entries[0].digest.hex() == "2c6b113b8dd15ffbded9860b43eb0c6c"


@pytest.mark.parametrize(
    ("change", "what"), [({"sha256": "b" * 64}, "sha256"), ({"size": 11}, "size")]
)
def test_records_that_disagree_about_the_bytes_are_both_left_out(
    change: dict[str, Any], what: str
) -> None:
    found = v3({"a-1-0": record(**change)}, **{"packages.conda": {"a-1-0.conda": record()}})
    plan = plan_subdir(found, {})
    (refused,) = plan.refused
    assert refused.filename == "a-1-0.conda" and f"disagree about its {what}" in refused.reason
    assert not plan.downloads
    # What is here of it stays as it is.
    known = {"a-1-0.conda": Known(10, SHA256, b"x" * 16)}
    assert plan_subdir(found, known).changes_nothing


def test_md5_in_one_record_and_sha256_in_the_other_are_both_asked_for() -> None:
    old = record(md5="B" * 32)
    del old["sha256"]
    found = v3({"a-1-0": record()}, **{"packages.conda": {"a-1-0.conda": old}})
    artifact = wanted(found.entries[0], "noarch")
    assert isinstance(artifact, Wanted)
    assert (artifact.sha256, artifact.md5) == (SHA256, "b" * 32)


@pytest.mark.parametrize("bad", [None, [], 5, {}, record("b"), {**record(), "sha256": "x"}])
@pytest.mark.parametrize("is_old", [False, True])
def test_a_bad_record_does_not_take_the_other_one_along(bad: Any, is_old: bool) -> None:
    old, new = (bad, record()) if is_old else (record(), bad)
    found = v3({"a-1-0": new}, **{"packages.conda": {"a-1-0.conda": old}})
    plan = plan_subdir(found, {})
    (artifact,) = plan.new
    assert artifact.section == ("v3.conda" if is_old else "packages.conda")
    assert artifact.twin is None and json.loads(artifact.record) == record()
    (refused,) = plan.refused
    assert ("in v3.conda" in refused.reason) is not is_old
    # And it is named as long as it is there, while nothing else happens.
    known = {"a-1-0.conda": Known(10, SHA256, artifact.digest)}
    again = plan_subdir(found, known)
    assert again.changes_nothing and again.refused == plan.refused


def test_two_bad_records_are_one_artifact_that_is_left_out() -> None:
    found = v3({"a-1-0": 5}, **{"packages.conda": {"a-1-0.conda": 6}})
    (entry,) = found.entries
    assert sound(entry) == (entry, None)
    assert isinstance(wanted(entry, "noarch"), Refused)


def test_where_a_record_is_listed_is_a_hotfix() -> None:
    text = json.dumps(record()).encode()
    before = Entry("a-1-0.conda", "packages.conda", msgspec.Raw(text))
    known = {"a-1-0.conda": Known(10, SHA256, before.digest)}
    for found in (
        v3({"a-1-0": record()}),
        v3({"a-1-0": record(x=1)}, **{"packages.conda": {"a-1-0.conda": record()}}),
    ):
        plan = plan_subdir(found, known)
        assert len(plan.hotfixed) == 1 and not plan.downloads and not plan.retired


@pytest.mark.parametrize(
    "key",
    ["x-1-0.conda", "x-1-0.tar.bz2", "../x-1-0", "x", "", "x-1", "a/b-1-0", "x\0-1-0", "x" * 999],
)
def test_a_key_that_can_be_no_artifact_is_named_and_the_rest_stays(key: str) -> None:
    found = v3({key: record("x"), "a-1-0": record()})
    assert [entry.filename for entry in found.entries] == ["a-1-0.conda"]
    assert len(found.refused) == 1


@pytest.mark.parametrize("content", [None, [], 5, "x", [{"conda": {}}]])
def test_a_revision_that_is_no_map_is_named_and_harms_nothing_else(content: Any) -> None:
    found = index(v3=content, **{"packages.conda": {"a-1-0.conda": record()}})
    known = {"b-1-0.conda": Known(10, SHA256, b"x" * 16)}
    plan = plan_subdir(found, known)
    assert [one.filename for one in plan.new] == ["a-1-0.conda"]
    assert [one.filename for one in plan.refused] == ["v3"]
    # Nobody knows whether it is listed still.
    assert plan.undecided == ("b-1-0.conda",) and plan.retired == ()


@pytest.mark.parametrize("content", [None, [], 5, "x"])
def test_a_section_that_is_no_map_is_named_and_harms_nothing_else(content: Any) -> None:
    found = index(v3={"conda": content, "tar.bz2": {"t-1-0": record("t")}})
    known = {name: Known(10, SHA256, b"x" * 16) for name in ("b-1-0.conda", "b-1-0.tar.bz2")}
    plan = plan_subdir(found, known)
    assert [one.filename for one in plan.new] == ["t-1-0.tar.bz2"]
    assert [one.filename for one in plan.refused] == ["v3.conda"]
    assert (plan.undecided, plan.retired) == (("b-1-0.conda",), ("b-1-0.tar.bz2",))


def test_a_format_that_is_not_mirrored_is_named_once_with_its_number() -> None:
    found = index(v3={"whl": {"x": 1, "y": 2}, "../z": [], "conda": {"a-1-0": record()}})
    assert [entry.filename for entry in found.entries] == ["a-1-0.conda"]
    said = named(found)
    assert sorted(said) == ["v3.../z", "v3.whl"]
    assert "2 records" in said["v3.whl"] and "no map" in said["v3.../z"]
    assert set(found.formats) == {"whl", "../z"}


def test_a_text_that_is_no_utf8_harms_nothing_else() -> None:
    data = b'{"v3": "\xff", "packages.conda": {"a-1-0.conda": ' + json.dumps(record()).encode()
    found = parse(data + b"}}", "noarch")
    assert [entry.filename for entry in found.entries] == ["a-1-0.conda"]
    assert [one.filename for one in found.refused] == ["v3"]


def test_limits_hold_in_each_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORD_SIZE", 200)
    found = v3({"a-1-0": record(x="y" * 300), "b-1-0": record("b")})
    assert [entry.filename for entry in found.entries] == ["b-1-0.conda"]
    assert [one.filename for one in found.refused] == ["a-1-0.conda"]
    twin = msgspec.Raw(json.dumps(record(depends=["(" * 99])).encode())
    entry = Entry("a-1-0.conda", "packages.conda", msgspec.Raw(b"{}"), twin)
    assert broken_limit(entry) is not None


def test_run_exports_are_of_artifacts_wherever_they_are_named() -> None:
    said: dict[str, Any] = {"packages": {"a-1-0.tar.bz2": 1}, "packages.conda": {"a-1-0.conda": 2}}
    said["v3"] = {"conda": {"a-1-0": 3, "b-1-0": 4}, "tar.bz2": {"c-1-0": 5}, "whl": {"w": 6}}
    found = run_exports(json.dumps(said).encode())
    assert {name: bytes(entry) for name, entry in found.items()} == {
        "a-1-0.tar.bz2": b"1", "a-1-0.conda": b"2", "b-1-0.conda": b"4", "c-1-0.tar.bz2": b"5",
    }  # fmt: skip


def assembled(*contents: dict[str, Any]) -> shards.Assembled:
    bodies = [(f"n{at}", msgspec.msgpack.encode(one)) for at, one in enumerate(contents)]
    return shards.assemble(shards.ShardIndex({"subdir": "noarch"}, {}), bodies, "here")


def test_shards_carry_the_revision() -> None:
    packed = record(sha256=bytes.fromhex(SHA256), run_exports={"weak": ["a"]})
    made = assembled(
        {"v3": {"conda": {"a-1-0": packed}}, "info": {"repodata_revisions": {"v3": {}}}},
        {"v3": {"conda": {"b-1-0": record("b")}, "tar.bz2": {}, "whl": {"w": {"x": b"\1"}}}},
        {"packages.conda": {"a-1-0.conda": packed}},
    )
    found = json.loads(made.repodata)
    assert found["v3"] == {
        "conda": {"a-1-0": record(), "b-1-0": record("b")},
        "tar.bz2": {},
        "whl": {"w": {"x": "01"}},
    }
    assert found["info"] == {"subdir": "noarch"}
    assert made.run_exports == {"a-1-0.conda": '{"weak":["a"]}'}


@pytest.mark.parametrize("content", [None, [], 5, {"conda": None}, {"conda": []}])
def test_a_shard_whose_revision_is_no_map_harms_no_other(content: Any) -> None:
    made = assembled({"v3": content}, {"v3": {"conda": {"b-1-0": record("b")}}})
    found = parse(made.repodata, "noarch")
    assert [entry.filename for entry in found.entries] == ["b-1-0.conda"]
    assert "v3.conda" in made.unread


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.text(max_size=12) | st.sampled_from(["conda", "a-1-0"]), inner, max_size=3
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_whatever_stands_there_the_old_sections_are_read(content: Any) -> None:
    found = index(v3=content, **{"packages.conda": {"z-1-0.conda": record("z")}})
    assert "z-1-0.conda" in {entry.filename for entry in found.entries}
    plan_subdir(found, {})


def test_what_lists_artifacts_in_a_way_unknown_here_is_named_and_left_out() -> None:
    found = index(v4={"conda": {"a-1-0": {}}}, v5={}, v={"x": 1}, **{"packages.whl": {"x.whl": {}}})
    assert found.other_keys == {"v5": "{}", "v": '{"x": 1}'}
    assert [one.filename for one in found.refused] == ["v4", "packages.whl"]


def test_what_upstream_counts_in_its_document_is_not_carried() -> None:
    """Else each publication of upstream's would be one of a selection that it does not touch."""
    counts = {"n_packages": 3, "oldest": 1, "newest": 2}
    found = index(info={"repodata_revisions": {"v3": {"message": "m", "x": [1], **counts}}})
    other = index(info={"repodata_revisions": {"v3": {"x": [1], "message": "m"}}})
    assert found.other_keys == other.other_keys
    assert found.other_keys == {"info.repodata_revisions": '{"v3":{"message":"m","x":[1]}}'}


@pytest.mark.parametrize("content", [None, [], 5, "x", {"v3": 5}, {"v3": None}])
def test_revisions_that_are_no_maps_are_named(content: Any) -> None:
    found = index(info={"repodata_revisions": content, "x": 1})
    assert found.other_keys == {"info.x": "1"}
    assert [one.filename for one in found.refused] == ["info.repodata_revisions"]


def test_both_ways_of_reading_say_the_same_beside_the_records() -> None:
    info = {
        "subdir": "noarch",
        "channel_relations": {"base": "../x", "overrides": ["../y"]},
        "repodata_revisions": {"v3": {"n_packages": 1, "message": "ü"}},
    }
    whole = parse(json.dumps({"info": info}, separators=(",", ":")).encode(), "noarch")
    made = shards.assemble(shards.ShardIndex({**info, "created_at": "today"}, {}), [], "here")
    in_shards = parse(made.repodata, "noarch")
    assert {**whole.other_keys, "removed": "[]"} == in_shards.other_keys
