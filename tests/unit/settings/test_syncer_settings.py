"""Settings: read once, all problems together, no silent default for a typo."""

from collections.abc import Mapping

import pytest

from syncer.settings.settings import DEFAULT_INCLUDE, Settings, read
from volume.errors import ConfigError
from volume.program import parsers
from volume.program import settings as define
from volume.program.log import redact


def problems(environment: Mapping[str, str]) -> str:
    with pytest.raises(ConfigError) as wrong:
        read(environment)
    assert wrong.value.exit_code == 2
    return str(wrong.value)


def test_nothing_needs_to_be_set() -> None:
    settings = read({})
    assert settings.channels == ("conda-forge",)
    assert settings.subdirs == ("linux-64", "noarch")
    assert settings.include == tuple(DEFAULT_INCLUDE.split())
    assert settings.min_free == 5 * 10**9


@pytest.mark.parametrize(
    ("environment", "include"),
    [
        ({"CHANNELS": "conda-forge"}, ()),
        ({"CHANNELS": " "}, tuple(DEFAULT_INCLUDE.split())),
        ({"CHANNELS": "", "INCLUDE": ""}, tuple(DEFAULT_INCLUDE.split())),
        ({"INCLUDE": "numpy, scipy"}, ("numpy", "scipy")),
        ({"CHANNELS": "bioconda", "INCLUDE": "numpy"}, ("numpy",)),
    ],
)
def test_the_small_selection_is_for_those_who_choose_nothing(
    environment: dict[str, str], include: tuple[str, ...]
) -> None:
    assert read(environment).include == include


def test_all_problems_are_reported_together() -> None:
    text = problems(
        {
            "CHANNELS": "../x",
            "SUBDIRS": "linux-65",
            "SYNC_CONNECTIONS": "99",
            "MIN_FREE": "lots",
            "CONDA_CLOUD_URL": "ftp://x",
            "INCLUDE": "a[b",
            "SYNC_SCHEDULE": "daily",
            "LOG_LEVEL": "loud",
            "CHANNEL": "x",
        }
    )
    lines = text.splitlines()
    assert len(lines) == 9
    for name in ("CHANNELS='../x'", "SUBDIRS='linux-65'", "SYNC_CONNECTIONS='99'", "INCLUDE="):
        assert any(line.startswith(name) for line in lines)
    assert "a whole number from 1 to 16" in text
    assert "500MB" in text


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("CHANNEL", "CHANNELS"),
        ("SUBDIR", "SUBDIRS"),
        ("INCLUDES", "INCLUDE"),
        ("SYNC_CONECTIONS", "SYNC_CONNECTIONS"),
        ("WIPE_GUARD_PERCENTS", "WIPE_GUARD_PERCENT"),
        ("MIRROR_DIRS", "MIRROR_DIR"),
        ("include", "INCLUDE"),
        ("INDEXED_TIMESTAMPS", "INDEXED_TIMESTAMP"),
        ("KEEP_GENERATION", "KEEP_GENERATIONS"),
        ("MIRROR_BINDS", "MIRROR_BIND"),
    ],
)
def test_a_misspelt_name_is_an_error_that_suggests_the_right_one(misspelt: str, meant: str) -> None:
    assert problems({misspelt: "x"}) == f"{misspelt} is not a setting; did you mean {meant}?"


def test_foreign_names_are_none_of_our_business() -> None:
    read(
        {
            "PATH": "/bin",
            "HOME": "/",
            "HOSTNAME": "x",
            "TZ": "UTC",
            "http_proxy": "http://p",
            "HTTPS_PROXY": "http://p",
            "KEEP_GENERATIONS": "5",
            "PUID": "1000",
            "MIRROR_BIND": "8080",
            "MIRROR_DATA": "/x",
            "LANG": "C",
            "PWD": "/",
            "SHLVL": "1",
            "STATE": "x",
        }
    )


def test_the_ancestors_names_still_work() -> None:
    settings = read({"CONDA_COULD_URL": "http://near/cloud/", "TUNASYNC_WORKING_DIR": "/data"})
    assert settings.channel_urls("conda-forge") == ("http://near/cloud/conda-forge",)
    assert str(settings.mirror_dir) == "/data"
    same = {"CONDA_COULD_URL": "http://a", "CONDA_CLOUD_URL": "http://a"}
    assert read(same).cloud_urls == ("http://a",)
    assert "keep one" in problems({**same, "CONDA_CLOUD_URL": "http://b"})


def test_anacondas_host_is_not_contacted_without_a_licence() -> None:
    text = problems({"CHANNELS": "pkgs/main pkgs/r conda-forge"})
    assert "CHANNELS=pkgs/main" in text and "CHANNELS=pkgs/r" in text
    assert "ANACONDA_TERMS_ACCEPTED=yes" in text
    read({"CHANNELS": "pkgs/main", "ANACONDA_TERMS_ACCEPTED": "yes"})
    read({"CHANNELS": "pkgs/main", "CONDA_REPO_URL": "https://near.example/anaconda"})
    assert "licence" in problems(
        {"CHANNELS": "main", "CONDA_CLOUD_URL": "https://Repo.Anaconda.com:443/pkgs"}
    )


@pytest.mark.parametrize(
    "channel", ["main", "r", "msys2", "anaconda", "free", "pro", "main/label/x"]
)
def test_copies_of_anacondas_channels_are_under_the_same_terms(channel: str) -> None:
    host = "https://conda.anaconda.org"
    for word in (
        channel,
        f"own={host}/{channel}",
        f"own={host}/t/TOKEN/{channel}",
        f"own={host}//{channel}",
    ):
        assert "licence" in problems({"CHANNELS": word})
        read({"CHANNELS": word, "ANACONDA_TERMS_ACCEPTED": "yes"})
    read({"CHANNELS": channel, "CONDA_CLOUD_URL": "https://near.example/conda"})
    assert "licence" in problems({"CHANNELS": "x=https://repo.continuum.io/pkgs/free"})


def test_a_token_in_an_address_is_a_secret_and_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("volume.program.log._registered", ())
    found = read({"CHANNELS": "https://host/t/TOKEN-123/acme", "CONDA_CLOUD_URL": "https://host"})
    assert found.channels == ("acme",)
    assert found.channel_urls("acme") == ("https://host/t/TOKEN-123/acme",)
    assert "TOKEN" not in redact(found.policy("acme").summary + "TOKEN-123")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("5", 5),
        ("5B", 5),
        ("5k", 5000),
        ("5 MB", 5_000_000),
        ("1.5GB", 1_500_000_000),
        ("10GiB", 10 * 1024**3),
        ("1 TiB", 1024**4),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parsers.size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1e9", "5 bananas", "GB", "1,5GB", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="500MB"):
        parsers.size(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "101", "-0.1", "20%", ""])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a number from 0 to 100"):
        parsers.number(0, 100)(text)


def test_noarch_always_comes_along_and_nothing_comes_twice() -> None:
    assert read({"SUBDIRS": "win-64,noarch win-64"}).subdirs == ("win-64", "noarch")
    assert read({"CHANNELS": "a b, a"}).channels == ("a", "b")


def test_every_default_is_what_its_parser_accepts() -> None:
    found = define.definitions(Settings)
    names = [name for one in found for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    for one in found:
        one.parse(one.default)
        assert one.description.endswith(".")
    assert set(define.effective(read({}))) == {one.name for one in found}
