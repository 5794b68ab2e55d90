"""Records of revision 3 are published as upstream has them, in every variant (CEP 48)."""

import bz2
import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.base.repodata import records_in
from indexer.generations import chosen, difference, shards
from indexer.ops import commands
from indexer.site.search import SearchWriter
from syncer.artifacts.ledger_writer import LedgerWriter
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, unpack, volumes
from tests.support.upstream.packages import Record, package
from volume.generations import Generation
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


def test_what_can_not_be_held_costs_its_artifact(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    committed = indexed.committed
    names = ["a", "b", "c", "d"]
    records = {f"{name}-1.0-0.conda": package(name).record for name in names}
    twins = {filename: {**record, **RICH} for filename, record in records.items()}
    committed.commit_records(SUBDIR, records, twins=twins)
    for filename, text in (
        ("b-1.0-0.conda", "{no json"),
        ("c-1.0-0.conda", json.dumps({**twins["c-1.0-0.conda"], "n": 10**30})),
        ("d-1.0-0.conda", "[" * 100_000),
    ):
        _say_of_twin(committed, filename, text)
    outcome = indexed.index()
    assert outcome.exit_code == 3
    assert outcome.generation is not None
    assert {one.filename for one in outcome.generation.left_out} == {
        "b-1.0-0.conda", "c-1.0-0.conda", "d-1.0-0.conda",
    }  # fmt: skip
    check(
        indexed,
        {
            ("packages.conda", "a-1.0-0.conda"): records["a-1.0-0.conda"],
            ("v3.conda", "a-1.0-0"): twins["a-1.0-0.conda"],
        },
    )
    published = outcome.generation.subdirs[SUBDIR]
    assert (published.records, published.artifacts) == (2, 1)
    assert published.size == records["a-1.0-0.conda"]["size"]


def test_a_damaged_twin_is_left_out_and_named(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    committed = indexed.committed
    record = package("a").record
    twin = {**record, **RICH}
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": record}, twins={"a-1.0-0.conda": twin})
    committed.commit_records(SUBDIR, {"b-1.0-0.conda": package("b").record})
    with sqlite3.connect(committed.state.ledger(committed.channel)) as ledger:
        ledger.execute("UPDATE artifact SET twin = replace(twin, 'cuda', 'cudb')")
    outcome = indexed.index()
    assert outcome.generation is not None
    (one,) = outcome.generation.left_out
    assert (one.filename, one.is_damaged) == ("a-1.0-0.conda", True)
    assert outcome.generation.subdirs[SUBDIR].records == 1


def test_a_twin_of_another_name_is_in_the_shard_of_that_name(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    record = package("a").record
    twin = {**record, "name": "z"}
    committed = indexed.committed
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": record}, twins={"a-1.0-0.conda": twin})
    indexed.index()
    check(indexed, {("packages.conda", "a-1.0-0.conda"): record, ("v3.conda", "a-1.0-0"): twin})
    assert set(shards.read_index(indexed.current / SUBDIR).shards) == {"a", "z"}


def test_generations_before_and_after_stand_side_by_side(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    committed = indexed.committed
    record = package("a").record
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": record})
    committed.commit_records(SUBDIR, {"b-1.0-0.conda": package("b").record})
    first = indexed.index().generation
    path = committed.mirror.generation_document(committed.channel, 1)
    document = json.loads(path.read_bytes())
    for counts in document["subdirs"].values():
        del counts["twins"]  # as 0.1.0 wrote it
    path.write_text(json.dumps(document))
    before = (indexed.current / SUBDIR / "repodata.json").read_bytes()
    assert not indexed.index().is_new  # nothing changed for clients
    rich = {**record, **RICH}
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": record}, twins={"a-1.0-0.conda": rich})
    second = indexed.index().generation
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": record})
    third = indexed.index().generation
    assert first is not None and second is not None and third is not None
    kept = committed.mirror.generation(committed.channel, 1) / SUBDIR / "repodata.json"
    assert kept.read_bytes() == before

    def compare(older: Generation, newer: Generation) -> difference.Difference:
        found = difference.compare(committed.mirror, committed.channel, older, newer)
        return {one.subdir: one for one in found}[SUBDIR]

    added = compare(first, second)
    assert (added.added, added.removed, added.changed) == (("v3/a-1.0-0.conda",), (), ())
    assert added.same == 2
    assert compare(second, third).removed == ("v3/a-1.0-0.conda",)
    assert compare(first, third).same == 2
    assert compare(first, first).same == 2
    assert (second.subdirs[SUBDIR].records, second.subdirs[SUBDIR].artifacts) == (3, 2)
    rolled = chosen.rollback(indexed.volumes, committed.channel, to=2)
    assert rolled.number == second.number
    check(
        indexed,
        {
            ("packages.conda", "a-1.0-0.conda"): record,
            ("packages.conda", "b-1.0-0.conda"): package("b").record,
            ("v3.conda", "a-1.0-0"): rich,
        },
    )


def test_people_are_told_of_artifacts_machines_of_records_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    indexed = mirror(tmp_path)
    committed = indexed.committed
    a = package("a").record
    committed.commit_records(SUBDIR, {"a-1.0-0.conda": a}, twins={"a-1.0-0.conda": {**a, **RICH}})
    indexed.index()
    for command in (commands.status, commands.generations):
        command(indexed.volumes, None, as_json=False)
        assert "1 packages" in capsys.readouterr().out
    commands.status(indexed.volumes, None, as_json=True)
    (row,) = json.loads(capsys.readouterr().out)["channels"]
    assert (row["artifacts"], row["records"]) == (1, 2)


def test_the_search_knows_artifacts_of_revision_3(tmp_path: Path) -> None:
    indexed = mirror(tmp_path)
    committed = indexed.committed
    a, b = package("a").record, package("b").record
    committed.commit_records(
        SUBDIR, {"a-1.0-0.conda": a}, twins={"a-1.0-0.conda": {**a, "license": "twins"}}
    )
    committed.commit_records(SUBDIR, {"b-1.0-0.conda": b}, section_of=v3_section_of)
    generation = indexed.index().generation
    assert generation is not None
    mirror_, state, channel = committed.mirror, committed.state, committed.channel
    made = SearchWriter(mirror_, state, channel, generation, lambda: None).update(None, now=0.0)
    folder = mirror_.search(channel)
    names = json.loads((folder / made.file).read_bytes())
    assert (names["names"], names["builds"]) == (["a", "b"], [1, 1])
    entries = {
        name: entry
        for path in folder.glob("bucket-*")
        for name, entry in json.loads(path.read_bytes())["names"].items()
    }
    assert {name: [build[:6] for build in entry["builds"]] for name, entry in entries.items()} == {
        "a": [["1.0", "0", SUBDIR, ".conda", a["size"], "MIT"]],
        "b": [["1.0", "0", SUBDIR, ".conda", b["size"], "MIT"]],
    }


def _say_of_twin(committed: CommittedMirror, filename: str, text: str) -> None:
    """Give a committed artifact any text as its second record."""

    def action(ledger: LedgerWriter, serial: int) -> None:
        before = ledger.artifact(SUBDIR, filename)
        assert before is not None
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        ledger.update_records([replace(before, twin=text, digest=digest)], serial, moment=0.0)

    committed.change(action)


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


# -- what upstream says in info --------------------------------------------------------------------

JSON = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
SAID = st.dictionaries(
    st.sampled_from(["message", "n_packages", "oldest", "newest", "url", "packages", "x"]), JSON
)
REVISIONS = JSON | st.dictionaries(
    st.sampled_from(["v3", "v4", "v2", "v10", "", "packages"]), SAID | JSON, max_size=3
)
PATHS = st.lists(
    st.sampled_from(["..", "a", "conda-forge", "", ".", "noarch", "https:", "%2e%2e", "x y"]),
    max_size=5,
).map("/".join)
RELATIONS = JSON | st.dictionaries(st.sampled_from(["base", "overrides", "url"]), PATHS | JSON)


@given(REVISIONS, RELATIONS, st.booleans())
def test_whatever_upstream_says_in_info_is_published_or_left_out(
    revisions: Any, relations: Any, has_v3: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        indexed = mirror(Path(folder))
        committed, record = indexed.committed, package("a").record
        section_of = v3_section_of if has_v3 else old_section_of
        committed.commit_records(SUBDIR, {"a-1.0-0.conda": record}, section_of=section_of)
        committed.carry(
            SUBDIR,
            {
                "info.repodata_revisions": json.dumps(revisions),
                "info.channel_relations": json.dumps(relations),
            },
        )
        assert indexed.index().is_new
        document = indexed.repodata(SUBDIR)
        assert list(listed(document).values()) == [record]
        info = document["info"]
        for name, said in info.get("repodata_revisions", {}).items():
            assert said["n_packages"] == (1 if has_v3 and name == "v3" else 0)
            assert not {"oldest", "newest"} & said.keys()
        for reference in info.get("channel_relations", {}).values():
            assert reference.startswith("../")
            where = urljoin("https://here.invalid/conda-forge/", reference)
            assert where.startswith("https://here.invalid/")
        index = shards.read_index(indexed.current / SUBDIR).info
        for key in ("repodata_revisions", "channel_relations"):
            assert index.get(key) == info.get(key)
