"""``mirror.toml``: policies of channels, environments, and every problem with its place."""

import re
from datetime import date
from pathlib import Path

import pytest

from docs.generate import mirror_toml_example
from syncer.settings.mirror_toml import read, understand
from syncer.settings.policy import Policy
from syncer.settings.settings import Settings
from syncer.settings.settings import read as read_settings
from volume.errors import ConfigError


def settings(folder: Path, text: str, **environment: str) -> Settings:
    (folder / "mirror.toml").write_text(text)
    return read_settings({"CONFIG_DIR": str(folder), **environment})


def problems(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        settings(folder, text, **environment)
    return wrong.value.problems


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, Policy()).channels == {}


def test_a_channel_has_its_own_words_over_the_common_ones(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        newest_versions = 5
        exclude = ["*-debug"]
        [channels.conda-forge]
        include = ["numpy >=1.26,<3", "lib*"]
        newest_versions = 3
        newer_than = 2024-01-31
        max_size = "500MB"
        prefer_conda = true
        pins = { python = ["3.11", "3.12"], numpy = "1.26" }
        [channels.team]
        upstreams = ["https://a.example/team", "file:///mnt/team"]
        """,
        CHANNELS="bioconda",
        NEWEST_VERSIONS="7",
        COOLDOWN_DAYS="2.5",
    )
    assert found.channels == ("bioconda", "conda-forge", "team")
    forge, bio = found.policy("conda-forge"), found.policy("bioconda")
    assert forge.include == ("numpy >=1.26,<3", "lib*")
    assert (forge.newest_versions, bio.newest_versions) == (3, 5)
    assert forge.exclude == bio.exclude == ("*-debug",)
    assert forge.newer_than == date(2024, 1, 31) and bio.newer_than is None
    assert forge.max_size == 500_000_000 and forge.prefer_conda
    assert forge.pins == (("python", ("3.11", "3.12")), ("numpy", ("1.26",)))
    assert forge.cooldown_days == bio.cooldown_days == 2.5
    assert found.channel_urls("team") == ("https://a.example/team", "file:///mnt/team")
    assert found.channel_urls("bioconda") == ("https://conda.anaconda.org/bioconda",)
    assert forge.fingerprint != bio.fingerprint


def test_the_small_selection_is_not_for_those_who_write_a_file(tmp_path: Path) -> None:
    found = settings(tmp_path, "[channels.conda-forge]\n")
    assert found.policy("conda-forge").include == ()


def test_environments(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [channels.conda-forge]
        specs = ["zlib"]
        [channels.bioconda]
        [environments.ml]
        channels = ["bioconda", "conda-forge"]
        specs = ["python 3.12.*"]
        spec_files = ["ml.yml"]
        solve = true
        subdirs = ["win-64"]
        """,
        SUBDIRS="linux-64 win-64",
    )
    ml, own = found.environments
    assert (ml.name, ml.channels, ml.specs) == (
        "ml", ("bioconda", "conda-forge"), ("python 3.12.*",),
    )  # fmt: skip
    assert ml.solve and ml.spec_files == ("ml.yml",) and ml.subdirs == ("win-64", "noarch")
    assert (own.name, own.channels, own.subdirs) == (
        "conda-forge specs", ("conda-forge",), ("linux-64", "win-64", "noarch"),
    )  # fmt: skip


def test_specs_in_env_are_one_environment_of_all_channels() -> None:
    found = read_settings({"CHANNELS": "a b", "SPECS": "python=3.12 numpy>=1.26,<3, scipy"})
    (together,) = found.environments
    assert together.channels == ("a", "b")
    assert together.specs == ("python=3.12", "numpy>=1.26,<3", "scipy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "newest_version = 3",
            "newest_version is not a setting here; did you mean newest_versions",
        ),
        ("[channels.x]\nincludes = []", "mirror.toml [channels.x]: includes is not a setting"),
        ("[channels.x]\nschedule = 1", "is not a setting here"),
        ('[channels.x]\ninclude = ["numpy >>1"]', "'numpy >>1'"),
        ("[channels.x]\ninclude = [1]", "texts in quotes"),
        ("[channels.x]\nnewest_versions = -1", "a whole number from 0"),
        ('[channels.x]\nnewer_than = "soon"', "a date such as"),
        ('[channels."../x"]', "channel name '../x'"),
        ("channels = 3", "write [channels.NAME]"),
        ("[environments.e]\nchannels = ['y']\nspecs = ['a']", "y is not mirrored"),
        ("[channels.x]\n[environments.e]\nchannels = ['x']", "give it specs or spec_files"),
        ("[channels.x]\n[environments.e]\nspecs = ['a']\nkeep = ['a']", "keep is not a setting"),
        ('[channels.x]\ndeny = ["sha256:12"]', "64 hexadecimal digits"),
        ("[channels.x]\nlicenses = {a = 1}", "another kind of value"),
        ("[channels.x", "mirror.toml"),
        ("[channels.x]\nnewest_versions = 99999999999999999999", "a whole number from 0"),
        ("[channels.x]\ncooldown_days = nan", "write a number from 0"),
        ("[channels.x]\ncooldown_days = -1.5", "write a number from 0"),
        (f"[channels.x]\nmax_size = '{'9' * 400}'", "write an amount such as"),
        ("[channels.x]\nnewer_than = 2024-01-01T00:00:00Z", "a date such as"),
        ("[channels.x]\nnewer_than = '01.02.2024'", "a date such as"),
        ("[channels.x]\n[channels.x]", "Cannot declare ('channels', 'x') twice"),
        ("[environments.e]\n[environments.e]", "Cannot declare ('environments', 'e') twice"),
        ("[channels.x]\n[environments.SPECS]\nspecs = ['a']", "choose another name"),
        ("[channels.x]\n[environments.'münchen']\nspecs = ['a']", "with letters, digits"),
        (
            "[channels.x]\n[environments.e]\nspecs = ['a']\nsubdirs = ['win-64']",
            "environment e: win-64 is mirrored of none of its channels",
        ),
        (
            "[channels.x]\n[channels.y]\ninclude = ['x::a']",
            "[channels.y]: include: x::a is for channel x, so nothing here can match",
        ),
        (
            "include = ['z::a']\n[channels.x]",
            "INCLUDE: z::a is for channel z, which is not mirrored; mirrored are x",
        ),
    ],
)
def test_bad_input_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in problem for problem in problems(tmp_path, text))


def test_all_problems_come_together(tmp_path: Path) -> None:
    found = problems(tmp_path, "x = 1\n[channels.a]\ny = 2\n[channels.b]\nz = 3", TRIES="x")
    assert len(found) == 3


@pytest.mark.parametrize("beginning", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_what_windows_editors_write_is_understood(tmp_path: Path, beginning: str) -> None:
    text = f'{beginning}# für alle\r\nkeep = ["größe*"]\r\n[channels.x]\r\nnewest_versions = 3\r\n'
    (tmp_path / "mirror.toml").write_bytes(text.replace("größe", "gross").encode())
    found = read_settings({"CONFIG_DIR": str(tmp_path)}).policy("x")
    assert (found.newest_versions, found.keep) == (3, ("gross*",))


def test_specs_for_all_channels_may_name_one_of_them(tmp_path: Path) -> None:
    text = "include = ['x::a', '*::b', 'b']\n[channels.x]\n[channels.y]\nkeep = ['y::c']"
    assert settings(tmp_path, text).policy("y").keep == ("y::c",)


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "mirror.toml").mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        read_settings({"CONFIG_DIR": str(tmp_path)})


def test_the_example_is_right_when_its_comments_are_taken_off() -> None:
    import tomllib

    lines = [re.sub(r"^#(?=[\[a-z])", "", line) for line in mirror_toml_example().splitlines()]
    found = understand(tomllib.loads("\n".join(lines)), Policy())
    assert found.problems == ()
    assert set(found.channels) == {"conda-forge", "pkgs/main", "team"}
    assert [environment.name for environment in found.environments] == ["ml"]
    assert found.defaults["cooldown_days"] == Policy().cooldown_days
