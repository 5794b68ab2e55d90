"""Verification: whatever the engine might get wrong, it is not published."""

import bz2
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from indexer.base.errors import VerificationError
from indexer.engines import complete as completion
from indexer.engines.conda_index.engine import Engine
from indexer.engines.own.writer import Writer, Written
from indexer.generations import shards
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, unpack, volumes
from tests.support.upstream.packages import package
from volume.program.stop import Stop
from volume.sections import v3_section_of

SUBDIR = "linux-64"
SHARDS = "repodata_shards.msgpack.zst"


@pytest.fixture(params=["conda-index", "own"])
def indexed(conda_exe: Path, tmp_path: Path, request: pytest.FixtureRequest) -> IndexedMirror:
    committed = CommittedMirror.below(tmp_path)
    mirror, state = committed.mirror, committed.state
    made = IndexedMirror(
        committed, volumes(mirror, state, conda_exe, engine=request.param, clock=time.time)
    )
    committed.commit(package("a"))
    made.index()
    committed.commit(package("b"))
    return made


Damage = Callable[[Path], None]


def edit_json(name: str, change: Callable[[Any], None]) -> Damage:
    def damage(folder: Path) -> None:
        document = json.loads((folder / name).read_bytes())
        change(document)
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        (folder / name).unlink()
        (folder / name).write_text(text)

    return damage


def edit_shard_index(change: Callable[[Any], None]) -> Damage:
    def damage(folder: Path) -> None:
        document = msgpack.unpackb(unpack((folder / SHARDS).read_bytes()))
        change(document)
        packed = zstandard.ZstdCompressor().compress(msgpack.packb(document))
        (folder / SHARDS).unlink()
        (folder / SHARDS).write_bytes(packed)

    return damage


def truncate_new_shard(folder: Path) -> None:
    for path in folder.glob("?" * 64 + ".msgpack.zst"):
        if path.stat().st_nlink == 1:
            path.write_bytes(path.read_bytes()[:-5])


def exchange_shard(folder: Path) -> None:
    """A whole shard under another's name."""
    one, other = sorted(folder.glob("?" * 64 + ".msgpack.zst"))
    new, old = (one, other) if one.stat().st_nlink == 1 else (other, one)
    new.write_bytes(old.read_bytes())


def set_depends(document: Any) -> None:
    document["packages.conda"]["b-1.0-0.conda"]["depends"] = ["hotfix lost"]


def drop_b(document: Any) -> None:
    del document["packages.conda"]["b-1.0-0.conda"]


def set_run_exports(document: Any) -> None:
    document["packages.conda"]["b-1.0-0.conda"]["run_exports"] = {"weak": ["nobody said so"]}


def add_to_removed(document: Any) -> None:
    document["packages"]["b-1.0-0.tar.bz2"] = document["packages.conda"]["b-1.0-0.conda"]


def add_c(document: Any) -> None:
    document["packages.conda"]["c-1.0-0.conda"] = document["packages.conda"]["b-1.0-0.conda"]


def set_absolute(key: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["info"][key] = "https://elsewhere.invalid/"

    return change


def forget_b(document: Any) -> None:
    del document["shards"]["b"]


CASES: dict[str, tuple[Damage, str]] = {
    "record changed": (edit_json("repodata.json", set_depends), "differs .* in depends"),
    "record missing": (edit_json("repodata.json", drop_b), "lacks 1 artifacts, such as b-1.0"),
    "record added": (edit_json("repodata.json", add_c), "without reason 1 artifacts, such as c-1"),
    "record added in the other section": (
        edit_json("repodata.json", add_to_removed),
        "without reason 1 artifacts, such as b-1.0-0.t",
    ),
    "run_exports changed": (edit_json("run_exports.json", set_run_exports), "has others of b-1.0"),
    "shard truncated": (truncate_new_shard, "does not have the hash in its name"),
    "shard exchanged": (exchange_shard, "does not have the hash in its name"),
    "shard index incomplete": (edit_shard_index(forget_b), "repodata_shards.* lacks 1 artifacts"),
    "shard address": (edit_shard_index(set_absolute("base_url")), "leads clients elsewhere"),
    "shards address": (edit_shard_index(set_absolute("shards_base_url")), "elsewhere"),
    "run_exports incomplete": (edit_json("run_exports.json", drop_b), "run_exports.json lacks 1"),
    "shard index damaged": (lambda folder: _replace(folder / SHARDS, b"x"), "be understood"),
}


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def break_engine(monkeypatch: pytest.MonkeyPatch, damage: Damage) -> None:
    index = Engine.index

    def broken(
        self: Engine, root: Path, output: Path, subdirs: list[str], channel: str, *, records: int
    ) -> None:
        index(self, root, output, subdirs, channel, records=records)
        damage(output / SUBDIR)

    write = Writer.write

    def write_wrongly(self: Writer, now: float) -> Written:
        written = write(self, now)
        damage(self._draft.folder / SUBDIR)
        return written

    monkeypatch.setattr(Engine, "index", broken)
    monkeypatch.setattr(Writer, "write", write_wrongly)


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_index_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    damage, message = CASES[case]
    break_engine(monkeypatch, damage)
    with pytest.raises(VerificationError, match=f"conda-forge/{SUBDIR}: .*{message}"):
        indexed.index()
    check_nothing_happened(indexed)
    monkeypatch.undo()
    assert indexed.index().is_new
    assert len(indexed.records(SUBDIR)) == 2


def lose_twin(document: Any) -> None:
    del document["v3"]["conda"]["d-1.0-0"]


def lose_old(document: Any) -> None:
    del document["packages.conda"]["d-1.0-0.conda"]


def exchange_twins(document: Any) -> None:
    old, new = document["packages.conda"], document["v3"]["conda"]
    old["d-1.0-0.conda"], new["d-1.0-0"] = new["d-1.0-0"], old["d-1.0-0.conda"]


def move(document: Any) -> None:
    document["packages.conda"]["e-1.0-0.conda"] = document["v3"]["conda"].pop("e-1.0-0")


def key_with_extension(document: Any) -> None:
    document["v3"]["conda"]["e-1.0-0.conda"] = document["v3"]["conda"].pop("e-1.0-0")


def add_wheel(document: Any) -> None:
    document["v3"]["whl"] = {"w-1.0": {"name": "w"}}


def add_format(document: Any) -> None:
    document["v3"]["zip"] = {"w-1.0": {"name": "w"}}


def say(*path: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        place = document["info"]
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value

    return change


def forget(key: str) -> Callable[[Any], None]:
    return lambda document: document["info"].pop(key)


V3 = ("repodata_revisions", "v3")
RELATIONS = "channel_relations"
REVISION_3: dict[str, tuple[Damage, str]] = {
    "twin lost": (edit_json("repodata.json", lose_twin), "lacks 1 artifacts, such as d-1.0"),
    "first lost": (edit_json("repodata.json", lose_old), "lacks 1 artifacts, such as d-1.0"),
    "twins exchanged": (edit_json("repodata.json", exchange_twins), "d-1.0-0.conda differs"),
    "moved": (edit_json("repodata.json", move), "lacks 1 artifacts, such as e-1.0"),
    "key": (edit_json("repodata.json", key_with_extension), "lacks 1 artifacts, such as e-1.0"),
    "wheel": (edit_json("repodata.json", add_wheel), "w-1.0.whl"),
    "format": (edit_json("repodata.json", add_format), "a section that nothing is known of"),
    "v3 no map": (edit_json("repodata.json", lambda d: d.update(v3=[])), "no map"),
    "count": (edit_json("repodata.json", say(*V3, "n_packages", value=9)), "revision v3 .9, "),
    "oldest": (edit_json("repodata.json", say(*V3, "oldest", value=9)), "revision v3 .2, 9, "),
    "newest": (edit_json("repodata.json", say(*V3, "newest", value=9)), "revision v3 .2, 7, 9"),
    "no count": (edit_json("repodata.json", forget(V3[0])), "revision v3 .None, "),
    "v4": (
        edit_json("repodata.json", say(V3[0], "v4", value={"n_packages": 1})),
        "revision v4 .1, None",
    ),
    "no revisions": (edit_json("repodata.json", say(V3[0], value=[])), "no map of maps"),
    "message": (edit_json("repodata.json", say(*V3, "message", value=5)), "is no text"),
    "relation": (
        edit_json("repodata.json", say(RELATIONS, "base", value="https://elsewhere.invalid")),
        "channel_relations: .*elsewhere",
    ),
    "index's count": (edit_shard_index(say(*V3, "n_packages", value=9)), "another repodata_rev"),
    "no index's relations": (edit_shard_index(forget(RELATIONS)), "another channel_relations"),
}


@pytest.mark.parametrize("case", REVISION_3)
def test_a_wrong_index_of_revision_3_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    damage, message = REVISION_3[case]
    _commit_revision_3(indexed.committed)
    _damage_all(monkeypatch, damage)
    with pytest.raises(VerificationError, match=f"conda-forge/{SUBDIR}: .*{message}"):
        indexed.index()
    check_nothing_happened(indexed)
    monkeypatch.undo()
    assert indexed.index().is_new


def test_a_wrong_shard_of_revision_3_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit_revision_3(indexed.committed)
    pack = shards.pack

    def pack_wrongly(records: Any) -> tuple[str, bytes]:
        """Each record in the section of the other revision, but for those of revision 1 alone."""
        records = list(records)
        wrong = {"packages.conda": "v3.conda", "v3.conda": "packages.conda"}
        names = {filename for section, filename, _, _ in records if section == "v3.conda"}
        return pack(
            (wrong[section] if filename in names else section, filename, record, exported)
            for section, filename, record, exported in records
        )

    monkeypatch.setattr("indexer.generations.shards.pack", pack_wrongly)
    with pytest.raises(VerificationError, match=f"conda-forge/{SUBDIR}: .*shard"):
        indexed.index()
    check_nothing_happened(indexed)


def _commit_revision_3(committed: CommittedMirror) -> None:
    d, e = package("d").record, package("e").record
    rich = {**d, "flags": ["x"], "indexed_timestamp": 7}
    committed.commit_records(SUBDIR, {"d-1.0-0.conda": d}, twins={"d-1.0-0.conda": rich})
    committed.commit_records(SUBDIR, {"e-1.0-0.conda": e}, section_of=v3_section_of)
    committed.carry(SUBDIR, {"info.channel_relations": '{"base": "../other"}'})


def _damage_all(monkeypatch: pytest.MonkeyPatch, damage: Damage) -> None:
    """After both engines, and what is added to the output of one."""
    complete = completion.complete

    def complete_wrongly(draft: Draft, listing: Listing, stop: Stop) -> None:
        damage(draft.folder / SUBDIR)
        complete(draft, listing, stop)

    monkeypatch.setattr(completion, "complete", complete_wrongly)


@pytest.mark.parametrize("ending", [".zst", ".bz2"])
def test_a_wrong_variant_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    wrong = {".zst": zstandard.ZstdCompressor().compress(b"{}"), ".bz2": bz2.compress(b"{}")}

    def compress(path: Path, wanted: str, threads: int) -> None:
        path.with_name(path.name + wanted).write_bytes(wrong[wanted])

    monkeypatch.setattr("indexer.engines.complete._compress_one", compress)
    with pytest.raises(VerificationError, match="differs from"):
        indexed.index()
    check_nothing_happened(indexed)


def test_a_wrong_current_repodata_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = completion.complete

    def complete_wrongly(draft: Draft, listing: Listing, stop: Stop) -> None:
        complete(draft, listing, stop)
        edit_json("current_repodata.json", set_depends)(draft.folder / SUBDIR)

    monkeypatch.setattr(completion, "complete", complete_wrongly)
    with pytest.raises(VerificationError, match=r"current_.* another record of b-1\.0-0\.conda"):
        indexed.index()
    check_nothing_happened(indexed)


@pytest.mark.parametrize("change", ["missing", "short"])
def test_a_missing_artifact_is_not_published(indexed: IndexedMirror, change: str) -> None:
    path = indexed.committed.artifacts(SUBDIR) / "b-1.0-0.conda"
    data = path.read_bytes()
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1])
    with pytest.raises(VerificationError, match=r"b-1\.0-0\.conda"):
        indexed.index()
    check_nothing_happened(indexed)


def check_nothing_happened(indexed: IndexedMirror) -> None:
    assert set(indexed.records(SUBDIR)) == {"a-1.0-0.conda"}
    folder = indexed.committed.mirror.index("conda-forge")
    assert [path.name for path in folder.glob("gen-*")] == ["gen-000001"]
