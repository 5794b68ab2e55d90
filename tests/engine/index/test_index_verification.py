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
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, unpack, volumes
from tests.support.upstream.packages import package
from volume.program.stop import Stop

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
