"""No name that comes from outside becomes a path unless CEP 26 allows it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume.errors import NameRefusedError
from volume.names import (
    ArtifactName,
    check_channel,
    check_installer_name,
    check_subdir,
    parse_artifact,
)

HOSTILE = [
    "../x-1-0.conda",
    "..-1-0.conda",
    ".x-1-0.conda",
    "/etc/x-1-0.conda",
    "a/b-1-0.conda",
    "a\\b-1-0.conda",
    "a\0b-1-0.conda",
    "a-1-0.conda\n",
    "a-1-0.conda\0",
    "\na-1-0.conda",
    "a b-1-0.conda",
    "a-1-0.CONDA",
    "a-1-0.conda.part",
    "a-1-0.zip",
    "a-1.conda",
    "a--0.conda",
    "-1-0.conda",
    "a-1-.conda",
    ".conda",
    "",
    "a-1-0",
    "a\u202e-1-0.conda",
    "\u0430-1-0.conda",  # Cyrillic a
    "a\uff0fb-1-0.conda",  # a slash after NFKC
    "a\u2024\u2024-1-0.conda",
    "a-\u0661-0.conda",  # an Arabic digit
    "a%2f..-1-0.conda",
    "a?x-1-0.conda",
    "a#x-1-0.conda",
    "a;x-1-0.conda",
    "$(a)-1-0.conda",
    "a-1-0:ads.conda",
    "a" * 128 + "-" + "1" * 80 + "-0.conda",
    "a" * 129 + "-1-0.conda",
]


@pytest.mark.parametrize("filename", HOSTILE, ids=ascii)
def test_a_hostile_artifact_name_is_refused(filename: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_artifact(filename)
    assert "CEP 26" in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("zlib-1.3-h1.conda", ArtifactName("zlib", "1.3", "h1", ".conda")),
        ("_r-mutex-1.0.1-x_1.tar.bz2", ArtifactName("_r-mutex", "1.0.1", "x_1", ".tar.bz2")),
        ("a-b-c-1!2.0+g3-py_0.conda", ArtifactName("a-b-c", "1!2.0+g3", "py_0", ".conda")),
    ],
)
def test_an_artifact_name_is_taken_apart(filename: str, expected: ArtifactName) -> None:
    assert parse_artifact(filename) == expected


@given(st.text(max_size=60), st.sampled_from(["", ".conda", ".tar.bz2", "-1-0.conda"]))
def test_an_accepted_name_is_one_plain_path_segment(start: str, end: str) -> None:
    try:
        parse_artifact(start + end)
    except NameRefusedError:
        return
    name = start + end
    assert name.isascii() and name.isprintable()
    assert Path(name).name == name and not name.startswith(".")
    # Longest use: `.<name>.<16 hex>.tmp` and `<name>.<16 hex>.part`.
    assert len(name) + 24 <= 255


@pytest.mark.parametrize(
    "channel", ["conda-forge", "pkgs/main", "pkgs/r", "conda-forge/label/rust_dev", "a.b_c-1", "R"]
)
def test_a_channel_name_is_accepted(channel: str) -> None:
    assert check_channel(channel) == channel


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "..",
        "../a",
        "a/../b",
        ".hidden",
        "a b",
        "a\n",
        "a\0",
        "pkgs",
        "cloud/conda-forge",
        "archive",
        "miniforge",
        "installers/archive",
        "snapshots",
        "conda-forge/linux-64",
        "noarch",
        "gen-000001",
        "a/current",
        "a~b",
        "https://x",
        "\uff41",
        "a" * 129,
        "/".join(["a" * 100] * 3),
    ],
    ids=ascii,
)
def test_a_channel_name_that_hides_something_is_refused(channel: str) -> None:
    with pytest.raises(NameRefusedError):
        check_channel(channel)


def test_a_subdir_is_one_that_conda_knows() -> None:
    assert check_subdir("linux-64") == "linux-64"
    for subdir in ("linux-65", "", "..", "Linux-64", "linux-64/"):
        with pytest.raises(NameRefusedError, match="linux-aarch64"):
            check_subdir(subdir)


@pytest.mark.parametrize(
    "filename",
    [
        "Miniconda3-latest-Linux-x86_64.sh",
        "Miniconda3-py312_24.1.2-0-Windows-x86_64.exe",
        "Anaconda3-2026.07-1-MacOSX-arm64.pkg",
    ],
)
def test_an_installer_name_is_accepted(filename: str) -> None:
    assert check_installer_name(filename) == filename


@pytest.mark.parametrize(
    "filename",
    ["", ".sh", "a", "../a.sh", "a/b.sh", "a\\b.sh", ".a.sh", "-a.sh", "a.sh\n", "a b.sh", "a.SH",
     "index.json", "a" * 300 + ".sh", "\x00.sh", "a\u0660.sh"],
)  # fmt: skip
def test_a_hostile_installer_name_is_refused(filename: str) -> None:
    with pytest.raises(NameRefusedError, match="it is left out"):
        check_installer_name(filename)
