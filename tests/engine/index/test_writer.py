"""Our own writer against `conda index`: the same committed records, the same documents."""

import bz2
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from benchmarks.support.seeded import Seeded
from indexer.base.matchspec import MalformedError, parse, version_order
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, unpack, volumes
from tests.support.upstream.packages import Record, package
from volume.sections import v3_section_of

SUBDIR = "linux-64"
INDEX = "repodata_shards.msgpack.zst"
Prepare = Callable[[CommittedMirror], None]


def index_both_ways(conda_exe: Path, folder: Path, *steps: Prepare) -> tuple[Path, Path]:
    """Index what each step commits; return the last generation of the engine, and ours."""
    made = []
    now = time.time()  # one for both: local packages say since when they are published
    for engine in ("conda-index", "own"):
        committed = CommittedMirror.below(folder / engine)
        mirror, state = committed.mirror, committed.state
        indexed = IndexedMirror(
            committed, volumes(mirror, state, conda_exe, engine=engine, clock=lambda: now)
        )
        for step in steps:
            step(committed)
            assert indexed.index(later=LATER).is_new
        made.append(indexed.current)
    assert json.loads((made[1] / ".generation.json").read_bytes())["engine"] == "own writer"
    return made[0], made[1]


def check_equal(engine: Path, own: Path, *, same_bytes: bool = True) -> None:
    """Every document that clients read is the same."""
    subdirs = {path.name for path in engine.iterdir() if path.is_dir()}
    assert subdirs == {path.name for path in own.iterdir() if path.is_dir()}
    assert load(engine / "channeldata.json") == load(own / "channeldata.json")
    for subdir in sorted(subdirs):
        theirs, ours = engine / subdir, own / subdir
        names = {path.name for path in theirs.iterdir() if len(path.stem) < 60}
        assert names == {p.name for p in ours.iterdir() if len(p.stem) < 60}
        for name in ("repodata.json", "run_exports.json", "current_repodata.json"):
            assert load(theirs / name) == load(ours / name), f"{subdir}/{name}"
            if same_bytes:
                assert (theirs / name).read_bytes() == (ours / name).read_bytes()
        assert shards(theirs) == shards(ours)


def load(path: Path) -> Any:
    return json.loads(path.read_bytes())


def shards(folder: Path) -> dict[str, Any]:
    """The shards' index and, by name, the bytes that are packed into each."""
    index = msgpack.unpackb(unpack((folder / INDEX).read_bytes()))
    del index["info"]["created_at"]
    index["shards"] = {
        name: unpack((folder / f"{digest.hex()}.msgpack.zst").read_bytes())
        for name, digest in index["shards"].items()
    }
    found: dict[str, Any] = index
    return found


def records_of(path: Path) -> dict[str, Record]:
    """A real repodata's records, with sizes that a disk full of holes can have."""
    data = path.read_bytes()
    document = json.loads(unpack(data) if path.suffix == ".zst" else bz2.decompress(data))
    return {
        filename: {**record, "size": record.get("size", 1000)}
        for section in ("packages", "packages.conda")
        for filename, record in document.get(section, {}).items()
    }


def test_77_real_packages(realdata: Path, conda_exe: Path, tmp_path: Path) -> None:
    def commit(committed: CommittedMirror) -> None:
        for folder in sorted((realdata / "upstream" / "conda-forge").iterdir()):
            committed.commit_folder(folder)

    check_equal(*index_both_ways(conda_exe, tmp_path, commit))


@pytest.mark.parametrize(
    ("folder", "subdir"), [("conda-forge-2017-12", "linux-64"), ("composite", "noarch")]
)
def test_real_repodata(
    realdata: Path, conda_exe: Path, tmp_path: Path, folder: str, subdir: str
) -> None:
    (path,) = (realdata / "repodata" / folder / subdir).iterdir()
    records = records_of(path)
    assert len(records) > 20_000
    engine, own = index_both_ways(
        conda_exe, tmp_path, lambda committed: _(committed.commit_records(subdir, records))
    )
    # conda-index takes .tar.bz2 in no order, so its channeldata differs from run to run.
    theirs, ours = (load(made / "channeldata.json") for made in (engine, own))
    assert theirs["packages"].keys() == ours["packages"].keys()
    steady = ("version", "subdirs", "run_exports")
    for name, entry in theirs["packages"].items():
        assert [entry[key] for key in steady] == [ours["packages"][name][key] for key in steady]
    for made in (engine, own):
        (made / "channeldata.json").write_text("{}")
    check_equal(engine, own)


def odd_records() -> Iterator[tuple[str, Record]]:
    """What upstreams have among a million records."""
    a, old = package("a").record, package("a", "0.9").record
    yield "a-1.0-0.conda", {**a, "legacy_bz2_md5": "0" * 32, "track_features": "x", "features": "y"}
    yield "a-1.0-0.tar.bz2", package("a", extension=".tar.bz2").record
    yield "a-0.9-0.conda", {**old, "depends": ["gone >=9"]}
    newer = package("b", "2.0.1").record
    yield "b-2.0.1-0.conda", {**newer, "depends": ["c >=1,<2", "a 0.9.*", "a"], "revoked": True}
    yield "b-2.0-0.conda", {**package("b", "2.0").record, "summary": "two\nlines", "subdirs": []}
    c = package("c", "2.0", build="py_1", build_number=1, extension=".tar.bz2").record
    yield "c-2.0-py_1.tar.bz2", {key: c[key] for key in c if key not in {"subdir", "timestamp"}}
    yield "c-1.5-0.conda", {**package("c", "1.5").record, "noarch": "python", "md5": "A" * 32}
    yield "c-1.5.0-0.conda", {**package("c", "1.5.0").record, "license": "ü \u2028", "size": 7}
    d = package("d", "1!1.0_", subdir="linux-64").record
    yield (
        "d-1!1.0_-0.conda",
        {**d, "depends": ["c[version='1.5',build=0]", "other::a", "b ~=2.0.0"]},
    )
    yield "d-1.0.post1-0.conda", package("d", "1.0.post1").record


def test_odd_records_and_all_that_changes(conda_exe: Path, tmp_path: Path) -> None:
    records = dict(odd_records())

    def begin(committed: CommittedMirror) -> None:
        committed.commit_records(SUBDIR, records)
        committed.commit_records("noarch", {"n-1-0.conda": package("n", "1").record})
        committed.give_run_exports(
            SUBDIR, {"a-1.0-0.conda": {"weak": ["a"]}, "b-2.0-0.conda": {"strong": ["b 2"]}}
        )
        committed.carry(
            SUBDIR,
            {
                "removed": json.dumps(["gone-1-0.conda"]),
                "signatures": json.dumps({"a-1.0-0.conda": {"k": "s"}, "c-2.0-py_1.tar.bz2": {}}),
                "info.created_at": json.dumps("2026-01-01"),
                "news": json.dumps({"deep": [1]}),
            },
        )

    def change(committed: CommittedMirror) -> None:
        committed.retire(SUBDIR, "c-2.0-py_1.tar.bz2", "d-1!1.0_-0.conda")
        committed.hotfix(SUBDIR, "a-1.0-0.conda", {**records["a-1.0-0.conda"], "depends": ["c <2"]})
        committed.commit_records(SUBDIR, {"e-1-0.conda": package("e", "1").record})
        given = {"a-1.0-0.conda": {"weak": ["a 2"]}, "e-1-0.conda": {"noarch": ["e"]}}
        committed.give_run_exports(SUBDIR, given)

    def add_local(committed: CommittedMirror) -> None:
        committed.add_local(package("ours", run_exports={"weak": ["ours"]}))
        committed.add_local(package("a", "3.0", subdir="noarch"))

    # Each step again from nothing: what is carried over must not differ from what is made anew.
    steps = (begin, change, add_local)
    for count in range(1, len(steps) + 1):
        engine, own = index_both_ways(conda_exe, tmp_path / str(count), *steps[:count])
        # conda-index keeps people's own records as they are in their packages, keys in any order.
        check_equal(engine, own, same_bytes=add_local not in steps[:count])


def test_records_of_revision_3_are_added(conda_exe: Path, tmp_path: Path) -> None:
    rich = {
        "flags": ["x"],
        "indexed_timestamp": 7,
        "depends": ['b[version=">=1",when="__unix"]'],
        "ü": None,
    }

    def begin(committed: CommittedMirror) -> None:
        old = {f"{name}-1.0-0.conda": package(name).record for name in "abc"}
        twins = {"b-1.0-0.conda": {**package("b").record, **rich}}
        committed.commit_records(SUBDIR, old, twins=twins)
        v3 = {
            **{f"c-{n}.0-0.conda": {**package("c", f"{n}.0").record, **rich} for n in (1, 2, 3)},
            "d-1.0-0.tar.bz2": package("d", extension=".tar.bz2").record,
            "d-1.0-0.b.conda": {**package("d", build="0.b").record, "depends": ["c <2"]},
        }
        del v3["c-1.0-0.conda"]
        committed.commit_records(SUBDIR, v3, section_of=v3_section_of)
        committed.commit_records("noarch", {"n-1-0.conda": rich_noarch}, section_of=v3_section_of)
        committed.give_run_exports(SUBDIR, {"c-2.0-0.conda": {"weak": ["c"]}})
        committed.carry(
            SUBDIR,
            {
                "info.channel_relations": '{"base": "../upstream"}',
                "info.repodata_revisions": '{"v3": {"message": "m", "n_packages": 1}}',
                "a": "1",
                "z": "2",
            },
        )

    def change(committed: CommittedMirror) -> None:
        committed.retire(SUBDIR, "c-2.0-0.conda", "b-1.0-0.conda")
        committed.commit_records(
            SUBDIR, {"a-1.0-0.conda": package("a").record}, section_of=v3_section_of
        )

    rich_noarch = {**package("n", "1", subdir="noarch").record, **rich}
    for count, steps in enumerate([(begin,), (begin, change)]):
        engine, own = index_both_ways(conda_exe, tmp_path / str(count), *steps)
        check_equal(engine, own)
        assert load(engine / SUBDIR / "repodata.json")["v3"]["conda"].keys() >= {"c-3.0-0"}
        if count == 0:
            assert json.loads((engine / ".generation.json").read_bytes())["engine"] != "own writer"
            index = msgpack.unpackb(unpack((engine / SUBDIR / INDEX).read_bytes()))
            named = {f"{digest.hex()}.msgpack.zst" for digest in index["shards"].values()}
            assert {p.name for p in (engine / SUBDIR).iterdir() if len(p.stem) > 60} == named


def test_a_channel_of_revision_3_alone(conda_exe: Path, tmp_path: Path) -> None:
    def begin(committed: CommittedMirror) -> None:
        records = {f"{name}-1.0-0.conda": package(name).record for name in "ab"}
        committed.commit_records(SUBDIR, records, section_of=v3_section_of)

    def leave(committed: CommittedMirror) -> None:
        committed.commit_records(SUBDIR, {"c-1.0-0.conda": package("c").record})
        committed.retire(SUBDIR, "a-1.0-0.conda", "b-1.0-0.conda")

    for count, steps in enumerate([(begin,), (begin, leave)]):
        engine, own = index_both_ways(conda_exe, tmp_path / str(count), *steps)
        check_equal(engine, own)
        written_by = json.loads((engine / ".generation.json").read_bytes())["engine"]
        assert written_by != "own writer"
        document = load(engine / SUBDIR / "repodata.json")
        assert ("v3" in document) == (steps == (begin,))


def test_nothing_is_decoded_that_did_not_change(
    conda_exe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = CommittedMirror.below(tmp_path)
    made = volumes(committed.mirror, committed.state, conda_exe, engine="own", clock=time.time)
    indexed = IndexedMirror(committed, made)
    committed.commit(package("a"), package("b"), package("b", "2.0"))
    indexed.index()
    before = {path.name: path.stat().st_ino for path in (indexed.current / SUBDIR).iterdir()}
    packed: list[list[str]] = []
    pack = _pack()

    def noting(records: Any) -> tuple[str, bytes]:
        records = list(records)
        packed.append([filename for _, filename, _, _ in records])
        return pack(records)

    monkeypatch.setattr("indexer.generations.shards.pack", noting)
    committed.commit(package("c"))
    indexed.index()
    assert packed == [["c-1.0-0.conda"]]
    after = {path.name: path.stat().st_ino for path in (indexed.current / SUBDIR).iterdir()}
    kept = {name for name in before if len(name) > 60}
    assert len(kept) == 2
    assert all(after[name] == before[name] for name in kept)


@pytest.mark.parametrize("v3", [0.0, 0.33])
def test_days_of_changes_end_where_a_cold_run_does(
    conda_exe: Path, tmp_path: Path, v3: float
) -> None:
    committed = CommittedMirror.below(tmp_path)
    seeded = Seeded(committed, v3)
    seeded.fill(1500)

    def index(engine: str) -> dict[str, bytes]:
        mirror, state = committed.mirror, committed.state
        made = volumes(mirror, state, conda_exe, engine=engine, clock=time.time)
        indexed = IndexedMirror(committed, made)
        assert indexed.index().is_new
        folders = [indexed.current / subdir for subdir in ("linux-64", "noarch")]
        names = ("repodata.json", "current_repodata.json", "run_exports.json")
        found = {
            f"{one.name}/{name}": (one / name).read_bytes() for one in folders for name in names
        }
        contents = {one.name: json.dumps(shards(one), default=bytes.hex) for one in folders}
        return {**found, **{subdir: text.encode() for subdir, text in contents.items()}}

    index("own")
    for _ in range(3):
        seeded.spend_a_day()
        step_by_step = index("own")
    for engine in ("own", "conda-index"):
        for path in (
            committed.mirror.index(committed.channel),
            committed.state.engine(committed.channel),
        ):
            shutil.rmtree(path)
        assert index(engine) == step_by_step


def _pack() -> Callable[[Any], tuple[str, bytes]]:
    from indexer.generations import shards as module

    return module.pack


def _(_: object) -> None:
    """Make a statement of a value."""


# -- conda's own order and constraints ----------------------------------------------------------

_ORDER = """
import json, sys
from conda.models.version import VersionOrder
found = []
for text in json.load(sys.stdin):
    try:
        found.append((VersionOrder(text), text))
    except Exception:
        found.append((None, text))
known = sorted((one for one in found if one[0] is not None), key=lambda one: (one[0], one[1]))
groups = []
for one in known:
    if groups and groups[-1][0][0] == one[0]:
        groups[-1].append(one)
    else:
        groups.append([one])
print(json.dumps([[text for _, text in group] for group in groups]))
"""

_MATCH = """
import json, sys
from conda.models.match_spec import MatchSpec
found = {}
for text, builds in json.load(sys.stdin).items():
    try:
        spec = MatchSpec(text)
        found[text] = [spec.match({
            "name": name, "version": version, "build": build, "build_number": number,
            "channel": "https://mirror.invalid/dummy/linux-64",
        }) for name, version, build, number in builds]
    except Exception:
        found[text] = None
print(json.dumps({text: one and list(map(bool, one)) for text, one in found.items()}))
"""


def ask_conda(conda_exe: Path, program: str, question: object) -> Any:
    done = subprocess.run(
        [conda_exe.parent / "python", "-c", program],
        input=json.dumps(question), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def real_records(realdata: Path) -> list[Record]:
    paths = sorted((realdata / "repodata").glob("co*/*/repodata.json.*"))
    return [record for path in paths for record in records_of(path).values()]


def test_versions_have_condas_order(conda_exe: Path, real_records: list[Record]) -> None:
    texts = sorted({str(record["version"]) for record in real_records})
    texts += [
        "1.0", "1.0.0", "1.1.a1", "1.1.0a1", "1.0.1_", "1.0.1a", "1!0", "0.5C1", "0.5c1", "1.0dev",
        "1.0post1", "1.0+local.1", "1.0+local", "1-2", "", "1..2", "a!1", "1!!2",
    ]  # fmt: skip
    expected = ask_conda(conda_exe, _ORDER, texts)
    known = []
    for text in texts:
        try:
            known.append((version_order(text), text))
        except MalformedError:
            continue
    known.sort()
    groups: list[list[str]] = []
    for number, (order, text) in enumerate(known):
        if number and known[number - 1][0] == order:
            groups[-1].append(text)
        else:
            groups.append([text])
    assert len(texts) > 5000
    assert groups == expected


def test_dependencies_mean_what_conda_says(conda_exe: Path, real_records: list[Record]) -> None:
    builds: dict[str, list[tuple[str, str, str, int]]] = {}
    for record in real_records:
        one = (record["name"], record["version"], record["build"], record["build_number"])
        builds.setdefault(record["name"], []).append(one)
    found = {text for record in real_records for text in record.get("depends", ())}
    texts = sorted(found)
    texts += [
        "numpy", "numpy=1.1", "numpy ==1.13.1", "numpy=1.13.1=py27_0", "numpy 1.13.*|1.12.*",
        "numpy >=1.11 , <1.13 py27*", "numpy !=1.13.*", "numpy ~=1.11.0",
        "numpy[version='>=1.13']",
        "numpy[build=py27_0]", "numpy (>=1.9)", "x::numpy", "numpy 1.1*.1",
        "numpy ^1\\.1\\d\\..*$", "NumPy >=1.9", "numpy[build_number='>=1']",
        "numpy >=1.9 # comment",
        "numpy (1.9|>1.12),<2",
    ]  # fmt: skip
    asked: dict[str, list[tuple[str, str, str, int]]] = {}
    for text in texts:
        known = builds.get(text.split("[")[0].split(" ")[0].lower(), builds["numpy"])
        asked[text] = known[:: max(1, len(known) // 5)]
    expected = ask_conda(conda_exe, _MATCH, asked)
    assert len(texts) > 3000
    for text, verdicts in expected.items():
        if verdicts is None:
            with pytest.raises(MalformedError):
                _fits(text, asked[text])
        else:
            assert _fits(text, asked[text]) == verdicts, text


def _fits(text: str, builds: list[tuple[str, str, str, int]]) -> list[bool]:
    wanted = parse(text)
    return [wanted.fits(*build) for build in builds]
