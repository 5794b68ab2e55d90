"""An appliance that an admin has configured: a private upstream, a policy, an environment, a lock
file and installers.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.stack.compose import SERVICES, Finished, Stack, started
from tests.support.upstream.demo_channel import demo_packages, write_channel
from tests.support.upstream.packages import package

SECRET = "planted-0123456789-secret"
FRESH = package("demo-gamma", "3.0", subdir="noarch", timestamp=int(time.time() * 1000))
DELISTED = package("tool", "0.9", files={"bin/tool": (b"#!/bin/sh\necho locked\n", 0o755)})
INSTALLER = "Miniforge3-Linux-x86_64.sh"
LOCK = "service/explicit.txt"
POLICY = """\
[channels.conda-forge]
include = ["demo-gamma >=2"]
cooldown_days = 7

[environments.hello]
channels = ["conda-forge"]
specs = ["hello-mirror"]
spec_files = ["service/explicit.txt"]
"""
MIRRORED = {
    "hello-mirror-1.0-0.conda",
    "greeting-recipient-1.1-0.conda",
    "greeting-2.0-0.conda",
    "demo-alpha-1.0-0.conda",
    "demo-gamma-2.0-0.conda",
}


@dataclass(slots=True)
class Configured:
    """The appliance with its admin's folders, and what it has said so far."""

    stack: Stack
    config: Path
    secrets: Path
    said: list[Finished] = field(default_factory=list)

    def syncer(self, *arguments: str) -> Finished:
        """`docker compose exec syncer`: the settings are the container's, and it starts faster."""
        command = ("python3", "-m", "syncer", *arguments)
        finished = self.stack.run("exec", "-T", "-e", "SYNC_TRIES=1", "syncer", *command)
        self.said.append(finished)
        return finished


def write_upstream(folder: Path) -> None:
    write_channel(folder / "conda-forge", [*demo_packages(), FRESH])
    (folder / "conda-forge" / "linux-64" / DELISTED.filename).write_bytes(DELISTED.data)
    release = folder / "miniforge"
    release.mkdir()
    content = b"#!/bin/sh\necho installed\n"
    (release / INSTALLER).write_bytes(content)
    (release / f"{INSTALLER}.sha256").write_text(
        f"{hashlib.sha256(content).hexdigest()}  ./{INSTALLER}\n"
    )


def explicit(base: str) -> str:
    """A lock file: one artifact that the index lists, and one that it does not list any more."""
    (alpha,) = (one for one in demo_packages() if one.filename == "demo-alpha-1.0-0.conda")
    urls = (f"{base}/linux-64/{one.filename}#{one.record['md5']}" for one in (alpha, DELISTED))
    return "\n".join(["# platform: linux-64", "@EXPLICIT", *urls]) + "\n"


@pytest.fixture(scope="module")
def configured(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    root = tmp_path_factory.mktemp("admin")
    upstream, config, secrets = root / "upstream", root / "config", root / "secrets"
    for folder in (upstream, config, secrets, config / "service"):
        folder.mkdir()
    for folder in (root, *root.parents[:2]):
        folder.chmod(0o755)  # the syncer is another user
    write_upstream(upstream)
    (config / "mirror.toml").write_text(POLICY)
    (config / LOCK).write_text(explicit("https://mirror.example/conda-forge"))
    (secrets / "upstream:8000.bearer").write_text(f"{SECRET}\n")
    settings = {
        "UPSTREAM_DIR": str(upstream),
        "UPSTREAM_BEARER_SHA256": hashlib.sha256(SECRET.encode()).hexdigest(),
        "CONFIG_FOLDER": str(config),
        "UPSTREAM_SECRETS": str(secrets),
        "INSTALLERS": "miniforge",
        "MINIFORGE_URL": "http://upstream:8000/miniforge",
    }
    with started(**settings) as stack:
        yield Configured(stack, config, secrets)


@pytest.fixture(scope="module")
def dry_run(configured: Configured) -> Finished:
    """What the admin was told before the first sync."""
    finished = configured.stack.syncer("--once", "--dry-run", "--explain", "demo-gamma")
    configured.said.append(finished)
    return finished


@pytest.fixture(scope="module")
def synced(configured: Configured, dry_run: Finished) -> Configured:
    finished = configured.syncer("--once")
    assert finished.code == 0, finished
    configured.stack.wait_published()
    return configured


def listed(stack: Stack) -> set[str]:
    found = set()
    for subdir in ("linux-64", "noarch"):
        document = stack.get(f"/conda-forge/{subdir}/repodata.json").json()
        found |= {*document["packages"], *document["packages.conda"]}
    return found


def test_a_dry_run_says_what_and_why(dry_run: Finished) -> None:
    assert dry_run.code == 0, dry_run
    assert "conda-forge" in dry_run.out
    said = [line for line in dry_run.out.splitlines() if "/demo-gamma" in line]
    assert len(said) == 5
    (fresh,) = (line for line in said if FRESH.filename in line)
    assert "cooldown" in fresh
    (chosen,) = (line for line in said if "demo-gamma-2.0" in line)
    assert "wanted: include" in chosen


def test_the_environment_is_mirrored_and_nothing_else(synced: Configured) -> None:
    assert listed(synced.stack) == MIRRORED


def test_a_client_installs_environment_and_lock_file(synced: Configured) -> None:
    lock = explicit("http://nginx:8080/conda-forge")
    shown = synced.stack.client(
        "conda create --yes --quiet --prefix /tmp/env --override-channels"
        " --channel http://nginx:8080/conda-forge hello-mirror >&2; /tmp/env/bin/hello-mirror;"
        f" printf '%s' '{lock}' > /tmp/explicit.txt;"
        " conda create --yes --quiet --prefix /tmp/locked --file /tmp/explicit.txt >&2;"
        " /tmp/locked/bin/tool"
    )
    assert shown == "Hello from your mirror!\nlocked\n"


def test_installers_are_served_with_their_hashes(synced: Configured) -> None:
    content = synced.stack.get(f"/miniforge/{INSTALLER}").content
    assert content == b"#!/bin/sh\necho installed\n"
    sums = synced.stack.get("/miniforge/SHA256SUMS").text
    assert sums == f"{hashlib.sha256(content).hexdigest()}  {INSTALLER}\n"


def test_a_secret_is_in_its_folder_only(synced: Configured) -> None:
    stack = synced.stack
    for command in (("config",), ("config", "--json"), ("status", "--json"), ("doctor",)):
        finished = synced.syncer(*command)
        assert finished.code in {0, 1}, finished
    assert "upstream:8000: bearer" in synced.syncer("config").out
    texts = {f"syncer, run {number}": repr(one) for number, one in enumerate(synced.said)}
    texts["compose config"] = stack.must("config")
    texts["logs"] = stack.must("logs")
    texts |= {f"inspect {service}": repr(stack.inspect(service)) for service in SERVICES}
    assert [place for place, text in texts.items() if SECRET in text] == []
    assert "/run/upstream-secrets" in texts["inspect syncer"]
    for service in ("nginx", "indexer"):
        assert "secrets" not in texts[f"inspect {service}"].replace("/run/secrets/ca", "")

    def files_with(text: str) -> str:
        script = f"grep -rlaF -e '{text}' /srv/mirror /srv/state || test $? = 1"
        return stack.must("exec", "-T", "syncer", "sh", "-c", script)

    assert "ledger.db" in files_with("hello-mirror")  # so it does find what is there
    assert files_with(SECRET) == ""


@contextmanager
def changed(path: Path, text: str | None) -> Iterator[None]:
    """A file with other content for a while, or without the file."""
    before = path.read_bytes()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    try:
        yield
    finally:
        path.write_bytes(before)


def test_a_missing_secret_is_named(synced: Configured) -> None:
    with changed(synced.secrets / "upstream:8000.bearer", None):
        finished = synced.syncer("--once")
    assert finished.code == 1, finished
    assert "upstream:8000 wants credentials, and none are in SECRETS_DIR" in finished.out
    assert listed(synced.stack) == MIRRORED


def test_a_refused_secret_is_named(synced: Configured) -> None:
    with changed(synced.secrets / "upstream:8000.bearer", "another\n"):
        finished = synced.syncer("--once")
    assert finished.code == 1, finished
    assert "upstream:8000 refuses the credentials of upstream:8000.bearer" in finished.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("newest_version = 3\n", "newest_version is not a setting here; did you mean newest_ver"),
        ("[channels.conda-forge\n", "mirror.toml: "),
        ('[environments.x]\nspec_files = ["gone.yml"]\nchannels = ["conda-forge"]\n'
         "[channels.conda-forge]\n", "gone.yml can't be read (No such file or directory)"),
    ],
)  # fmt: skip
def test_a_mistake_in_mirror_toml_is_said(synced: Configured, text: str, words: str) -> None:
    with changed(synced.config / "mirror.toml", text):
        finished = synced.syncer("--once", "--dry-run")
    assert finished.code == 2, finished
    assert words in finished.err
