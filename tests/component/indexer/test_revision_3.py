"""Records of revision 3 are published as upstream has them, in every variant (CEP 48)."""

import bz2
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from indexer.base.repodata import records_in
from indexer.generations import shards
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, unpack, volumes
from tests.support.upstream.packages import Record, package
from volume.sections import OLD_SECTIONS, V3_SECTIONS, filename_of, old_section_of, v3_section_of

SUBDIR = "linux-64"
Listed = dict[tuple[str, str], Record]
"""Records by section and key."""

RICH: dict[str, Any] = {
    "depends": ['b[version=">=1",when="__unix"]', "c[extras=[x,y]]"],
    "extra_depends": {"test": ["d"]},
    "flags": ["cuda"],
    "indexed_timestamp": 1_790_000_000_000,
    "invented": {"deep": [1, None]},
}


def mirror(folder: Path) -> IndexedMirror:
    committed = CommittedMirror.below(folder)
    made = volumes(committed.mirror, committed.state, "no conda", engine="own", clock=lambda: 1e9)
    return IndexedMirror(committed, made)


def listed(document: Mapping[str, Any]) -> Listed:
    return {(section, key): record for section, key, record in records_in(document)}


def in_shards(folder: Path) -> Listed:
    found: Listed = {}
    for digest in shards.read_index(folder).shards.values():
        shard = shards.read(folder, digest, check_hash=True)
        found |= {one: shards.plain(record) for one, record in listed(shard).items()}
    return found


def counted(found: Listed) -> Record | None:
    """What CEP 48 has a document say that lists these records."""
    records = [record for (section, _), record in found.items() if section in V3_SECTIONS]
    if not records:
        return None
    times = [record.get("indexed_timestamp") for record in records]
    known = [time for time in times if type(time) is int and 0 <= time < 2**63]
    bounds = {"oldest": min(known), "newest": max(known)} if known else {}
    return {"v3": {"n_packages": len(records), **bounds}}


def check(indexed: IndexedMirror, expected: Listed, subdir: str = SUBDIR) -> None:
    """Every variant lists what upstream does, each record in its section and nowhere else."""
    folder = indexed.current / subdir
    plain = (folder / "repodata.json").read_bytes()
    document = json.loads(plain)
    assert listed(document) == expected
    assert unpack((folder / "repodata.json.zst").read_bytes()) == plain
    assert bz2.decompress((folder / "repodata.json.bz2").read_bytes()) == plain
    assert in_shards(folder) == expected
    some = listed(indexed.repodata(subdir, "current_repodata.json"))
    assert some.items() <= expected.items()
    assert ("v3" in document) == any(section in V3_SECTIONS for section, _ in expected)
    assert document["info"].get("repodata_revisions") == counted(expected)
    current = indexed.repodata(subdir, "current_repodata.json")
    assert current["info"].get("repodata_revisions") == counted(listed(current))
    index = shards.read_index(folder).info
    assert index.get("repodata_revisions") == counted(expected)
    relations = {"base": "../upstream"} if "channel_relations" in index else None
    for info in (document["info"], current["info"], index):
        assert info.get("channel_relations") == relations
    exports = indexed.repodata(subdir, "run_exports.json")
    assert {name for section in OLD_SECTIONS for name in exports[section]} == {
        filename_of(*one) for one in expected
    }


def test_a_record_in_each_section(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    old, both, only = (package(name).record for name in ("a", "b", "c"))
    rich = {**both, **RICH}
    packed = package("d", extension=".tar.bz2").record
    committed = indexed.committed
    committed.commit_records(
        SUBDIR, {"a-1.0-0.conda": old, "b-1.0-0.conda": both}, twins={"b-1.0-0.conda": rich}
    )
    committed.commit_records(
        SUBDIR,
        {"c-1.0-0.conda": {**only, **RICH}, "d-1.0-0.tar.bz2": packed},
        section_of=v3_section_of,
    )
    committed.give_run_exports(SUBDIR, {"c-1.0-0.conda": {"weak": ["c"]}})
    committed.carry(SUBDIR, {"info.channel_relations": '{"base": "../upstream"}'})
    assert indexed.index().is_new
    expected: Listed = {
        ("packages.conda", "a-1.0-0.conda"): old,
        ("packages.conda", "b-1.0-0.conda"): both,
        ("v3.conda", "b-1.0-0"): rich,
        ("v3.conda", "c-1.0-0"): {**only, **RICH},
        ("v3.tar.bz2", "d-1.0-0"): packed,
    }
    check(indexed, expected)
    assert listed(indexed.repodata(SUBDIR, "current_repodata.json")) == expected
    exports = indexed.repodata(SUBDIR, "run_exports.json")["packages.conda"]
    assert exports["c-1.0-0.conda"] == {"run_exports": {"weak": ["c"]}}
    channeldata = json.loads((indexed.current / "channeldata.json").read_bytes())
    assert set(channeldata["packages"]) == {"a", "b", "c", "d"}


def test_the_newest_of_each_revision_is_current(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    for section_of in (old_section_of, v3_section_of):
        build = "1" if section_of is v3_section_of else "0"
        records = {
            f"{name}-{version}-{build}.conda": {
                **package(name, version, build=build).record, "depends": depends,
            }
            for name, version, depends in (
                ("a", "1.0", []), ("a", "2.0", []), ("b", "1.0", ["a <2"]), ("c", "0.9", []),
            )
        }  # fmt: skip
        indexed.committed.commit_records(SUBDIR, records, section_of=section_of)
    indexed.committed.commit_records(
        SUBDIR, {"c-1.0-0.conda": package("c").record}, section_of=v3_section_of
    )
    indexed.index()
    current = indexed.repodata(SUBDIR, "current_repodata.json")
    assert set(current["packages.conda"]) == {
        "a-1.0-0.conda", "a-2.0-0.conda", "b-1.0-0.conda", "c-0.9-0.conda",
    }  # fmt: skip
    assert set(current["v3"]["conda"]) == {"a-1.0-1", "a-2.0-1", "b-1.0-1", "c-1.0-0"}


def test_records_move_between_sections(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    record = package("a").record
    rich = {**record, **RICH}
    name, key = "a-1.0-0.conda", "a-1.0-0"
    old, new = ("packages.conda", name), ("v3.conda", key)
    committed = indexed.committed
    steps: list[tuple[Callable[[str], str], Record, Record | None, Listed]] = [
        (old_section_of, record, None, {old: record}),
        (old_section_of, record, rich, {old: record, new: rich}),
        (v3_section_of, rich, None, {new: rich}),
        (old_section_of, record, rich, {old: record, new: rich}),
        (old_section_of, record, None, {old: record}),
    ]
    for section_of, first, second, expected in steps:
        twins = {} if second is None else {name: second}
        committed.commit_records(SUBDIR, {name: first}, section_of=section_of, twins=twins)
        assert indexed.index().is_new
        check(indexed, expected)
        assert not indexed.index().is_new


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=6),
    st.lists(st.text(max_size=4), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(0)),
)  # fmt: skip
FIELDS = st.sampled_from([
    "depends", "constrains", "extra_depends", "flags", "indexed_timestamp", "attestations",
    "track_features", "timestamp", "license", "noarch", "invented",
])  # fmt: skip
RECORDS = st.one_of(
    st.just({}),
    st.just(RICH),
    st.dictionaries(FIELDS, VALUES.filter(lambda value: not _is_huge(value)), max_size=4),
)
ARTIFACTS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["1.0", "2.0"]), st.sampled_from("xy")),
    st.tuples(
        st.sampled_from([".conda", ".tar.bz2"]),
        st.sampled_from(["old", "v3", "both"]),
        RECORDS,
        RECORDS,
    ),
    min_size=1,
    max_size=6,
)


def _is_huge(value: Any) -> bool:
    return isinstance(value, dict) and any(number >= 2**64 for number in value.values())


@given(st.lists(ARTIFACTS, min_size=1, max_size=2))
def test_whatever_is_mixed(states: list[dict[Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        indexed = mirror(Path(folder))
        before: set[str] = set()
        for state in states:
            expected = commit(indexed.committed, state, before)
            indexed.index()
            check(indexed, expected)
            before = {filename_of(*one) for one in expected}


def commit(committed: CommittedMirror, state: dict[Any, Any], before: set[str]) -> Listed:
    """Let upstream list this, and nothing else; return its records."""
    expected: Listed = {}
    committed.retire(SUBDIR, *before)
    for (name, version, build), (extension, where, first, second) in state.items():
        one = package(name, version, build=build, extension=extension)
        filename = one.filename
        section_of = v3_section_of if where == "v3" else old_section_of
        record, twin = {**one.record, **first}, {**one.record, **second}
        twins = {filename: twin} if where == "both" else {}
        committed.commit_records(SUBDIR, {filename: record}, section_of=section_of, twins=twins)
        expected[section_of(filename), _key(section_of(filename), filename)] = record
        if twins:
            section = v3_section_of(filename)
            expected[section, _key(section, filename)] = twin
    return expected


def _key(section: str, filename: str) -> str:
    return filename.removesuffix(V3_SECTIONS[section]) if section in V3_SECTIONS else filename
