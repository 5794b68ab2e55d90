"""What a word of CHANNELS means."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.settings.address import Address, check_url, parse
from volume.errors import NameRefusedError
from volume.program.log import redact

BASES = ("https://conda.example/cloud", "https://repo.example", "https://own.example/t/TOKEN")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is masked here is masked nowhere else."""
    monkeypatch.setattr("volume.program.log._registered", ())


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
        ("https://host/t/TOKEN/acme", Address("acme", "https://host/t/TOKEN/acme")),
        ("https://repo.example/t/TOKEN/acme", Address("acme", "https://repo.example/t/TOKEN/acme")),
        ("x=https://host/t/TOKEN/acme", Address("x", "https://host/t/TOKEN/acme")),
        ("https://own.example/t/TOKEN/acme", Address("acme")),
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
        ("t/TOKEN/acme", "a channel's name is told to everybody"),
        ("t/TOKEN=https://host/acme", "a channel's name is told to everybody"),
        ("https://host/t/TOKEN", "no path to name the channel by"),
        ("defaults", "write these, with ANACONDA_TERMS_ACCEPTED=yes"),
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


@pytest.mark.parametrize(
    "word",
    [
        "https://host/t/s3cr%2Ft-token/acme", "https://me:s3cr%2Ft-token@host/acme",
        "x=https://host/t/s3cr%2Ft-token", "t/s3cr%2Ft-token/acme", "ftp://h/t/s3cr%2Ft-token/a",
    ],
)  # fmt: skip
def test_a_secret_in_an_address_is_masked_everywhere_from_then_on(word: str) -> None:
    with contextlib.suppress(ValueError):
        parse(word, BASES)
    assert "s3cr" not in redact("the key is s3cr/t-token, written s3cr%2Ft-token")


@given(st.from_regex(r"[A-Za-z0-9-]{4,40}", fullmatch=True), st.sampled_from(["", "/conda", "/a"]))
def test_no_token_becomes_a_name(token: str, path: str) -> None:
    for base in (BASES, (f"https://host{path}",), (f"https://host{path}/t/{token}",)):
        found = parse(f"https://host{path}/t/{token}/acme", base)
        assert found.channel == "acme"
        assert found.url is None or "/t/***/" in redact(found.url)
