"""What an admin does with the appliance, and what goes wrong for them."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from docs import sbom
from tests.stack.compose import REPOSITORY, Stack, started
from tests.support.upstream.demo_channel import write_demo_upstream
from tests.support.upstream.packages import package

REPODATA = "/cloud/conda-forge/linux-64/repodata.json"
# What each image has on top of its base. The syncer's: 55 MB of rattler alone, for MatchSpecs,
# closures and lock files, 40 MB of other libraries, 50 MB of Python and supercronic.
ADDED_MEGABYTES = {"syncer": 185, "nginx": 15}
CONTEXT_BYTES = 3_000_000  # 2 MB of source; .git, .venv or tests would be many times that


@pytest.mark.parametrize("service", ["syncer", "indexer", "nginx"])
def test_containers_are_hardened(demo_mirror: Stack, service: str) -> None:
    found = demo_mirror.inspect(service)
    host = found["HostConfig"]
    assert found["State"]["Health"]["Status"] == "healthy"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Init"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert demo_mirror.must("exec", "-T", service, "id", "-u").strip() != "0"


@pytest.mark.parametrize("service", ["syncer", "indexer", "nginx"])
def test_no_program_changes_who_it_runs_as(demo_mirror: Stack, service: str) -> None:
    command = "find / -xdev -type f -perm /6000"
    assert demo_mirror.run("exec", "-T", service, "sh", "-c", command).out == ""


def test_every_image_says_what_it_holds(images: None, tmp_path: Path) -> None:
    assert sbom.main([str(tmp_path)]) == 0
    named = {}
    for program in sbom.PROGRAMS:
        found = json.loads((tmp_path / f"{program}.cdx.json").read_text())
        assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
        references = [one["bom-ref"] for one in found["components"]]
        assert len(references) == len(set(references)) > 50
        named[program] = {one["purl"].partition("@")[0] for one in found["components"]}
        labels = {one["name"] for one in found["metadata"]["component"]["properties"]}
        assert "org.opencontainers.image.base.name" in labels
    assert {"pkg:deb/debian/supercronic", "pkg:pypi/pycurl", "pkg:pypi/py-rattler"} <= (
        named["syncer"]
    )
    assert {"pkg:deb/debian/nginx", "pkg:deb/debian/libssl3t64"} <= named["nginx"]
    assert {"pkg:pypi/conda-index", "pkg:pypi/jinja2", "pkg:pypi/zstandard"} <= named["indexer"]


def test_nginx_cannot_write_and_the_indexer_has_no_network(demo_mirror: Stack) -> None:
    assert demo_mirror.run("exec", "-T", "nginx", "touch", "/srv/mirror/x").code != 0
    assert demo_mirror.inspect("indexer")["HostConfig"]["NetworkMode"] == "none"


def test_a_real_conda_installs_a_program_that_runs(demo_mirror: Stack) -> None:
    shown = demo_mirror.client(
        "conda create --yes --quiet --prefix /tmp/env --override-channels"
        " --channel http://nginx:8080/conda-forge hello-mirror >&2; /tmp/env/bin/hello-mirror"
    )
    assert shown == "Hello from your mirror!\n"


def test_a_second_sync_is_refused_and_told_who_is_first(demo_mirror: Stack) -> None:
    # Another container holds the lock, as a long sync would.
    lock = "/srv/state/locks/sync.lock"
    with demo_mirror.popen("exec", "-T", "syncer", "flock", lock, "sleep", "60") as holder:
        try:
            demo_mirror.wait(
                "lock held",
                lambda: (
                    demo_mirror.run("exec", "-T", "syncer", "flock", "-n", lock, "true").code != 0
                ),
                20,
                "syncer",
            )
            refused = demo_mirror.syncer("--once")
        finally:
            # `exec` leaves its process behind when the client ends.
            demo_mirror.run("restart", "--timeout", "5", "syncer")
            holder.kill()
    assert refused.code == 11, refused
    assert "--wait" in refused.err
    assert demo_mirror.syncer("--once", "--wait", "30").code == 0


@pytest.fixture
def recovering(demo_mirror: Stack) -> Iterator[Stack]:
    """For tests that fail a sync: the next good one has to put everything right."""
    yield demo_mirror
    assert demo_mirror.syncer("--once").code == 0
    assert demo_mirror.run("exec", "-T", "syncer", "python3", "-m", "syncer", "health").code == 0


def test_a_wrong_channel_name_is_said_and_harms_nothing(recovering: Stack) -> None:
    before = recovering.get(REPODATA).content
    finished = recovering.syncer("--once", CHANNELS="conda-frog")
    assert finished.code == 1, finished
    assert "conda-frog" in finished.err + finished.out
    assert recovering.get(REPODATA).content == before


def test_a_misspelt_setting_is_said_by_all_means(demo_mirror: Stack) -> None:
    finished = demo_mirror.syncer("--once", SUBDIR="linux-64", SYNC_CONNECTIONS="many")
    assert finished.code == 2, finished
    assert "SYNC_CONNECTIONS" in finished.err
    assert "SUBDIRS" in finished.err


def test_upstream_down_is_said_and_harms_nothing(recovering: Stack) -> None:
    finished = recovering.syncer(
        "--once", CONDA_CLOUD_URL="http://upstream:9", SYNC_TRIES="2", SYNC_TIMEOUT_SECONDS="5"
    )
    assert finished.code == 1, finished
    assert "upstream:9" in finished.err + finished.out
    assert recovering.get(REPODATA).ok


def test_nginx_serves_while_the_others_are_down(demo_mirror: Stack) -> None:
    demo_mirror.must("stop", "--timeout", "20", "syncer", "indexer")
    try:
        assert demo_mirror.get(REPODATA).ok
        demo_mirror.must("restart", "--timeout", "20", "nginx")
        demo_mirror.wait("answer", lambda: _answers(demo_mirror), 20, "nginx")
        assert demo_mirror.get(REPODATA).ok
        for service in ("syncer", "indexer"):
            # Not killed: that would be 137.
            assert demo_mirror.inspect(service)["State"]["ExitCode"] == 0, service
    finally:
        demo_mirror.must("up", "--detach", "--wait", "syncer", "indexer")


def _answers(stack: Stack) -> bool:
    try:
        return stack.get("/healthz").ok
    except requests.ConnectionError:
        return False


def test_stopping_is_fast(demo_mirror: Stack) -> None:
    started_at = time.monotonic()
    demo_mirror.must("stop")
    elapsed = time.monotonic() - started_at
    demo_mirror.must("up", "--detach", "--wait", "upstream", "syncer", "indexer", "nginx")
    assert elapsed < 10


def test_supercronic_fires(images: None) -> None:
    with started(SYNC_SCHEDULE="*/2 * * * * * *", SYNC_JITTER_MINUTES="0") as stack:
        stack.wait("a scheduled sync", lambda: stack.get(REPODATA).ok, 60, "syncer")
        count = len(stack.requests_upstream())
        stack.wait("another one", lambda: len(stack.requests_upstream()) > count, 20, "syncer")


def test_first_start_syncs_by_itself(images: None) -> None:
    with started(SYNC_AT_START="yes") as stack:
        stack.wait("an index", lambda: stack.get(REPODATA).ok, 60, "syncer")


def test_bind_mount_with_own_user_and_hand_filled_channel(images: None, tmp_path: Path) -> None:
    upstream, data = tmp_path / "upstream", tmp_path / "data"
    write_demo_upstream(upstream)
    data.mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # nginx is another user
    settings = {"MIRROR_DATA": str(data), "PUID": "4321", "PGID": "4322"}
    with started(UPSTREAM_DIR=str(upstream), **settings) as stack:
        assert stack.syncer("--once").code == 0
        stack.wait_published()
        artifacts = list((data / "channels" / "conda-forge").rglob("*.conda"))
        assert artifacts
        assert {(path.stat().st_uid, path.stat().st_gid) for path in artifacts} == {(4321, 4322)}

        mine = package("in-house", "1.0", subdir="noarch")
        folder = data / "local" / "house" / "noarch"
        folder.mkdir(parents=True)
        (folder / mine.filename).write_bytes(mine.data)
        listed = "/house/noarch/repodata.json"
        stack.wait("the hand-filled channel", lambda: stack.get(listed).ok, 60, "indexer")
        assert stack.get(f"/house/noarch/{mine.filename}").content == mine.data


def test_root_as_owner_is_refused(images: None) -> None:
    stack = Stack({"PUID": "0"})
    try:
        finished = stack.run("run", "--rm", "--no-TTY", "volume-init")
        assert finished.code == 1
        assert "PUID" in finished.err
    finally:
        stack.run("down", "--volumes")


@pytest.mark.parametrize("service", sorted(ADDED_MEGABYTES))
def test_images_are_small(base_image: str, service: str) -> None:
    def size(image: str) -> int:
        command = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    added = size(f"conda-mirror-test/{service}:test") - size(base_image)
    assert added < ADDED_MEGABYTES[service] * 1_000_000


def test_build_context_is_small(base_image: str) -> None:
    # An image that is nothing but the context.
    dockerfile = f"FROM {base_image}\nCOPY . /context\nRUN du -sb /context > /size\n"
    tag = "conda-mirror-test/context:test"
    common = ["docker", "buildx", "build", "--quiet", "--load", "--tag", tag, "--file", "-", "."]
    subprocess.run(common, input=dockerfile, text=True, cwd=REPOSITORY, check=True)
    shown = subprocess.run(
        ["docker", "run", "--rm", tag, "cat", "/size"], capture_output=True, text=True, check=True
    ).stdout
    subprocess.run(["docker", "rmi", tag], capture_output=True, check=True)
    assert int(shown.split()[0]) < CONTEXT_BYTES
