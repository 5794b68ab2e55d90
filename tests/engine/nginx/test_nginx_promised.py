"""What is listed and not here: the real nginx, the fetcher behind it, and real clients."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.clients.clients import Variant, conda_create, rattler_install
from tests.support.clients.faithful_reader import FaithfulReader
from tests.support.clients.nginx import Nginx, executable, free_port, serving
from tests.support.mirror import fetcher as fetchers
from tests.support.mirror.appliance import Appliance
from tests.support.mirror.fetcher import Fetcher
from tests.support.mirror.sync_harness import wait_until
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

HERE = package("here")
PROMISED = package("promised", padding_bytes=300_000)
TOOL = package("tool", depends=("lib", "here"))
LIB = package("lib", extension=".tar.bz2")
OTHERS = [package(f"other{number}") for number in range(6)]
ARTIFACTS = "/conda-forge/linux-64/*.*"
KEEP_BUT_ASK = "public, no-cache"


@dataclass(frozen=True, slots=True)
class Running:
    appliance: Appliance
    upstream: ChannelSimulator
    nginx: Nginx
    fetcher: Fetcher

    def url(self, one: Package, *, below: str = "") -> str:
        return f"{self.nginx.url}{below}/conda-forge/{one.subdir}/{one.filename}"

    def asked(self, one: Package) -> int:
        """How often upstream was."""
        return self.upstream.count(f"/conda-forge/{one.subdir}/{one.filename}")


@pytest.fixture
def running(conda_exe: Path, tmp_path: Path) -> Iterator[Running]:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with ChannelSimulator() as upstream, tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        upstream.channel("conda-forge").publish(HERE, PROMISED, TOOL, LIB, *OTHERS)
        mirror = Path(folder)
        mirror.chmod(0o755)
        appliance = Appliance(
            mirror, tmp_path, upstream.url, conda_exe, {"ON_DEMAND": "yes", "INCLUDE": "here"}
        )
        appliance.update()
        with (
            fetchers.started(tmp_path, appliance.environment()) as fetcher,
            serving(mirror, fetcher=f"127.0.0.1:{fetcher.port}") as nginx,
        ):
            yield Running(appliance, upstream, nginx, fetcher)


def test_every_record_is_listed_and_resolves(running: Running) -> None:
    reader = FaithfulReader(running.nginx.url)
    published = reader.read("conda-forge", "linux-64")
    assert published.records.keys() == {
        one.filename for one in (HERE, PROMISED, TOOL, LIB, *OTHERS)
    }
    assert running.asked(HERE) == 1 and running.asked(PROMISED) == 0
    assert reader.check_artifacts(published) == 10
    assert [running.asked(one) for one in (HERE, PROMISED, TOOL, LIB, *OTHERS)] == [1] * 10
    assert reader.check_artifacts(published) == 10  # by nginx alone
    running.appliance.update()
    assert [running.asked(one) for one in (HERE, PROMISED)] == [1, 1]


def test_cold_and_warm_it_is_served_alike(running: Running) -> None:
    cold = requests.get(running.url(PROMISED), timeout=30)
    assert (cold.status_code, cold.content) == (200, PROMISED.data)
    wait_until(lambda: "ETag" in requests.get(running.url(PROMISED), timeout=30).headers, "kept")
    warm = requests.get(running.url(PROMISED), timeout=30)
    assert warm.content == PROMISED.data
    for name in ("Content-Length", "Content-Type", "Cache-Control", "X-Content-Type-Options"):
        assert cold.headers[name] == warm.headers[name]
    assert cold.headers["Cache-Control"] == KEEP_BUT_ASK
    etag = {"If-None-Match": warm.headers["ETag"]}
    assert requests.get(running.url(PROMISED), headers=etag, timeout=30).status_code == 304
    assert running.asked(PROMISED) == 1


@pytest.mark.parametrize("header", ["bytes=-65536", "bytes=0-99", "bytes=100-"])
def test_ranges_cold(running: Running, header: str) -> None:
    first, last = header.removeprefix("bytes=").split("-")
    expected = (
        PROMISED.data[-int(last) :]
        if not first
        else PROMISED.data[int(first) : int(last) + 1 if last else None]
    )
    got = requests.get(running.url(PROMISED), headers={"Range": header}, timeout=30)
    assert (got.status_code, got.content) == (206, expected)
    assert got.headers["Content-Range"].endswith(f"/{len(PROMISED.data)}")


def test_a_head_fetches_nothing(running: Running) -> None:
    got = requests.head(running.url(PROMISED), timeout=30)
    assert got.status_code == 200
    assert got.headers["Content-Length"] == str(len(PROMISED.data))
    assert running.asked(PROMISED) == 0


@pytest.mark.parametrize("below", ["/cloud", "/anaconda/cloud"])
def test_every_address_of_it(running: Running, below: str) -> None:
    assert requests.get(running.url(PROMISED, below=below), timeout=30).content == PROMISED.data


def test_of_a_snapshot(running: Running) -> None:
    (snapshot,) = (running.appliance.mirror / "index/conda-forge/snapshots").iterdir()
    below = f"/snapshots/{snapshot.name}"
    assert requests.get(running.url(PROMISED, below=below), timeout=30).content == PROMISED.data


def test_a_snapshot_whose_promise_was_replaced_says_so(running: Running) -> None:
    (snapshot,) = (running.appliance.mirror / "index/conda-forge/snapshots").iterdir()
    new = package("promised", padding_bytes=10)
    running.upstream.channel("conda-forge").publish(new)
    assert running.appliance.syncer("--once").code == 0
    before = requests.get(running.url(PROMISED), timeout=30)  # not published yet
    assert before.status_code == 404
    assert running.appliance.indexer("--once").code == 0
    assert requests.get(running.url(new), timeout=30).content == new.data
    old = requests.get(running.url(PROMISED, below=f"/snapshots/{snapshot.name}"), timeout=30)
    assert old.status_code == 404 and "no longer listed" in old.text


def test_what_nobody_lists_is_404(running: Running) -> None:
    got = requests.get(running.url(package("nobody")), timeout=30)
    assert (got.status_code, got.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "no channel of this mirror lists it" in got.text
    assert (
        requests.get(
            f"{running.nginx.url}/~kept/conda-forge/linux-64/x-1-0.conda", timeout=30
        ).status_code
        == 404
    )
    assert (
        requests.get(
            f"{running.nginx.url}/~kept/conda-forge/linux-64/{HERE.filename}", timeout=30
        ).status_code
        == 404
    )
    assert (
        requests.get(f"{running.nginx.url}/conda-forge/linux-64/no.json", timeout=30).status_code
        == 404
    )


def test_a_fetcher_that_is_down_harms_only_what_is_promised(running: Running) -> None:
    assert requests.get(running.url(PROMISED), timeout=30).content == PROMISED.data
    wait_until(lambda: "ETag" in requests.get(running.url(PROMISED), timeout=30).headers, "kept")
    running.fetcher.process.kill()
    running.fetcher.process.wait()
    assert requests.get(running.url(HERE), timeout=30).content == HERE.data
    assert requests.get(running.url(PROMISED), timeout=30).content == PROMISED.data
    got = requests.get(running.url(TOOL), timeout=30)
    assert (got.status_code, got.headers["Retry-After"]) == (503, "5")
    assert "the fetcher does not answer" in got.text


def test_upstream_away_is_said_with_when_to_ask_again(running: Running) -> None:
    running.upstream.script(ARTIFACTS, faults.status(500, times=None))
    got = requests.get(running.url(PROMISED), timeout=60)
    assert got.status_code == 503 and int(got.headers["Retry-After"]) > 0
    assert "," not in got.headers["Retry-After"]
    assert "can't be had from upstream now" in got.text


def test_wrong_bytes_are_cut_or_502(running: Running) -> None:
    running.upstream.script(ARTIFACTS, faults.wrong_bytes(times=None))
    try:
        got = requests.get(running.url(PROMISED), timeout=30)
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
        pass
    else:  # it had not begun; or it had, and this library does not mind that bytes are missing
        assert got.status_code == 502 or len(got.content) < len(PROMISED.data)
    got = requests.get(running.url(TOOL), timeout=30)
    assert got.status_code == 502 and "other bytes" in got.text


def test_without_a_fetcher_it_is_404_as_ever(running: Running) -> None:
    with serving(running.appliance.mirror) as alone:
        got = requests.get(f"{alone.url}/conda-forge/linux-64/{TOOL.filename}", timeout=30)
        assert got.status_code == 404
        found = requests.get(f"{alone.url}/conda-forge/linux-64/{HERE.filename}", timeout=30)
        assert found.content == HERE.data


def test_a_fetcher_that_nobody_finds_is_no_reason_not_to_start(running: Running) -> None:
    with serving(running.appliance.mirror, fetcher=f"127.0.0.1:{free_port()}") as alone:
        got = requests.get(f"{alone.url}/conda-forge/linux-64/{TOOL.filename}", timeout=30)
        assert got.status_code == 503


@pytest.mark.parametrize("variant", ["shards", "zst", "json"])
def test_rattler_installs_cold_and_warm(running: Running, tmp_path: Path, variant: Variant) -> None:
    url = f"{running.nginx.url}/conda-forge"
    for number in range(2):
        prefix = tmp_path / f"prefix{number}"
        cache = tmp_path / f"cache{number}"
        result = rattler_install(url, "linux-64", ["tool"], prefix, variant=variant, cache=cache)
        assert result.error is None
        assert len(list((prefix / "conda-meta").glob("*.json"))) == 3
    assert [running.asked(one) for one in (TOOL, LIB, HERE, PROMISED)] == [1, 1, 1, 0]


def test_conda_installs_cold(running: Running, tmp_path: Path, conda_exe: Path) -> None:
    url = f"{running.nginx.url}/conda-forge"
    done = conda_create(conda_exe, url, ["tool"], tmp_path / "prefix")
    assert done.error is None
    assert running.asked(TOOL) == 1
