"""What a word of CHANNELS means."""

import pytest

from syncer.settings.address import Address, check_url, parse
from volume.errors import NameRefusedError

BASES = ("https://conda.example/cloud", "https://repo.example")


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("conda-forge", Address("conda-forge")),
        ("conda-forge/label/rc", Address("conda-forge/label/rc")),
        ("pkgs/main", Address("pkgs/main")),
        ("team=https://host:8443/api/conda/x/", Address("team", "https://host:8443/api/conda/x")),
        ("a/b=file:///mnt/rsync", Address("a/b", "file:///mnt/rsync")),
        ("https://host/get/team", Address("team", "https://host/get/team")),
        ("https://user:p=w@host/team", Address("team", "https://user:p=w@host/team")),
        ("file:///mnt/conda-forge", Address("conda-forge", "file:///mnt/conda-forge")),
        ("https://conda.example/cloud/bioconda/label/x", Address("bioconda/label/x")),
        ("https://repo.example/pkgs/main", Address("pkgs/main")),
    ],
)
def test_a_word_is_a_name_a_url_or_both(word: str, address: Address) -> None:
    assert parse(word, BASES) == address


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ftp://host/x", "http://"),
        ("x=host/path", "http://"),
        ("https://host", "NAME=https://host"),
        ("https://host/x?token=1", "without"),
        ("file://host/x", "three slashes"),
        ("x=", "http://"),
    ],
)
def test_what_is_no_address_is_refused(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(word, BASES)


@pytest.mark.parametrize("word", ["../x", "https://host/a/..", "archive=https://host/x", ""])
def test_what_can_be_no_name_is_refused(word: str) -> None:
    with pytest.raises(NameRefusedError):
        parse(word, BASES)


def test_a_url_has_no_slash_at_its_end() -> None:
    assert check_url("https://host/x//") == "https://host/x"
