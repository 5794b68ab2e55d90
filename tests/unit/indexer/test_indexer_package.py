"""Looking into artifacts: whole or damaged, and their run_exports, never unbounded."""

import bz2
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from indexer.records.package import damage, run_exports
from tests.support.upstream.packages import conda_archive, package, tar
from volume import limits

EXTENSIONS = (".conda", ".tar.bz2")


def write(folder: Path, filename: str, data: bytes) -> Path:
    path = folder / filename
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_whole_artifact_has_no_damage(tmp_path: Path, extension: str) -> None:
    one = package("a", extension=extension, padding_bytes=50_000)
    assert damage(write(tmp_path, one.filename, one.data)) is None


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_is_noticed_wherever_it_is(tmp_path: Path, extension: str, share: float) -> None:
    one = package("a", extension=extension, padding_bytes=50_000)
    cut = one.data[: int(len(one.data) * share)]
    assert damage(write(tmp_path, one.filename, cut)) is not None


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_flipped_byte_is_noticed(tmp_path: Path, extension: str) -> None:
    one = package("a", extension=extension, padding_bytes=50_000)
    data = bytearray(one.data)
    data[len(data) // 2] ^= 0xFF
    assert damage(write(tmp_path, one.filename, bytes(data))) is not None


def test_several_bzip2_streams_are_one_file(tmp_path: Path) -> None:
    content = tar({"info/index.json": (b"{}", 0o644)})
    data = bz2.compress(content[:100]) + bz2.compress(content[100:])
    assert damage(write(tmp_path, "a-1-0.tar.bz2", data)) is None
    assert damage(write(tmp_path, "a-1-0.tar.bz2", data[:-4])) is not None
    assert damage(write(tmp_path, "a-1-0.tar.bz2", data + b"tail")) is not None


def test_a_file_that_is_gone_is_damaged(tmp_path: Path) -> None:
    assert damage(tmp_path / "a-1-0.conda") == "it is gone"


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PACKAGE_SIZE", 10_000_000)
    bomb = bz2.compress(bytes(50_000_000))
    assert "unpacks to more than" in (damage(write(tmp_path, "a-1-0.tar.bz2", bomb)) or "")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_run_exports_are_found(tmp_path: Path, extension: str) -> None:
    given = {"weak": ["a >=1"], "strong": ["b"]}
    one = package("a", extension=extension, run_exports=given)
    assert json.loads(run_exports(write(tmp_path, one.filename, one.data)) or "") == given


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_package_without_has_none(tmp_path: Path, extension: str) -> None:
    one = package("a", extension=extension)
    assert run_exports(write(tmp_path, one.filename, one.data)) is None


def test_the_oldest_form_is_a_list(tmp_path: Path) -> None:
    info = {"info/run_exports.json": (b'["a >=1"]', 0o644)}
    path = write(tmp_path, "a-1-0.conda", conda_archive("a-1-0", info, {}))
    assert run_exports(path) == '{"weak":["a >=1"]}'


@pytest.mark.parametrize("content", [b"", b"{", b"17", b'{"weak": "a"}', b"\xff", b"[" * 100_000])
def test_what_is_malformed_is_an_error_not_a_crash(tmp_path: Path, content: bytes) -> None:
    info = {"info/run_exports.json": (content, 0o644)}
    path = write(tmp_path, "a-1-0.conda", conda_archive("a-1-0", info, {}))
    with pytest.raises(ValueError):
        run_exports(path)


@pytest.mark.parametrize("data", [b"", b"garbage", b"BZh9garbage", b"PK\x03\x04"])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_what_is_no_package_is_an_error(tmp_path: Path, extension: str, data: bytes) -> None:
    path = write(tmp_path, f"a-1-0{extension}", data)
    with pytest.raises(ValueError):
        run_exports(path)
    assert damage(path) is not None


def test_the_payload_is_not_unpacked_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INFO_SIZE", 2_000_000)
    files = {"info/index.json": (b"{}", 0o644), "payload": (bytes(9_000_000), 0o644)}
    path = write(tmp_path, "a-1-0.tar.bz2", bz2.compress(tar(files)))
    assert run_exports(path) is None


def test_unpacking_ends_at_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INFO_SIZE", 2_000_000)
    files = {"payload": (bytes(9_000_000), 0o644), "info/run_exports.json": (b"{}", 0o644)}
    path = write(tmp_path, "a-1-0.tar.bz2", bz2.compress(tar(files)))
    with pytest.raises(ValueError, match="not within the first"):
        run_exports(path)


def test_a_link_named_like_the_file_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("info/run_exports.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    path = write(tmp_path, "a-1-0.tar.bz2", bz2.compress(buffer.getvalue()))
    with pytest.raises(ValueError):
        run_exports(path)


def test_a_huge_window_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = compressor.compress(tar({"info/x": (b"x", 0o644)})) + compressor.flush()
    with zipfile.ZipFile(tmp_path / "a-1-0.conda", "w") as archive:
        archive.writestr("info-a-1-0.tar.zst", packed)
    with pytest.raises(ValueError, match="memory"):
        run_exports(tmp_path / "a-1-0.conda")


def test_files_found_broken_in_the_wild(realdata: Path) -> None:
    for path in sorted((realdata / "corrupt" / "invalid-stream").rglob("*.*")):
        assert damage(path) is not None, path
    for path in sorted((realdata / "corrupt" / "tar-not-bzip2").rglob("*.tar.bz2")):
        assert damage(path) is not None, path


def test_real_packages_are_whole(realdata: Path) -> None:
    paths = sorted((realdata / "upstream").glob("*/noarch/*.*"))
    checked = [damage(path) for path in paths if "repodata" not in path.name]
    assert checked == [None] * 15
