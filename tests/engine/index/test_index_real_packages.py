"""Fidelity: 77 real packages, mirrored, come out with upstream's records, in every variant (I4)."""

import json
import time
from pathlib import Path

import pytest

from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, volumes
from tests.support.upstream.packages import Record

VARIANTS = ("repodata.json", "repodata.json.zst", "repodata.json.bz2")


@pytest.fixture(scope="module")
def upstream(realdata: Path) -> Path:
    return realdata / "upstream" / "conda-forge"


@pytest.fixture(scope="module")
def indexed(
    upstream: Path, conda_exe: Path, tmp_path_factory: pytest.TempPathFactory
) -> IndexedMirror:
    committed = CommittedMirror.below(tmp_path_factory.mktemp("real"))
    for folder in sorted(upstream.iterdir()):
        committed.commit_folder(folder)
    made = IndexedMirror(
        committed, volumes(committed.mirror, committed.state, conda_exe, clock=time.time)
    )
    made.index()
    return made


def upstream_records(upstream: Path) -> dict[str, dict[str, Record]]:
    found = {}
    for path in sorted(upstream.glob("*/repodata.json")):
        document = json.loads(path.read_bytes())
        found[path.parent.name] = {**document["packages"], **document["packages.conda"]}
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_record_equals_upstreams(
    indexed: IndexedMirror, upstream: Path, variant: str
) -> None:
    expected = upstream_records(upstream)
    assert sum(map(len, expected.values())) == 77
    for subdir, records in expected.items():
        assert indexed.records(subdir, variant) == records


def test_every_shard_record_equals_upstreams(indexed: IndexedMirror, upstream: Path) -> None:
    for subdir, records in upstream_records(upstream).items():
        found = indexed.shards(subdir)
        assert found.keys() == records.keys()
        for filename, record in found.items():
            run_exports = record.pop("run_exports")
            assert record == records[filename]
            document = indexed.repodata(subdir, "run_exports.json")
            listed = {**document["packages"], **document["packages.conda"]}
            assert listed[filename]["run_exports"] == run_exports


def test_current_repodata_is_a_subset(indexed: IndexedMirror, upstream: Path) -> None:
    for subdir, records in upstream_records(upstream).items():
        current = indexed.records(subdir, "current_repodata.json")
        assert current
        assert all(records[filename] == record for filename, record in current.items())
        assert indexed.records(subdir, "current_repodata.json.zst") == current


def test_run_exports_are_read_from_the_packages(indexed: IndexedMirror) -> None:
    # Upstream gave none here, but the packages have them; an empty entry would be a lie.
    found = indexed.shards("linux-64")
    zstd = found["zstd-1.5.6-ha6fb4c9_0.conda"]["run_exports"]
    assert zstd == {"weak": ["zstd >=1.5.6,<1.6.0a0"]}
    assert sum(bool(record["run_exports"]) for record in found.values()) > 15


def test_every_record_resolves_to_its_bytes(indexed: IndexedMirror) -> None:
    assert indexed.check_artifacts() == 77


def test_nothing_unwanted_is_published(indexed: IndexedMirror) -> None:
    names = {
        path.name
        for path in indexed.current.rglob("*")
        if path.is_file() and not (len(path.stem) > 60)
    }
    assert names == {
        "repodata.json", "repodata.json.zst", "repodata.json.bz2", "current_repodata.json",
        "current_repodata.json.zst", "current_repodata.json.bz2", "run_exports.json",
        "run_exports.json.zst", "repodata_shards.msgpack.zst", "channeldata.json",
        ".generation.json",
    }  # fmt: skip


def test_modes_let_the_web_server_read(indexed: IndexedMirror) -> None:
    for path in indexed.current.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_channeldata_names_every_package(indexed: IndexedMirror, upstream: Path) -> None:
    channeldata = json.loads((indexed.current / "channeldata.json").read_bytes())
    names = {
        record["name"]
        for records in upstream_records(upstream).values()
        for record in records.values()
    }
    assert channeldata["packages"].keys() == names
    assert channeldata["subdirs"] == sorted(upstream_records(upstream))
