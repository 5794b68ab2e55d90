"""No hop leads where nobody sent us: every way to lead us, times every place that is not ours."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.mirror.sync_harness import REPOSITORY, Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream import faults
from tests.support.upstream.installers import NEW, Folder, sync_installers
from tests.support.upstream.packages import package
from tests.support.upstream.proxies import ForwardProxy
from tests.support.upstream.simulator import ChannelSimulator

ZLIB = package("zlib", "1.3")
SHARED = REPOSITORY.parent / "shared" / "realdata" / "spec-files" / "terms-base-url"
SECRET = b'{"notices": [], "secret": "instance-role"}'

REDIRECTED = {
    "index": "*/linux-64/repodata.json.zst",
    "artifact": f"*/{ZLIB.filename}",
    "attestations": f"*/{ZLIB.filename}.sigs*",
    "run_exports": "*/linux-64/run_exports.json*",
    "patch instructions": "*/linux-64/patch_instructions.json",
    "channeldata": "*/channeldata.json",
    "notices": "*/notices.json",
    "shard index": "*/repodata_shards.msgpack.zst",
    "shard": "*/shards/*",
}
NAMED = ("base_url", "shards_base_url", "base_url of shards")
INSTALLERS = {"installer": f"*/{NEW}", "listing": "*/.files.json"}


@pytest.fixture
def other() -> Iterator[ChannelSimulator]:
    """Something on this machine that is not an upstream."""
    with ChannelSimulator() as found:
        yield found


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    """It stands before every host but this machine, and sees who is asked for."""
    with ForwardProxy(refuse=403) as found:
        yield found


def lead(syncer: Syncer, hop: str, to: str) -> dict[str, Any]:
    """Make one hop of a sync lead to a base address; the settings that make it a hop."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(ZLIB)
    channel.put_file("notices.json", b'{"notices": []}')
    if hop == "attestations":
        channel.hotfix("linux-64", ZLIB.filename, attestations_sha256=sha256(SECRET).hexdigest())
    settings: dict[str, Any] = {}
    if "shard" in hop:
        channel.serves_shards = True
        settings["INCLUDE"] = "zlib"
    if hop in REDIRECTED:
        syncer.upstream.script(REDIRECTED[hop], faults.redirect(f"{to}/latest/meta-data"))
    elif hop == "base_url":
        channel.put_section("linux-64", "info", {"subdir": "linux-64", "base_url": f"{to}/x"})
    elif hop == "shards_base_url":
        channel.shard_info["shards_base_url"] = f"{to}/x"
    else:
        channel.shard_info["base_url"] = f"{to}/x"
    return settings


@pytest.mark.parametrize("hop", [*REDIRECTED, *NAMED])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a name"])
def test_no_hop_leads_to_this_machine(
    syncer: Syncer, other: ChannelSimulator, hop: str, host: str
) -> None:
    name = host
    if host == "a name":  # which tells nothing by itself: what it resolves to does
        name = socket.gethostname()
        try:
            address = socket.gethostbyname(name)
        except OSError:
            address = ""
        if not address.startswith("127."):
            pytest.skip("this machine's name does not lead to its loopback")
    other.put_file("latest/meta-data", SECRET)
    settings = lead(syncer, hop, other.url.replace("127.0.0.1", name))
    answer = syncer.command("--once", **settings)
    assert other.connections.total == 0
    assert "PRIVATE_HOSTS" in answer.out + answer.err
    assert not any(b"instance-role" in path.read_bytes() for path in files(syncer.volumes))


@pytest.mark.parametrize("hop", [*REDIRECTED, *NAMED])
@pytest.mark.parametrize("host", ["repo.anaconda.com", "conda.anaconda.org/main"])
def test_no_hop_leads_to_anacondas_without_its_terms(
    syncer: Syncer, proxy: ForwardProxy, hop: str, host: str
) -> None:
    settings = lead(syncer, hop, f"http://{host}")
    settings |= {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"}
    answer = syncer.command("--once", **settings)
    assert not proxy.log
    assert "ANACONDA_TERMS_ACCEPTED=yes" in answer.out + answer.err
    syncer.upstream.channel("conda-forge").publish(package("again"))
    syncer.command("--once", **settings, ANACONDA_TERMS_ACCEPTED="yes")
    assert proxy.log  # the hop is one


@pytest.mark.parametrize("hop", INSTALLERS)
def test_installers_lead_nowhere_else(
    syncer: Syncer, folder: Folder, other: ChannelSimulator, hop: str
) -> None:
    syncer.upstream.script(INSTALLERS[hop], faults.redirect(f"{other.url}/x"))
    result = sync_installers(syncer, INSTALLERS="miniconda")
    assert other.connections.total == 0
    assert result.status in {"partial", "failed"}


def test_a_private_place_is_followed_where_a_setting_names_it(
    syncer: Syncer, other: ChannelSimulator
) -> None:
    other.put_file("stored/zlib", ZLIB.data)
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.upstream.script(f"*/{ZLIB.filename}", faults.redirect(f"{other.url}/stored/zlib"))
    assert syncer.channel().status == "partial"
    assert other.connections.total == 0
    host = other.url.partition("://")[2]
    assert syncer.channel(PRIVATE_HOSTS=host).status == "success"
    assert set(syncer.volumes.served()) == {f"linux-64/{ZLIB.filename}"}


def test_a_configured_upstream_may_lead_to_another_one(
    syncer: Syncer, other: ChannelSimulator
) -> None:
    other.put_file("stored/zlib", ZLIB.data)
    other.channel("lab").publish(package("lab"))
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.upstream.script(f"*/{ZLIB.filename}", faults.redirect(f"{other.url}/stored/zlib"))
    run = syncer.run(CHANNELS=f"conda-forge lab={other.url}/lab")
    assert [result.status for result in run.channels] == ["success", "success"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real channel with such a base_url here")
def test_a_real_channel_that_leads_to_anacondas_host(syncer: Syncer, proxy: ForwardProxy) -> None:
    data = (SHARED / "linux-64" / "repodata.json").read_bytes()
    syncer.upstream.put_file("lab/linux-64/repodata.json", data)
    answer = syncer.command(
        "--once", CHANNELS=f"lab={syncer.upstream.url}/lab",
        HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url, NO_PROXY="127.0.0.1",
    )  # fmt: skip
    assert answer.code != 0
    assert "ANACONDA_TERMS_ACCEPTED=yes" in answer.out + answer.err
    assert not proxy.log


def files(volumes: Volumes) -> list[Path]:
    return [
        path
        for root in (volumes.mirror_dir, volumes.state_dir)
        for path in root.rglob("*")
        if path.is_file()
    ]
