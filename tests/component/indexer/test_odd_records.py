"""Whatever one record holds, the rest of the channel is published with every output."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.generations import shards
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, volumes
from tests.support.upstream.packages import Record, package
from volume import generations

SUBDIR = "linux-64"
DOCUMENTS = ["repodata.json", "current_repodata.json", "run_exports.json"]
FIELDS = [
    "arch", "attestations_sha256", "build", "build_number", "constrains", "depends",
    "extra_depends", "features", "flags", "fn", "legacy_bz2_md5", "license", "license_family",
    "md5", "name", "noarch", "platform", "purls", "python_site_packages_path", "requires",
    "run_exports", "sha256", "size", "source", "subdir", "summary", "tags", "timestamp",
    "track_features", "url", "version", "home", "description", "identifiers", "icon_url",
    "binary_prefix", "pre_link", "invented",
]  # fmt: skip

TEXTS = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from([
        "<img x>", "\ud800", "\0", "1.0", "a >=1", "javascript:alert(1)", "x" * 300, "*", " ",
        "a " + "(" * 2000 + "1" + ")" * 2000, "b " + "*a" * 14 + "*b", "b * ^(a+)+\\1$", "1" * 5000,
    ]),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(),
    st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**30, 1_700_000_000_000_000_000, -62135596801]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@dataclass(frozen=True)
class Raw:
    """A value that Python does not write as JSON."""

    text: str


def written(record: Record, field: str, value: Any) -> str:
    if isinstance(value, Raw):
        return json.dumps({**record, field: "@"}).replace('"@"', value.text)
    return json.dumps({**record, field: value})


def refuse_constant(text: str) -> Any:
    raise AssertionError(f"{text} is no JSON")


def check(folder: Path, odd: list[tuple[str, Any]], conda: Path | str, engine: str) -> set[str]:
    """Publish records each of which has one odd field; return the filenames left out."""
    committed = CommittedMirror.below(folder)
    good = {f"{name}-1.0-0.conda": package(name).record for name in ("a", "b")}
    committed.commit_records(SUBDIR, good)
    texts: dict[str, str] = {}
    for number, (field, value) in enumerate(odd):
        record = package(f"odd{number}").record
        filename = f"odd{number}-1.0-0.conda"
        committed.commit_records(SUBDIR, {filename: record})
        texts[filename] = written(record, field, value)
        committed.say(SUBDIR, filename, texts[filename])
    clock = lambda: 1_800_000_000.0  # noqa: E731 - a clock that stands
    made = volumes(committed.mirror, committed.state, conda, engine=engine, clock=clock)
    indexed = IndexedMirror(committed, made)
    assert indexed.index(later=LATER).is_new

    (generation,) = generations.kept(committed.mirror, committed.channel)
    left_out = {one.filename for one in generation.left_out}
    assert not left_out & good.keys()
    assert all(one.reason and not one.is_damaged for one in generation.left_out)
    listed = (good.keys() | texts.keys()) - left_out
    assert generation.subdirs[SUBDIR].records == len(listed)
    for subdir in (SUBDIR, "noarch"):
        for name in DOCUMENTS:
            assert (indexed.current / subdir / name).is_file(), name
            assert (indexed.current / subdir / f"{name}.zst").is_file()
    found = {
        name: json.loads(
            (indexed.current / SUBDIR / name).read_bytes(), parse_constant=refuse_constant
        )
        for name in DOCUMENTS
    }
    for filename in good:
        for name in DOCUMENTS:
            assert filename in found[name]["packages.conda"], (name, filename)
    records = found["repodata.json"]["packages.conda"]
    assert records.keys() == listed
    for filename in texts.keys() - left_out:
        expected = json.loads(texts[filename])
        here = {"url": filename} if "url" in expected else {}
        assert records[filename] == {**expected, **here}
    index = shards.read_index(indexed.current / SUBDIR)
    in_shards = {
        filename
        for digest in index.shards.values()
        for filename in shards.read(indexed.current / SUBDIR, digest, check_hash=True)[
            "packages.conda"
        ]
    }
    assert in_shards == listed
    entries = json.loads((indexed.current / "channeldata.json").read_bytes())["packages"]
    assert {"a", "b"} <= entries.keys()
    assert not list(indexed.current.rglob("index.html"))
    return left_out


@given(st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), min_size=1, max_size=6))
@example([("timestamp", "now"), ("timestamp", 10**18), ("timestamp", -(10**12))])
@example([("depends", ["<img x>"]), ("depends", 5), ("features", None)])
@example([("name", None), ("name", 7), ("version", ["1"]), ("build_number", float("inf"))])
@example([("sha256", "A"), ("md5", "AB"), ("sha256", "Zz" * 32), ("md5", "\u0130"), ("md5", "")])
@example([("license", Raw("[" * 400 + "]" * 400)), ("size", Raw("1" * 5000))])
def test_any_field_of_any_type(odd: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), odd, "no-conda-is-needed", "own")


@pytest.mark.parametrize(
    ("field", "value"), [("size", 2**64), ("fn", "\ud800"), ("timestamp", float("nan")),
                         ("tags", Raw("[" * 100 + "]" * 100)), ("name", None),
                         ("tags", Raw("[" * 2000 + "]" * 2000)), ("size", Raw("1e999")),
                         ("size", Raw("1" * 5000)), ("size", Raw("{")),
                         ("invented", Raw('1,"name":"another"'))],
)  # fmt: skip
def test_what_no_document_can_hold_is_left_out_and_named(
    field: str, value: Any, tmp_path: Path
) -> None:
    assert check(tmp_path, [(field, value)], "no-conda-is-needed", "own") == {"odd0-1.0-0.conda"}
