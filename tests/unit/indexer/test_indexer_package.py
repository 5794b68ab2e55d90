"""Looking into artifacts: whole or damaged, and their run_exports, never unbounded."""

import bz2
import io
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.records.package import damage, refusal, run_exports
from tests.support.upstream.packages import conda_archive, package, tar
from volume import limits
from volume.errors import InterruptedRunError

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


def refused(folder: Path, filename: str, data: bytes) -> str:
    return refusal(write(folder, filename, data)) or ""


def info_of(stem: str, **more: bytes) -> dict[str, tuple[bytes, int]]:
    name, version, build = stem.rsplit("-", 2)
    index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": []}
    files = {"info/index.json": json.dumps(index).encode()}
    files.update({f"info/{path}": content for path, content in more.items()})
    return {path: (content, 0o644) for path, content in files.items()}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_good_package_is_taken(tmp_path: Path, extension: str) -> None:
    one = package("a", extension=extension, padding_bytes=50_000, depends=("b >=1", "c"))
    assert refusal(write(tmp_path, one.filename, one.data)) is None


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_renamed_one_is_refused_with_what_is_inside(tmp_path: Path, extension: str) -> None:
    said = refused(tmp_path, f"b-2-0{extension}", package("a", extension=extension).data)
    assert said == "its name does not match what is inside: 'a-1.0-0'; rename it"


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize(
    ("index", "said"),
    [
        (b"[]", "not an object"),
        (b"{", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"name": "a", "version": 1, "build": "0"}', "lacks"),
        (b'{"name": "x", "version": "1", "build": "0"}', "does not match"),
        (b'{"name": "a", "version": "1", "build": "0", "depends": "b"}', "not a list"),
        (b'{"name": "a", "version": "1", "build": "0", "constrains": [1]}', "not a list"),
        (
            json.dumps(
                {"name": "a", "version": "1", "build": "0", "depends": ["y " + "(" * 900]}
            ).encode(),
            "brackets",
        ),
    ],
)
def test_a_bad_index_is_told(tmp_path: Path, extension: str, index: bytes, said: str) -> None:
    files = {"info/index.json": (index, 0o644)}
    data = conda_archive("a-1-0", files, {})
    if extension == ".tar.bz2":
        data = bz2.compress(tar(files))
    assert said in refused(tmp_path, f"a-1-0{extension}", data)


class TestLimits:
    @pytest.mark.parametrize("name", ["about.json", "paths.json", "recipe/meta.yaml", "x.json"])
    def test_a_document_of_a_gibibyte_costs_no_memory(self, tmp_path: Path, name: str) -> None:
        gibibyte = 1 << 30
        member = tarfile.TarInfo(f"info/{name}")
        member.size = gibibyte
        compressor = zstandard.ZstdCompressor().compressobj()
        parts = [compressor.compress(tar(info_of("a-1-0"))[:1024] + member.tobuf())]
        parts += [compressor.compress(bytes(1 << 20)) for _ in range(gibibyte >> 20)]
        packed = b"".join([*parts, compressor.flush()])
        assert len(packed) < 200_000
        with zipfile.ZipFile(tmp_path / "a-1-0.conda", "w") as archive:
            archive.writestr("info-a-1-0.tar.zst", packed)
            archive.writestr("pkg-a-1-0.tar.zst", b"")
        tracemalloc.start()
        said = refusal(tmp_path / "a-1-0.conda") or ""
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert "unpacks to more than" in said or f"info/{name} has" in said
        assert peak < 20 << 20

    def test_a_header_that_says_it_is_huge(self, tmp_path: Path) -> None:
        for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
            member = tarfile.TarInfo("long")
            member.type, member.size = kind, 1 << 30
            data = bz2.compress(member.tobuf() + bytes(3 << 20))
            assert "a header of" in refused(tmp_path, "a-1-0.tar.bz2", data)

    @pytest.mark.parametrize("path", ["info/" + "d/" * 100 + "x", "p/" * 100])
    def test_a_deep_path(self, tmp_path: Path, path: str) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(path))
        said = refused(tmp_path, "a-1-0.tar.bz2", bz2.compress(buffer.getvalue()))
        assert "more than 64 folders" in said

    @pytest.mark.parametrize(
        ("limit", "value", "said"),
        [
            ("INFO_MEMBERS", 3, "its info/ has more than 3 files"),
            ("INFO_SIZE", 1000, "its info/ unpacks to more than"),
            ("PACKAGE_MEMBERS", 3, "more than 3 files"),
        ],
    )
    def test_counts_and_sums(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, said: str
    ) -> None:
        files = info_of("a-1-0", **{f"test{number}": b"x" * 500 for number in range(9)})
        monkeypatch.setattr(limits, limit, value)
        assert said in refused(tmp_path, "a-1-0.tar.bz2", bz2.compress(tar(files)))

    def test_a_small_file_is_not_unpacked_for_hours(self, tmp_path: Path) -> None:
        member = tarfile.TarInfo("zeros")
        member.size = 64 << 30
        begin = bz2.compress(tar(info_of("a-1-0"))[:1024] + member.tobuf())
        packed = begin + bz2.compress(bytes(64 << 20)) * 1024
        assert len(packed) < 100_000
        said = refused(tmp_path, "a-1-0.tar.bz2", packed)
        assert said == "it unpacks to more than 1 GiB"

    def test_what_a_package_may_unpack_to(self) -> None:
        assert limits.package_size(10) == 1 << 30
        assert limits.package_size(10 << 20) == 2000 << 20
        assert limits.package_size(5 << 30) == limits.PACKAGE_SIZE

    @pytest.mark.parametrize("extension", EXTENSIONS)
    @pytest.mark.parametrize("look", [damage, refusal])
    def test_a_stop_is_heard_inside_a_file(
        self, tmp_path: Path, extension: str, look: Callable[..., str | None]
    ) -> None:
        one = package("a", extension=extension, padding_bytes=5 << 20)
        path = write(tmp_path, one.filename, one.data)
        beats = 0

        def beat() -> None:
            nonlocal beats
            beats += 1
            if beats == 3:
                raise InterruptedRunError("stopped")

        with pytest.raises(InterruptedRunError):
            look(path, beat)
        assert beats == 3

    def test_a_conda_is_a_zip_of_few_parts_stored_as_they_are(self, tmp_path: Path) -> None:
        one = package("a")
        (tmp_path / "parts").write_bytes(one.data)
        with zipfile.ZipFile(tmp_path / "parts") as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        path = tmp_path / one.filename
        for kind, more, said in (
            (zipfile.ZIP_DEFLATED, 0, "compressed once more"),
            (zipfile.ZIP_STORED, 40, "43 parts"),
        ):
            with zipfile.ZipFile(path, "w", kind) as archive:
                for name, content in parts.items():
                    archive.writestr(name, content)
                for number in range(more):
                    archive.writestr(f"more{number}", b"")
            assert said in (refusal(path) or "")


@given(data=st.data(), extension=st.sampled_from(EXTENSIONS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_flipped_is_a_reason_or_harmless(
    tmp_path: Path, data: st.DataObject, extension: str
) -> None:
    one = package("a", extension=extension)
    content = bytearray(one.data)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = refusal(write(tmp_path, one.filename, bytes(content)))  # never an exception
    assert found is None or found
