"""The walk: it arrives only where the document is what it must be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.base.repodata import records_in
from indexer.engines.envelope import frame
from indexer.engines.revisions import Tally
from indexer.engines.sections import Sections, compacted
from indexer.verify.walk import Walk
from volume.sections import V3_SECTIONS, filename_of, key_of, old_section_of, v3_section_of

Values = dict[str, Any]
RECORDS: Values = {
    "a-1-0.conda": {"name": "a", "text": 'quoted "packages.conda":{ }', "n": 1.5},
    "a-1-0.tar.bz2": {"name": "a", "none": None, "ü": "\u2028"},
    "b-1-0.conda": {"deep": {"packages": {"x": [1, 2]}}},
}
AROUND: Values = {"info": {"subdir": "noarch"}, "removed": ["x"], "repodata_version": 1}


def place_of(name: str) -> tuple[str, str]:
    """Section and key of a filename, or of one after `v3/`."""
    filename = name.removeprefix("v3/")
    section = v3_section_of(filename) if name != filename else old_section_of(filename)
    return section, key_of(section, filename)


def listed(document: Values) -> Values:
    """All records by the names that `place_of` takes."""
    return {
        ("v3/" if section in V3_SECTIONS else "") + filename_of(section, key): record
        for section, key, record in records_in(document)
    }


def arrives(path: Path, records: Values) -> bool:
    with Walk(path, lambda found, expected: bool(found == expected)) as walk:
        for name in sorted(records):
            walk.step(*place_of(name), json.dumps(records[name]))
        return walk.has_arrived


def write(path: Path, records: Values) -> None:
    tally = Tally(sum(name.startswith("v3/") for name in records))
    document = Sections(path)
    with document.opened(lambda: frame(AROUND, tally)):
        for name in sorted(records):
            document.add(*place_of(name), compacted(json.dumps(records[name])))


def test_what_sections_wrote_is_arrived_at(tmp_path: Path) -> None:
    path = tmp_path / "repodata.json"
    write(path, RECORDS)
    document = json.loads(path.read_bytes())
    assert document == {
        **AROUND,
        "packages": {"a-1-0.tar.bz2": RECORDS["a-1-0.tar.bz2"]},
        "packages.conda": {key: RECORDS[key] for key in ("a-1-0.conda", "b-1-0.conda")},
    }
    assert [item.name for item in tmp_path.iterdir()] == ["repodata.json"]
    with Walk(path, lambda found, expected: bool(found == expected)) as walk:
        for name in sorted(RECORDS):
            assert walk.step(*place_of(name), json.dumps(RECORDS[name]))
        assert walk.has_arrived
        assert walk.head == {"info": AROUND["info"]}
        assert walk.tail == {"removed": ["x"], "repodata_version": 1}


V3: Values = {
    "v3/a-1-0.conda": {"name": "a", "text": '"v3":{"conda":{ },"tar.bz2":{', "flags": []},
    "v3/c-1-0.conda": {"v3": {"conda": [{}]}},
    "v3/w-1-0.whl": {"text": '},"whl":{ '},
}


def test_sections_of_revision_3_are_walked_too(tmp_path: Path) -> None:
    path = tmp_path / "repodata.json"
    write(path, RECORDS | V3)
    document = json.loads(path.read_bytes())
    assert list(document) == [
        "info", "packages", "packages.conda", "removed", "repodata_version", "v3",
    ]  # fmt: skip
    assert document["v3"] == {
        "conda": {"a-1-0": V3["v3/a-1-0.conda"], "c-1-0": V3["v3/c-1-0.conda"]},
        "tar.bz2": {},
        "whl": {"w-1-0": V3["v3/w-1-0.whl"]},
    }
    assert arrives(path, RECORDS | V3)
    assert not arrives(path, RECORDS)
    assert not arrives(path, {**RECORDS, "v3/a-1-0.conda": V3["v3/a-1-0.conda"]})
    write(path, V3)
    assert arrives(path, V3)
    old = {name.removeprefix("v3/"): V3[name] for name in V3 if name.endswith(".conda")}
    assert not arrives(path, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"whl":{}}}', b'"whl":{"w":{}}}}'),
        (b'"whl":{}}}', b'"whl":{},"z":{"w":{}}}}'),
        (b'"v3":{"conda"', b'"v3":{"a":{},"conda"'),
        (b'"repodata_version":1', b'"packages":{},"repodata_version":1'),
        (b'"tar.bz2":{}', b'"tar.bz2":{"z-1-0":{}}'),
        (b'"whl":{}}}', b'"whl":{}},"v3":{}}'),
        (b'"v3":{"conda":{"a-1-0"', b'"v3":{"conda":{"z-1-0":{},"a-1-0"'),
    ],
)
def test_nothing_hides_in_revision_3(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "r"
    records = {"v3/a-1-0.conda": {"name": "a"}}
    write(path, records)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert not arrives(path, records)


def test_no_records_are_arrived_at(tmp_path: Path) -> None:
    write(tmp_path / "r", {})
    assert arrives(tmp_path / "r", {})
    assert not arrives(tmp_path / "r", RECORDS)


@pytest.mark.parametrize(
    "change",
    [
        lambda records: records.pop("a-1-0.tar.bz2"),
        lambda records: records.pop("b-1-0.conda"),
        lambda records: records.update({"c-1-0.conda": {}}),
        lambda records: records.update({"0-1-0.tar.bz2": {}}),
        lambda records: records["b-1-0.conda"].update({"more": 1}),
        lambda records: records["a-1-0.conda"].update({"n": 1.25}),
        lambda records: records["a-1-0.tar.bz2"].pop("none"),
    ],
)
def test_anything_else_is_not(tmp_path: Path, change: Callable[[Values], object]) -> None:
    records = json.loads(json.dumps(RECORDS))
    change(records)
    write(tmp_path / "r", records)
    assert not arrives(tmp_path / "r", RECORDS)
    assert arrives(tmp_path / "r", records)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"repodata_version":1', b'"repodata_version":1,"packages":{}'),
        (b'"repodata_version":1', b'"packages.conda":{},"repodata_version":1'),
        (b'"repodata_version":1}', b'"repodata_version":1'),
        (b'"repodata_version":1', b'"info":{"subdir":"x"},"repodata_version":1'),
        (b'{"info"', b'{"packages":{"z":1},"info"'),
        (b'},"removed"', b',"z-1-0.conda":{}},"removed"'),
        (b'{"info"', b'["info"'),
    ],
)
def test_nothing_hides_around_the_records(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "r"
    write(path, RECORDS)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert not arrives(path, RECORDS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                f"{begin}{name}-1-0{end}"
                for name in "abc"
                for end in (".conda", ".tar.bz2")
                for begin in ("", "v3/")
            ]
        ),
        st.dictionaries(st.text(max_size=4), VALUES, max_size=4),
    ),
    st.integers(min_value=0),
    st.binary(min_size=1, max_size=2),
)
def test_a_changed_byte_never_passes_for_the_same(
    tmp_path_factory: pytest.TempPathFactory, records: Values, at: int, byte: bytes
) -> None:
    path = tmp_path_factory.mktemp("walk") / "r"
    write(path, records)
    data = path.read_bytes()
    at %= len(data)
    path.write_bytes(data[:at] + byte + data[at + len(byte) :])
    if arrives(path, records):
        document = json.loads(path.read_bytes())
        assert listed(document) == records
