"""Secret files: what their names and contents may be, and whose they are."""

import os
from pathlib import Path

import pytest

from syncer.settings import secrets as credentials
from syncer.settings.secrets import parse_name, parse_value, read
from volume.errors import ConfigError
from volume.program import log


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_registered", ())


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        folder.joinpath(name.replace("__", ":").replace("_", ".")).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("conda.example.com.token", ("conda.example.com", "token")),
        ("Conda.Example.com:8443.bearer", ("conda.example.com:8443", "bearer")),
        ("localhost.basic", ("localhost", "basic")),
        ("[::1]:80.pem", ("[::1]:80", "pem")),
        ("10.0.0.1.token", ("10.0.0.1", "token")),
    ],
)
def test_a_name_says_host_and_kind(name: str, found: tuple[str, str]) -> None:
    assert parse_name(name) == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conda.example.com.bearer~", "must end in .token, .bearer, .basic, .pem"),
        ("conda.example.com", "must end in"),
        (".token", "is not a host"),
        ("https:conda.token", "is not a host"),
        ("conda:99999.token", "is not a host"),
        ("conda:0.token", "is not a host"),
        ("con da.token", "is not a host"),
        ("*.example.com.token", "is not a host"),
    ],
)
def test_a_name_that_says_something_else_is_refused(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_name(name)


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        ("bearer", "abc.def-1\n", "abc.def-1"),
        ("token", "to-ken\r\n", "to-ken"),
        ("basic", "me:pass word: ü ", "me:pass word: ü "),
        ("basic", "me:", "me:"),
    ],
)
def test_content_is_one_line(kind: str, content: str, value: str) -> None:
    assert parse_value(kind, content) == value


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("bearer", "", "empty"),
        ("bearer", "\n", "empty"),
        ("bearer", "a\nb", "several lines"),
        ("bearer", "abc\n\n", "several lines"),
        ("bearer", "Bearer abc", "no blanks"),
        ("token", "tök", "ASCII"),
        ("basic", "me\tyou:x", "control characters"),
        ("basic", "password", "user:password"),
        ("basic", ":password", "user:password"),
        ("bearer", "abc\x00", "control characters"),
    ],
)
def test_content_that_can_be_no_secret_is_refused(kind: str, content: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_value(kind, content)


def test_secrets_are_for_their_host_and_port_only(tmp_path: Path) -> None:
    write(tmp_path, a_com_bearer="for-a", a_com__8443_token="for-a-8443", b_com_basic="me:for-b")
    secrets = read(tmp_path)

    def values(scheme: str, host: str, port: int) -> list[str]:
        return [secret.value for secret in secrets.of(scheme, host, port)]

    assert values("https", "a.com", 443) == values("http", "a.com", 80) == ["for-a"]
    assert values("https", "a.com", 8443) == ["for-a-8443"]
    for where in (("http", "a.com", 443), ("https", "a.com", 80), ("https", "www.a.com", 443)):
        assert values(*where) == []
    assert secrets.shown == {"a.com": ["bearer"], "a.com:8443": ["token"], "b.com": ["basic"]}
    assert "for-" not in repr(secrets)
    assert log.redact("for-a-8443 bWU6Zm9yLWI= for-b") == "*** *** ***"


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    write(
        tmp_path,
        README_md="not a secret", a_com_token="", b_com_bearer="x y", c_com_txt="?",
        d_com_basic="me:hush", d_com_bearer="hush-hush", e_com_pem="no certificate",
    )  # fmt: skip
    tmp_path.joinpath(".hidden").write_text("")
    tmp_path.joinpath("f.com.token").mkdir()
    tmp_path.joinpath("g.com.token").write_bytes(b"\xff\xfe")
    tmp_path.joinpath("h.com.token").write_text("x" * 70_000)
    tmp_path.joinpath("I.com.token").write_text("one")
    tmp_path.joinpath("i.com.token").write_text("two")
    with pytest.raises(ConfigError) as found:
        read(tmp_path)
    problems = "\n".join(found.value.problems)
    for expected in (
        "a.com.token: it is empty",
        "b.com.bearer: write the bearer alone",
        "c.com.txt: its name must end in",
        "d.com.basic and",
        "e.com.pem: it must hold a certificate and its key",
        "f.com.token: it is not a file",
        "g.com.token: it is not UTF-8",
        "h.com.token: it has more than",
        "I.com.token and",
    ):
        assert expected in problems
    assert len(found.value.problems) == 9
    assert found.value.exit_code == 2
    assert "hush" not in problems


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_names_the_cure(tmp_path: Path) -> None:
    write(tmp_path, a_com_token="x")
    tmp_path.joinpath("a.com.token").chmod(0)
    with pytest.raises(ConfigError, match=r"a\.com\.token: it can't be read: .* mode 0400"):
        read(tmp_path)


def test_a_folder_that_somebody_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(ConfigError, match=r"SECRETS_DIR=.*nowhere: there is no such folder"):
        read(nowhere)
    monkeypatch.setattr(credentials, "DEFAULT_FOLDER", nowhere)
    assert read(nowhere).shown == {}
