"""The simulated upstream behaves as servers do, and misbehaves exactly as scripted."""

import bz2
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import zstandard

from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

ZLIB = package("zlib", "1.3", run_exports={"weak": ["zlib"]})
ARTIFACT = "conda-forge/linux-64/zlib-1.3-0.conda"
INDEX = "conda-forge/linux-64/repodata.json"


@pytest.fixture
def upstream(simulator: ChannelSimulator) -> ChannelSimulator:
    simulator.channel("conda-forge").publish(ZLIB)
    return simulator


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Accept-Encoding"] = "identity"
        yield opened


def test_index_variants_agree_and_name_the_artifact(
    upstream: ChannelSimulator, session: requests.Session
) -> None:
    plain = session.get(f"{upstream.url}/{INDEX}").content
    zst = session.get(f"{upstream.url}/{INDEX}.zst").content
    assert zstandard.ZstdDecompressor().decompress(zst) == plain
    assert bz2.decompress(session.get(f"{upstream.url}/{INDEX}.bz2").content) == plain
    assert json.loads(plain)["packages.conda"] == {ZLIB.filename: ZLIB.record}
    assert session.get(f"{upstream.url}/{ARTIFACT}").content == ZLIB.data
    exports = session.get(f"{upstream.url}/conda-forge/linux-64/run_exports.json").json()
    assert exports["packages.conda"][ZLIB.filename] == {"run_exports": {"weak": ["zlib"]}}
    channeldata = session.get(f"{upstream.url}/conda-forge/channeldata.json").json()
    assert channeldata["packages"]["zlib"]["subdirs"] == ["linux-64"]
    assert session.get(f"{upstream.url}/conda-forge/noarch/repodata.json").ok


def test_variants_can_be_switched_off(upstream: ChannelSimulator) -> None:
    upstream.channel("conda-forge").variants = {"bz2"}
    got = {
        suffix: requests.get(f"{upstream.url}/{INDEX}{suffix}").status_code
        for suffix in ("", ".zst", ".bz2")
    }
    assert got == {"": 404, ".zst": 404, ".bz2": 200}


def test_names_with_slashes_and_prefixes_of_each_other(simulator: ChannelSimulator) -> None:
    for name in ("conda-forge", "conda-forge/label/rc", "pkgs/main"):
        simulator.channel(name).publish(package(name.replace("/", "-")))
        records = requests.get(f"{simulator.url}/{name}/linux-64/repodata.json").json()
        assert [r["name"] for r in records["packages.conda"].values()] == [name.replace("/", "-")]


def test_conditional_requests(upstream: ChannelSimulator, session: requests.Session) -> None:
    first = session.get(f"{upstream.url}/{INDEX}")
    by_tag = {"If-None-Match": first.headers["ETag"]}
    by_time = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert session.get(f"{upstream.url}/{INDEX}", headers=by_tag).status_code == 304
    assert session.get(f"{upstream.url}/{INDEX}", headers=by_time).status_code == 304
    upstream.channel("conda-forge").publish(package("zlib", "1.4"))
    assert session.get(f"{upstream.url}/{INDEX}", headers=by_tag).status_code == 200
    assert session.get(f"{upstream.url}/{INDEX}", headers=by_time).status_code == 200
    # If-None-Match wins over If-Modified-Since.
    both = {"If-None-Match": '"other"', "If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"}
    assert session.get(f"{upstream.url}/{INDEX}", headers=both).status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-9", 0, 10), ("10-", 10, None), ("-7", -7, None), ("5-5", 5, 6)]
)
def test_ranges(
    upstream: ChannelSimulator, session: requests.Session, asked: str, start: int, end: int | None
) -> None:
    answer = session.get(f"{upstream.url}/{ARTIFACT}", headers={"Range": f"bytes={asked}"})
    assert answer.status_code == 206
    assert answer.content == ZLIB.data[start:end]
    assert answer.headers["Content-Range"].endswith(f"/{len(ZLIB.data)}")
    assert upstream.requests(ARTIFACT)[0].range == f"bytes={asked}"


def test_ranges_that_do_not_apply(upstream: ChannelSimulator, session: requests.Session) -> None:
    url = f"{upstream.url}/{ARTIFACT}"
    beyond = session.get(url, headers={"Range": f"bytes={len(ZLIB.data)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (
        416,
        f"bytes */{len(ZLIB.data)}",
    )
    tag = session.head(url).headers["ETag"]
    same = session.get(url, headers={"Range": "bytes=5-", "If-Range": tag})
    assert same.status_code == 206
    replacement = package("zlib", "1.3", padding_bytes=9)
    upstream.channel("conda-forge").publish(replacement)
    changed = session.get(url, headers={"Range": "bytes=5-", "If-Range": tag})
    assert (changed.status_code, changed.content) == (200, replacement.data)


def test_the_log_tells_what_happened(upstream: ChannelSimulator, session: requests.Session) -> None:
    session.headers["User-Agent"] = "syncer/1"
    session.head(f"{upstream.url}/{INDEX}")
    session.get(f"{upstream.url}/{ARTIFACT}")
    with upstream.recording() as seen:
        session.get(f"{upstream.url}/nothing/here")
    assert [(entry.status, entry.path) for entry in seen] == [(404, "/nothing/here")]
    assert upstream.count(method="HEAD") == 1
    assert upstream.bytes_sent("*.conda") == len(ZLIB.data)
    assert {entry.user_agent for entry in upstream.log} == {"syncer/1"}
    assert upstream.connections.total == 1, "keep-alive was not kept"


def test_hooks_change_upstream_between_two_requests(
    upstream: ChannelSimulator, session: requests.Session
) -> None:
    channel = upstream.channel("conda-forge")
    upstream.after("*/repodata.json", 2, lambda: channel.publish(package("zlib", "1.4")))
    sizes = [len(session.get(f"{upstream.url}/{INDEX}").json()["packages.conda"]) for _ in range(4)]
    assert sizes == [1, 1, 2, 2]
    upstream.before(ARTIFACT, 1, lambda: channel.drop_artifact("linux-64", ZLIB.filename))
    assert session.get(f"{upstream.url}/{ARTIFACT}").status_code == 404


def test_editing_shows_changes_together(upstream: ChannelSimulator) -> None:
    channel = upstream.channel("conda-forge")
    sizes: set[int] = set()
    done = threading.Event()

    def poll() -> None:
        with requests.Session() as session:
            while not done.is_set():
                sizes.add(len(session.get(f"{upstream.url}/{INDEX}").json()["packages.conda"]))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for round_ in range(20):
            with channel.editing():
                channel.publish(package("a", str(round_)))
                channel.publish(package("b", str(round_)))
    finally:
        done.set()
        reader.join()
    assert sizes
    assert all(size % 2 for size in sizes)


def test_removed_and_hotfixed_and_raw_records(upstream: ChannelSimulator) -> None:
    channel = upstream.channel("conda-forge")
    channel.hotfix("linux-64", ZLIB.filename, depends=["fixed"], license=None)
    channel.put_record("linux-64", "../escape-1-0.conda", {"size": -1})
    channel.put_section("linux-64", "v3", {"conda": {}})
    repodata = requests.get(f"{upstream.url}/{INDEX}").json()
    assert repodata["packages.conda"][ZLIB.filename]["depends"] == ["fixed"]
    assert "license" not in repodata["packages.conda"][ZLIB.filename]
    assert repodata["packages.conda"]["../escape-1-0.conda"] == {"size": -1}
    assert repodata["v3"] == {"conda": {}}
    channel.remove("linux-64", ZLIB.filename)
    assert requests.get(f"{upstream.url}/{INDEX}").json()["removed"] == [ZLIB.filename]
    assert requests.get(f"{upstream.url}/{ARTIFACT}").status_code == 404


def test_peaks_are_counted(upstream: ChannelSimulator) -> None:
    together = threading.Barrier(4)
    for count in range(1, 5):
        upstream.before(ARTIFACT, count, lambda: together.wait(5))
    clients = [
        threading.Thread(target=requests.get, args=(f"{upstream.url}/{ARTIFACT}",))
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert upstream.connections.peak == 4
    assert upstream.connections.peak_busy == 4


def test_a_folder_is_served_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "conda-forge/noarch").mkdir(parents=True)
    (tmp_path / "conda-forge/noarch/repodata.json").write_bytes(b"{}" * 50_000)
    (tmp_path.parent / "secret").write_bytes(b"outside")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.upstream.simulator", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout as output:
        url = output.readline().strip()
        try:
            first = requests.get(f"{url}/conda-forge/noarch/repodata.json")
            assert first.content == b"{}" * 50_000
            again = requests.get(first.url, headers={"If-None-Match": first.headers["ETag"]})
            assert again.status_code == 304
            part = requests.get(first.url, headers={"Range": "bytes=-3"})
            assert (part.status_code, part.content) == (206, b"}{}")
            assert requests.get(f"{url}/conda-forge/noarch").status_code == 404
            (tmp_path / "empty").touch()
            assert requests.get(f"{url}/empty").content == b""
            escape = requests.Request("GET", url).prepare()
            escape.url = f"{url}/%2e%2e/secret"
            with requests.Session() as session:
                assert session.send(escape).status_code == 404
        finally:
            process.terminate()
        assert process.wait(10) == 0
