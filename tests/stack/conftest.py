"""Images are built once; the appliance that most tests use is started and synced once."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.compose import REPOSITORY, Stack, started

IMAGES = "conda-mirror-test"
SUBDIRS = ("linux-64", "linux-aarch64", "noarch", "osx-64", "win-64")


def _has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def images() -> Iterator[None]:
    """All three images, built by Compose on what this machine has for a base."""
    if not _has_docker():
        pytest.skip("no Docker Engine on this machine")
    prepared = subprocess.run(
        [REPOSITORY / "tests/machine/images.sh"], capture_output=True, text=True, check=True
    ).stdout
    settings = {"IMAGE_PREFIX": IMAGES, "VERSION": "test", "SYNC_AT_START": "no"}
    settings |= dict(pair.split("=", 1) for pair in prepared.split())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in (
            "CHANNELS",
            "SUBDIRS",
            "INCLUDE",
            "EXCLUDE",
            "MIRROR_DATA",
            "MIRROR_BIND",
            "UPSTREAM_SECRETS",
            "INSTALLERS",
        ):
            patch.delenv(name, raising=False)
        Stack().must("build")
        yield


@pytest.fixture(scope="session")
def base_image(images: None) -> str:
    """The image that syncer and nginx are built on."""
    return os.environ["BASE_IMAGE"]


@pytest.fixture(scope="session")
def real_mirror(images: None, realdata: Path) -> Iterator[Stack]:
    """The appliance with the real packages as its upstream: synced once, and published."""
    upstream = str(realdata / "upstream")
    with started(UPSTREAM_DIR=upstream, SUBDIRS=" ".join(SUBDIRS)) as stack:
        finished = stack.syncer("--once")
        assert finished.code == 0, finished
        stack.wait_published()
        yield stack


@pytest.fixture(scope="module")
def demo_mirror(images: None) -> Iterator[Stack]:
    """The appliance with the demo's small upstream, synced and published."""
    with started() as stack:
        finished = stack.syncer("--once")
        assert finished.code == 0, finished
        stack.wait_published()
        yield stack
