"""Facts about conda-index that the indexer is built on, asked of the real one.

To be run at every change of its version (`engine.KNOWN_VERSION`). A fact that has changed is not a
bug of conda-index: it says which part of the indexer must be thought through again.
"""

import bz2
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from indexer.base.errors import EngineError
from indexer.engines.conda_index.engine import Engine
from indexer.engines.conda_index.seed import cache_path
from indexer.records.package import damage
from tests.support.mirror.indexed import unpack
from tests.support.upstream.packages import Package, conda_archive, package, tar
from volume.program.stop import Stop

SUBDIR = "linux-64"


@pytest.fixture
def engine(conda_exe: Path, tmp_path: Path) -> Engine:
    return Engine(str(conda_exe), Stop(), tmp_path / "engine.log")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / SUBDIR).mkdir(parents=True)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def put(root: Path, *packages: Package) -> None:
    for one in packages:
        (root / one.subdir / one.filename).write_bytes(one.data)


def seed(root: Path, packages: list[Package], stage: str = "mirror") -> None:
    with sqlite3.connect(cache_path(root, SUBDIR)) as connection:
        for one in packages:
            connection.execute(
                "INSERT INTO index_json (path, index_json) VALUES (?, ?)",
                (one.filename, json.dumps(one.record)),
            )
            connection.execute(
                "INSERT INTO stat (stage, path, mtime, size) VALUES (?, ?, 1, 1)",
                (stage, one.filename),
            )
    connection.close()


def plain_index(engine: Engine, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [engine.executable, "index", str(root), "--threads", "1"],
        capture_output=True,
        text=True,
        check=False,
    )


def listed(folder: Path) -> dict[str, dict[str, object]]:
    repodata = json.loads((folder / SUBDIR / "repodata.json").read_bytes())
    return {**repodata["packages"], **repodata["packages.conda"]}


def test_version_is_the_pinned_one(engine: Engine) -> None:
    assert engine.version().startswith("0.13.")


def test_it_creates_its_own_schema(engine: Engine, root: Path) -> None:
    engine.create_caches(root, [SUBDIR, "noarch"])
    for subdir in (SUBDIR, "noarch"):
        connection = sqlite3.connect(cache_path(root, subdir))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert {"index_json", "run_exports", "about", "recipe", "post_install", "stat"} <= tables
        connection.close()


def test_seeded_records_come_out_exactly_and_nothing_is_opened(
    engine: Engine, root: Path, output: Path
) -> None:
    odd = {
        "revoked": True, "namespace": "global", "indexed_timestamp": 17,
        "depends": ["a", "b >=1"], "unknown": {"nested": [1, 2.5, None, "ü"]},
    }  # fmt: skip
    one = package("fact")
    fixed = Package(one.filename, b"", {**one.record, **odd}, SUBDIR)
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [fixed])
    # There is no file at all, so nothing can have been opened.
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    assert listed(output) == {fixed.filename: fixed.record}


def test_one_odd_field_ends_it_so_our_own_writer_goes_on(
    engine: Engine, root: Path, output: Path
) -> None:
    """Old records have it; what is written by then is as upstream has it, and is not whole."""
    one = package("fact")
    odd = Package(one.filename, b"", {**one.record, "features": None}, SUBDIR)
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [odd])
    with pytest.raises(EngineError, match="NoneType"):
        engine.index(root, output, [SUBDIR, "noarch"], "facts")
    assert listed(output) == {odd.filename: odd.record}


def test_the_stage_decides_the_membership(engine: Engine, root: Path, output: Path) -> None:
    inside, outside = package("inside"), package("outside")
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [inside])
    seed(root, [outside], stage="fs")
    put(root, package("on-disk"))
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    assert set(listed(output)) == {inside.filename}


def test_shards_are_the_records_plus_run_exports(engine: Engine, root: Path, output: Path) -> None:
    one = package("fact")
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [one])
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    (shard,) = output.glob(f"{SUBDIR}/{'?' * 64}.msgpack.zst")
    (record,) = msgpack.unpackb(unpack(shard.read_bytes()))["packages.conda"].values()
    hashes = {key: bytes.fromhex(one.record[key]) for key in ("sha256", "md5")}
    assert record == {**one.record, **hashes, "run_exports": {}}
    index = msgpack.unpackb(unpack((output / SUBDIR / "repodata_shards.msgpack.zst").read_bytes()))
    assert index["info"]["base_url"] == index["info"]["shards_base_url"] == ""


def test_a_shard_that_is_there_is_never_written_again(
    engine: Engine, root: Path, output: Path
) -> None:
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [package("fact")])
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    (shard,) = output.glob(f"{SUBDIR}/{'?' * 64}.msgpack.zst")
    shard.write_bytes(b"cut")
    # It is decoded again for the second pass, so the engine itself ends here; it repairs nothing.
    with pytest.raises(EngineError):
        engine.index(root, output, [SUBDIR, "noarch"], "facts")
    assert shard.read_bytes() == b"cut"


def test_current_repodata_gets_a_field_of_its_own(engine: Engine, root: Path, output: Path) -> None:
    one = package("fact")
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [one])
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    current = json.loads((output / SUBDIR / "current_repodata.json").read_bytes())
    assert current["packages.conda"][one.filename] == {**one.record, "legacy_bz2_md5": None}
    assert listed(output)[one.filename] == one.record


def test_unchanged_outputs_keep_their_inode_except_dated_ones(
    engine: Engine, root: Path, output: Path
) -> None:
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [package("fact")])
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    before = {path.name: path.stat().st_ino for path in (output / SUBDIR).iterdir()}
    time.sleep(1.1)  # its dates have seconds
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    changed = {
        path.name for path in (output / SUBDIR).iterdir() if before[path.name] != path.stat().st_ino
    }
    assert "repodata.json" not in changed
    assert {"repodata_shards.msgpack.zst", "index.html"} <= changed


def test_channeldata_never_shrinks(engine: Engine, root: Path, output: Path) -> None:
    engine.create_caches(root, [SUBDIR, "noarch"])
    seed(root, [package("gone")])
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    with sqlite3.connect(cache_path(root, SUBDIR)) as connection:
        connection.execute("DELETE FROM stat")
    connection.close()
    engine.index(root, output, [SUBDIR, "noarch"], "facts")
    assert listed(output) == {}
    assert "gone" in json.loads((output / "channeldata.json").read_bytes())["packages"]


def test_a_plain_run_forgets_hotfixes(engine: Engine, root: Path) -> None:
    one = package("fact", depends=("old",))
    put(root, one)
    fixed = {**one.record, "depends": ["fixed"]}
    repodata = {"info": {"subdir": SUBDIR}, "packages": {}, "packages.conda": {one.filename: fixed}}
    (root / SUBDIR / "repodata.json").write_text(json.dumps(repodata))
    assert plain_index(engine, root).returncode == 0
    assert listed(root)[one.filename]["depends"] == ["old"]


def test_one_malformed_package_ends_a_plain_run(engine: Engine, root: Path) -> None:
    good, other = package("good"), package("other")
    put(root, good)
    (root / SUBDIR / "renamed-1.0-0.conda").write_bytes(other.data)
    assert plain_index(engine, root).returncode != 0
    assert not (root / SUBDIR / "repodata.json").exists()


def test_an_index_that_is_no_object_ends_a_run(engine: Engine, root: Path) -> None:
    stem = "list-1.0-0"
    data = conda_archive(stem, {"info/index.json": (b"[]", 0o644)}, {"a": (b"a", 0o644)})
    (root / SUBDIR / f"{stem}.conda").write_bytes(data)
    with pytest.raises(EngineError):
        engine.extract(root, [SUBDIR])


def test_what_it_can_not_read_is_left_out_with_status_0(engine: Engine, root: Path) -> None:
    put(root, package("good"))
    (root / SUBDIR / "empty-1.0-0.conda").write_bytes(b"")
    assert plain_index(engine, root).returncode == 0
    assert set(listed(root)) == {"good-1.0-0.conda"}


def test_a_truncated_tar_bz2_is_taken_for_a_whole_one(engine: Engine, root: Path) -> None:
    # All that is asked of info/ comes first, so the reader never sees the end.
    info = {
        f"info/{name}": (content, 0o644)
        for name, content in {
            "index.json": json.dumps(package("cut").record).encode(),
            "about.json": b"{}",
            "paths.json": b'{"paths": []}',
            "run_exports.json": b"{}",
            "recipe/meta.yaml": b"package: {name: cut}",
            "icon.png": b"",
        }.items()
    }
    whole = bz2.compress(tar({**info, "payload": (os.urandom(3_000_000), 0o644)}), 1)
    path = root / SUBDIR / "cut-1.0-0.tar.bz2"
    path.write_bytes(whole[: len(whole) // 2])
    assert plain_index(engine, root).returncode == 0
    assert listed(root)[path.name]["size"] == len(whole) // 2
    assert damage(path) is not None


def test_a_dangling_link_ends_a_plain_run(engine: Engine, root: Path) -> None:
    put(root, package("good"))
    (root / SUBDIR / "gone-1.0-0.conda").symlink_to("nowhere")
    assert plain_index(engine, root).returncode != 0


def test_a_dead_parent_takes_the_engine_with_it(conda_exe: Path, tmp_path: Path) -> None:
    program = tmp_path / "conda"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    program.chmod(0o755)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from pathlib import Path; from indexer.engines.conda_index.engine import Engine;"
            "from volume.program.stop import Stop;"
            f"Engine({str(program)!r}, Stop(), Path({str(tmp_path)!r}) / 'log')"
            f".extract(Path({str(tmp_path)!r}), ['noarch'])",
        ]
    )
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    while Path(f"/proc/{child}").exists() and "Z" not in _state(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][:1]
    except OSError:
        return "Z"
