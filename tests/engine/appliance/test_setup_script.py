"""/setup.sh as a user runs it, and real clients afterwards, with nothing else configured."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from indexer.site import site_files
from tests.support.clients.clients import isolated_environment, rattler_install
from tests.support.clients.nginx import Nginx, executable, serving
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, volumes
from tests.support.upstream.demo_channel import demo_packages

ADDRESSES = ["https://conda.anaconda.org/conda-forge", "conda-forge"]

OWN_FILES = {
    "nothing": {},
    "other settings": {
        ".condarc": "auto_activate_base: false\n",
        ".pixi/config.toml": 'pinning-strategy = "semver"\n\n[shell]\nchange-ps1 = false',
        ".conda/condarc.d/team.yml": "pip_interop_enabled: true\n",
    },
    "a list of channels": {".condarc": "channels:\n  - conda-forge  # ours\n"},
}


@pytest.fixture(scope="module")
def mirror(conda_exe: Path) -> Iterator[Nginx]:
    """A mirror of conda-forge with the demo's packages."""
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        Path(folder).chmod(0o755)
        committed = CommittedMirror.below(Path(folder))
        committed.commit(*demo_packages())
        working = volumes(committed.mirror, committed.state, conda_exe, clock=time.time)
        IndexedMirror(committed, working).index()
        site_files.write(working)
        with serving(committed.mirror.root) as nginx:
            yield nginx


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a home of their own, who reaches the mirror and no other host."""

    home: Path
    url: str

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **isolated_environment(self.home, self.url),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "CONDA_SOLVER": "classic",
            "CONDA_REMOTE_MAX_RETRIES": "1",
            "CONDA_PKGS_DIRS": str(self.home / "work" / "packages"),
            "CONDA_ENVS_DIRS": str(self.home / "work" / "environments"),
            **settings,
        }
        return subprocess.run(
            command, env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = " ".join(["sh", "-s", "--", *arguments])
        return self.run("bash", "-o", "pipefail", "-c", f"curl -fsS {self.url}/setup.sh | {words}")

    def files(self) -> dict[str, bytes | None]:
        """All that is configured, byte for byte; folders too."""
        return {
            str(path.relative_to(self.home)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.home.rglob("*"))
            if path.relative_to(self.home).parts[0] not in {"work", "cache"}
        }


@pytest.fixture(params=OWN_FILES)
def user(request: pytest.FixtureRequest, tmp_path: Path, mirror: Nginx) -> User:
    """Users with different configurations of their own."""
    for name, text in OWN_FILES[request.param].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return User(tmp_path, mirror.url)


@pytest.fixture
def newcomer(tmp_path: Path, mirror: Nginx) -> User:
    return User(tmp_path, mirror.url)


def test_it_is_clean_shell(mirror: Nginx, tmp_path: Path) -> None:
    script = tmp_path / "setup.sh"
    script.write_text(requests.get(f"{mirror.url}/setup.sh").text)
    subprocess.run(["sh", "-n", script], check=True)
    try:
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no shellcheck on this machine: apt-get install shellcheck")
    assert done.stdout == ""


def test_a_dry_run_changes_nothing_and_shows_what_would_be(user: User) -> None:
    before = user.files()
    said = user.setup("--dry-run")
    assert (said.returncode, said.stderr) == (0, "")
    assert f"would write {user.home}/.conda/condarc.d/conda-lan-mirror.yml:" in said.stdout
    assert f"+ channel_alias: {user.url}/cloud" in said.stdout
    assert "Nothing was changed" in said.stdout
    assert user.files() == before


def test_set_up_twice_is_set_up_once_and_undo_leaves_what_was_there(user: User) -> None:
    before = user.files()
    assert user.setup().returncode == 0
    after = user.files()
    assert after != before
    again = user.setup()
    assert again.stdout.count("is up to date") == 2
    assert user.files() == after
    would = user.setup("--undo", "--dry-run")
    assert "would remove" in would.stdout
    assert user.files() == after
    assert user.setup("--undo").returncode == 0
    assert user.files() == before
    assert "nothing to undo" in user.setup("--undo").stdout


def test_the_example_that_it_proposes_installs_with_conda(user: User, conda_exe: Path) -> None:
    said = user.setup()
    assert said.returncode == 0, said.stdout + said.stderr
    proposed = said.stdout.rsplit("Try: ", 1)[1].split()
    assert proposed[0] == "conda"
    done = user.run(str(conda_exe), *proposed[1:], "--yes", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(
        next((user.home / "work").glob("environments/*/conda-meta/*.json")).read_text()
    )
    assert record["url"].startswith(f"{user.url}/cloud/conda-forge/")


@pytest.mark.parametrize("channel", ADDRESSES)
def test_names_and_addresses_of_the_channel_mean_the_mirror(
    newcomer: User, conda_exe: Path, channel: str
) -> None:
    assert newcomer.setup().returncode == 0
    create = ["create", "--yes", "--quiet", "--name", "try", "--override-channels", "--channel"]
    done = newcomer.run(str(conda_exe), *create, channel, "hello-mirror")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = newcomer.run(str(conda_exe), "env", "export", "--name", "try")
    assert "- conda-forge" in listed.stdout


def test_after_undo_conda_is_on_its_own_again(newcomer: User, conda_exe: Path) -> None:
    newcomer.setup()
    newcomer.setup("--undo")
    shown = newcomer.run(str(conda_exe), "config", "--show", "channel_alias")
    assert shown.stdout.strip() == "channel_alias: https://conda.anaconda.org"


def test_pixis_mirrors_send_upstreams_addresses_here(newcomer: User) -> None:
    assert newcomer.setup().returncode == 0
    configuration = tomllib.loads((newcomer.home / ".pixi/config.toml").read_text())
    assert configuration["default-channels"] == ["conda-forge"]
    prefix = newcomer.home / "work" / "prefix"
    result = rattler_install(
        "https://conda.anaconda.org/conda-forge", "linux-64", ["hello-mirror"], prefix,
        mirrors=configuration["mirrors"],
    )  # fmt: skip
    assert result.error is None
    # What is recorded stays upstream's, so lock files work anywhere.
    record = json.loads(next((prefix / "conda-meta").glob("hello-mirror-*.json")).read_text())
    assert record["url"].startswith("https://conda.anaconda.org/conda-forge/linux-64/")


def test_what_stands_against_the_mirror_is_named(newcomer: User) -> None:
    (newcomer.home / ".condarc").write_text(
        "channels: [defaults, conda-forge]\nchannel_alias: https://other.example\n"
    )
    (newcomer.home / ".pixi").mkdir()
    (newcomer.home / ".pixi/config.toml").write_text('[mirrors]\n"https://a" = ["https://b"]\n')
    before = newcomer.files()
    said = newcomer.setup()
    assert said.returncode == 3
    assert "names the channel 'defaults', which this mirror does not have" in said.stderr
    assert f"{newcomer.home}/.condarc sets channel_alias, which counts more" in said.stderr
    assert (
        ".pixi/config.toml has mirrors of its own; these lines would go among them" in said.stderr
    )
    assert "'conda-forge'" not in said.stderr
    assert "+ channels:" not in said.stdout
    newcomer.setup("--undo")
    assert newcomer.files() == before


def test_what_was_edited_afterwards_is_not_lost(newcomer: User) -> None:
    newcomer.setup()
    place = newcomer.home / ".conda/condarc.d/conda-lan-mirror.yml"
    place.write_text(place.read_text() + "ssl_verify: false\n")
    edited = place.read_text()
    again = newcomer.setup()
    assert again.returncode == 3
    assert "was edited and stays as it is" in again.stderr
    assert place.read_text() == edited
    newcomer.setup("--undo")
    assert not place.exists()
    assert place.with_name("conda-lan-mirror.yml.edited").read_text() == edited


def test_a_file_of_the_same_name_that_is_not_ours_stays(newcomer: User) -> None:
    place = newcomer.home / ".conda/condarc.d/conda-lan-mirror.yml"
    place.parent.mkdir(parents=True)
    place.write_text("channel_priority: strict\n")
    said = newcomer.setup()
    assert said.returncode == 3
    assert "is not of this set-up and stays as it is" in said.stderr
    assert place.read_text() == "channel_priority: strict\n"


def test_bad_input(newcomer: User, mirror: Nginx) -> None:
    said = newcomer.setup("--no-such")
    assert said.returncode == 2
    assert "'--no-such' is no option" in said.stderr
    homeless = newcomer.run("sh", "-c", f"curl -fsS {mirror.url}/setup.sh | sh", HOME="")
    assert homeless.returncode == 2
    assert "HOME is not set" in homeless.stderr
