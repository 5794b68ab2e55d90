"""What lock files say of wheels, of any shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.planning.environments.locked_wheel import LockedWheel, NoWheel, understand
from syncer.wheels.filename import parse
from volume.errors import NameRefusedError
from volume.names import check_wheel_name

SHA256 = "ab" * 32
NAME = "one-1.0-py3-none-any.whl"


def test_an_address_and_a_hash_make_a_wheel() -> None:
    said = {"sha256": SHA256.upper(), "requires_python": " >=3.8 ", "size": "12"}
    assert understand("one", f"https://h/p/{NAME}", said) == LockedWheel(
        NAME, SHA256, f"https://h/p/{NAME}", 12, ">=3.8"
    )


@pytest.mark.parametrize(
    ("url", "filename"),
    [
        (f"direct+https://h/{NAME}", NAME),
        (f"https://h/a/{NAME}#subdirectory=x&sha256={SHA256}", NAME),
        ("https://h/one-1.0%2Bcu121-py3-none-any.whl?token=1", "one-1.0+cu121-py3-none-any.whl"),
        ("https://h/one-1!2.0.tar.gz", "one-1!2.0.tar.gz"),
    ],
)
def test_ways_to_write_an_address(url: str, filename: str) -> None:
    found = understand("one", url, {} if "sha256=" in url else {"sha256": SHA256})
    assert isinstance(found, LockedWheel)
    assert (found.filename, found.sha256) == (filename, SHA256)
    assert "#" not in found.url and found.url.startswith("https://h/")


def test_credentials_are_not_shown() -> None:
    url = f"https://me:hunter22@h/{NAME}"
    assert "hunter22" not in repr(understand("one", url, {"sha256": SHA256}))
    for bad in (
        f"https://me:hunter22@h/{NAME}",
        "https://me:hunter22@h/x",
        "ftp://me:hunter22@h/x",
    ):
        found = understand(None, bad, {})
        assert isinstance(found, NoWheel) and found.is_refused
        assert "hunter22" not in repr(found)


@given(st.text(max_size=60), st.text(max_size=80), st.dictionaries(
    st.sampled_from(["sha256", "size", "requires_python", "name"]),
    st.none() | st.integers() | st.text(max_size=70) | st.just(SHA256) | st.lists(st.text()),
))  # fmt: skip
def test_whatever_stands_there_is_a_wheel_or_is_named(
    name: str, text: str, said: dict[str, Any]
) -> None:
    for url in (text, f"https://{text}", f"https://h/{text}.whl", f"git+{text}"):
        found = understand(name, url, said)
        if isinstance(found, LockedWheel):
            assert check_wheel_name(found.filename) == found.filename
            assert found.url.startswith(("http://", "https://"))
        else:
            assert found.why


@pytest.mark.parametrize("name", [
    "../one-1.0.whl", "a/b-1.0.whl", ".one-1.0.whl", "one-1.0.whl.metadata", "one-1.0.exe", "",
    "one-1.0.whl\n", "one 1.0.whl", "-one-1.0.whl", "x" * 220 + ".whl", "one\x00-1.0.whl",
    "\u00f6ne-1.0.whl", "one-1.0.tar.bz2", "one-1.0.conda",
])  # fmt: skip
def test_what_could_leave_its_folder_is_no_name(name: str) -> None:
    with pytest.raises(NameRefusedError):
        check_wheel_name(name)


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("Two_Words.x-1.0-py3-none-any.whl", "two-words-x", "1.0"),
        ("one-1.0.post1-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "one",
         "1.0.post1"),
        ("some-old-name-1.2.tar.gz", "some-old-name", "1.2"),
        ("one-1.0.zip", "one", "1.0"),
    ],
)  # fmt: skip
def test_a_filename_says_which_project_and_version(
    filename: str, project: str, version: str
) -> None:
    assert parse(filename) == (project, version)


@pytest.mark.parametrize(
    "filename",
    [
        "one.whl",
        "one-1.0.whl",
        "one-x-py3-none-any.whl",
        "one.zip",
        "one_-1.0-py3-none-any.whl",
        "one.-1.0.tar.gz",
    ],
)
def test_what_no_installer_would_take_is_none(filename: str) -> None:
    with pytest.raises(ValueError, match="is no name of a wheel or an sdist"):
        parse(filename)
