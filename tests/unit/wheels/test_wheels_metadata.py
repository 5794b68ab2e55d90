"""METADATA, out of archives that nobody should trust."""

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.wheels import metadata
from tests.support.upstream.wheels import metadata as metadata_of
from tests.support.upstream.wheels import wheel, zipped
from volume import limits

INFO = "one-1.0.dist-info/METADATA"


def found(tmp_path: Path, data: bytes, project: str = "one") -> bytes | None:
    path = tmp_path / "one.whl"
    path.write_bytes(data)
    return metadata.read(path, project)


def test_it_is_what_stands_in_the_wheel(tmp_path: Path) -> None:
    assert found(tmp_path, wheel("one").data) == metadata_of("one", "1.0")


def test_the_projects_name_may_be_spelt_otherwise(tmp_path: Path) -> None:
    data = zipped({"Two_Words.x-1.0+cu121.dist-info/METADATA": b"x"})
    assert found(tmp_path, data, "two-words-x") == b"x"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"one/METADATA": b"x"},
        {INFO: b""},
        {"other-1.0.dist-info/METADATA": b"x"},
        {"deeper/" + INFO: b"x"},
        {INFO: b"x", "One-2.0.dist-info/METADATA": b"y"},
        {INFO: b"x" * (limits.WHEEL_METADATA + 1)},
    ],
)
def test_none_several_or_too_much_is_none(tmp_path: Path, members: dict[str, bytes]) -> None:
    assert found(tmp_path, zipped(members)) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bounds_are_not_used(tmp_path: Path, method: int) -> None:
    assert found(tmp_path, zipped({INFO: b"x"}, method)) is None


def test_what_unpacks_to_more_than_it_says_is_bounded(tmp_path: Path) -> None:
    """A header that lies, and a stream of zeros behind it."""
    data = bytearray(zipped({INFO: bytes(limits.WHEEL_METADATA * 4)}))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 100)
    assert found(tmp_path, bytes(data)) is None


def test_a_table_of_contents_that_is_too_long_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WHEEL_DIRECTORY", 100_000)
    many = {f"one/{number:06}": b"" for number in range(2_000)}
    assert found(tmp_path, zipped({**many, INFO: b"x"})) is None
    assert found(tmp_path, zipped({INFO: b"x"})) == b"x"


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x05\x06" + bytes(18), bytes(100_000)])
def test_what_is_no_archive_has_none(tmp_path: Path, data: bytes) -> None:
    assert found(tmp_path, data) is None


@given(st.data())
@settings(max_examples=200)
def test_no_damage_ends_in_anything_but_none_or_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    original = bytearray(wheel("one").data)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(original) - 1))
        original[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(original)))
    cut = bytes(original[:end] if data.draw(st.booleans()) else original)
    result = found(tmp_path_factory.getbasetemp(), cut)
    assert result is None or len(result) <= limits.WHEEL_METADATA


@pytest.mark.parametrize(
    ("text", "python"),
    [
        (b"Requires-Python: >=3.8,<4\n\nbody", ">=3.8,<4"),
        (b"Name: x\r\nRequires-Python: ==3.12.*\r\n\r\nRequires-Python: >=99\r\n", "==3.12.*"),
        (b"Name: x\n\nRequires-Python: >=99\n", ""),
        (b'Requires-Python: "><script>\n\n', ""),
        (b"Requires-Python: >=3.8" + b"," * 300 + b"\n\n", ""),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_requires_python_is_a_specifier_or_nothing(text: bytes, python: str) -> None:
    assert metadata.requires_python(text) == python
