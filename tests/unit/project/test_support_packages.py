"""The packages that tests are made of are real packages."""

import bz2
import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from tests.support.upstream.demo_channel import demo_packages, write_demo_upstream
from tests.support.upstream.packages import Package, PackageSpec, build, hotfixed, package


def contents(made: Package) -> dict[str, tuple[bytes, int]]:
    """All files in a package, info/ included."""
    if made.filename.endswith(".tar.bz2"):
        tars = [bz2.decompress(made.data)]
    else:
        with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
            assert json.loads(archive.read("metadata.json")) == {"conda_pkg_format_version": 2}
            tars = [
                zstandard.ZstdDecompressor().decompress(archive.read(name))
                for name in archive.namelist()
                if name.endswith(".tar.zst")
            ]
    files = {}
    for raw in tars:
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            for member in tar:
                reader = tar.extractfile(member)
                assert reader is not None
                files[member.name] = (reader.read(), member.mode)
    return files


@pytest.mark.parametrize("extension", [".conda", ".tar.bz2"])
def test_a_package_holds_what_its_record_and_paths_say(extension: str) -> None:
    made = package(
        "zlib",
        "1.3",
        extension=extension,
        depends=("libc >=2",),
        run_exports={"weak": ["zlib >=1.3"]},
        files={"bin/zlib": (b"#!/bin/sh\n", 0o755)},
        padding_bytes=1000,
    )
    files = contents(made)
    index = json.loads(files["info/index.json"][0])
    assert made.record == {
        **index,
        "size": len(made.data),
        "sha256": hashlib.sha256(made.data).hexdigest(),
        "md5": hashlib.md5(made.data).hexdigest(),
    }
    assert index["depends"] == ["libc >=2"]
    assert json.loads(files["info/run_exports.json"][0]) == {"weak": ["zlib >=1.3"]}
    assert files["bin/zlib"] == (b"#!/bin/sh\n", 0o755)
    paths = json.loads(files["info/paths.json"][0])["paths"]
    assert {entry["_path"] for entry in paths} == {
        name for name in files if not name.startswith("info/")
    }
    for entry in paths:
        content = files[entry["_path"]][0]
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["size_in_bytes"] == len(content)
    assert files["info/files"][0].decode().splitlines() == [entry["_path"] for entry in paths]


def test_equal_specs_give_equal_bytes_and_others_do_not() -> None:
    spec = PackageSpec(name="a", padding_bytes=5000)
    assert build(spec).data == build(spec).data
    assert build(spec).data != build(PackageSpec(name="a", padding_bytes=5001)).data


def test_a_hotfix_changes_the_record_and_not_the_package() -> None:
    original = package("a", depends=("b",), constrains=("c",))
    fixed = hotfixed(original, depends=["b <2"], constrains=None)
    assert fixed.data == original.data
    assert fixed.record["depends"] == ["b <2"]
    assert "constrains" not in fixed.record
    assert original.record["depends"] == ["b"]


def test_the_demo_program_runs_when_everything_is_installed(tmp_path: Path) -> None:
    for made in demo_packages():
        for name, (content, mode) in contents(made).items():
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(mode)
    result = subprocess.run(
        [tmp_path / "bin/hello-mirror"], capture_output=True, text=True, check=True
    )
    assert result.stdout == "Hello from your mirror!\n"


def test_the_demo_upstream_is_a_complete_channel(tmp_path: Path) -> None:
    write_demo_upstream(tmp_path)
    for subdir in ("linux-64", "noarch"):
        folder = tmp_path / "conda-forge" / subdir
        raw = (folder / "repodata.json").read_bytes()
        assert (
            zstandard.ZstdDecompressor().decompress((folder / "repodata.json.zst").read_bytes())
            == raw
        )
        assert bz2.decompress((folder / "repodata.json.bz2").read_bytes()) == raw
        repodata = json.loads(raw)
        for section in ("packages", "packages.conda"):
            for filename, record in repodata[section].items():
                data = (folder / filename).read_bytes()
                assert record["sha256"] == hashlib.sha256(data).hexdigest()
