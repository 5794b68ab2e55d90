"""Every kind of channel that there is, over HTTP: where it is asked for, and what it is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream.directory_upstream import DirectoryUpstream
from tests.support.upstream.http_server import HttpServer
from tests.support.upstream.packages import package

DATA = package("n", subdir="noarch")


@pytest.mark.parametrize(
    "channel",
    [
        "pkgs/main", "pkgs/free", "pkgs/r", "pkgs/msys2", "pkgs/pro", "pkgs/mro", "conda-forge",
        "bioconda", "pytorch", "nvidia", "menpo", "msys2", "conda-forge/label/rc",
    ],
)  # fmt: skip
def test_a_named_channel(syncer: Syncer, channel: str) -> None:
    syncer.upstream.channel(channel).publish(package("a"), DATA)
    assert syncer.run(CHANNELS=channel).status == "success"
    assert len(syncer.volumes.committed(channel)) == 2
    assert all(one.path.startswith(f"/{channel}/") for one in syncer.upstream.log)


@pytest.mark.parametrize("root", ["anaconda/cloud", "anaconda/pkgs"])
def test_a_university_mirror_is_a_plain_base(syncer: Syncer, root: str) -> None:
    """TUNA and BFSU: https://host/anaconda/cloud/<channel> and /anaconda/pkgs/<channel>."""
    name = "pkgs/main" if root.endswith("pkgs") else "conda-forge"
    syncer.upstream.channel(f"{root}/{name.rpartition('/')[2]}").publish(package("a"))
    syncer.environment |= {
        "CONDA_CLOUD_URL": f"{syncer.upstream.url}/anaconda/cloud",
        "CONDA_REPO_URL": f"{syncer.upstream.url}/anaconda",
    }
    assert syncer.run(CHANNELS=name).status == "success"
    assert len(syncer.volumes.committed(name)) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("artifactory/api/conda/team-conda", "team-conda"),  # Artifactory
        ("repository/conda-proxy/main", "main"),  # Nexus
        ("get/quetz-channel", "quetz-channel"),  # Quetz
        ("my-prefix-channel", "my-prefix-channel"),  # prefix.dev
        ("~someone/plain", "plain"),  # files behind any web server
        ("snapshots/20260101T000000Z/conda-forge", "conda-forge"),  # another appliance, pinned
    ],
)
def test_a_channel_given_as_a_url(syncer: Syncer, path: str, name: str) -> None:
    syncer.upstream.channel(path).publish(package("a"), DATA)
    syncer.environment |= {
        "CONDA_CLOUD_URL": "http://127.0.0.1:9",
        "CONDA_REPO_URL": "http://127.0.0.1:9",
    }
    for word, expected in (
        (f"{syncer.upstream.url}/{path}/", name),
        (f"team={syncer.upstream.url}/{path}", "team"),
    ):
        assert syncer.run(CHANNELS=word).status == "success"
        assert len(syncer.volumes.committed(expected)) == 2


REAL = {"mojo-channel": "linux-aarch64", "conda_format_repo": "linux-64"}


@pytest.fixture(params=[*REAL, "conda-forge"])
def real_channel(request: pytest.FixtureRequest, realdata: Path) -> Iterator[tuple[str, str]]:
    """A real channel of a public repository, served as plain files."""
    root = "upstream" if request.param == "conda-forge" else "channels"
    with HttpServer(DirectoryUpstream(realdata / root)) as server:
        server.start()
        yield str(request.param), server.url


def test_a_real_channel(syncer: Syncer, real_channel: tuple[str, str], realdata: Path) -> None:
    name, url = real_channel
    syncer.environment["SUBDIRS"] = "linux-64 linux-aarch64 osx-arm64 osx-64 win-64"
    result = syncer.channel(CHANNELS=f"{name}={url}/{name}")
    root = "upstream" if name == "conda-forge" else "channels"
    held = {
        f"{path.parent.name}/{path.name}"
        for ending in ("conda", "tar.bz2")
        for path in (realdata / root / name).glob(f"*/*.{ending}")
    }
    assert result.downloaded > 0
    # The repository that holds these channels has not every artifact that their indexes name.
    assert all("answered 404" in one.reason for one in result.failures)
    assert set(syncer.volumes.committed(name)) <= held
    assert broken_promises(syncer.volumes, name) == []


def test_notices_and_patch_instructions_are_kept(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(package("a"))
    channel.put_file("notices.json", b'{"notices": []}')
    channel.put_file("linux-64/patch_instructions.json", b'{"patch_instructions_version": 1}')
    assert syncer.run().status == "success"
    with syncer.volumes.ledger() as ledger:
        assert ledger.other_keys("") == {"document.notices.json": '{"notices": []}'}
        key = "document.patch_instructions.json"
        assert ledger.other_keys("linux-64")[key] == '{"patch_instructions_version": 1}'
        assert ledger.subdirs() == ["linux-64", "noarch"]
    channel.put_file("notices.json", b"no JSON")
    channel.publish(package("b"))
    result = syncer.channel()
    assert result.status == "success"
    assert "notices.json can't be used, going on without a new one" in str(result.warnings)
    with syncer.volumes.ledger() as ledger:
        assert ledger.other_keys("") == {"document.notices.json": '{"notices": []}'}
