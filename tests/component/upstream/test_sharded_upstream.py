"""Sharded repodata (CEP 16) as upstream: by shards where that is cheaper, or where it is all."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.settings import settings as configuration
from syncer.sync import session as sync
from syncer.upstream.channel_upstream import ChannelUpstream
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import package
from tests.support.upstream.shards import packed
from tests.support.upstream.simulator import ChannelSimulator
from volume.program.stop import Stop

PACKAGES = [
    package("a", run_exports={"weak": ["a >=1"]}),
    package("a", "2.0", license="Größe"),
    package("b", extension=".tar.bz2"),
    package("c", padding_bytes=1000),
]
SHARD = "*/shards/*"


@pytest.fixture
def channel(syncer: Syncer) -> Channel:
    """A channel that has nothing but shards."""
    found = syncer.upstream.channel("conda-forge")
    found.serves_shards = True
    found.variants = set()
    found.serves_run_exports = False
    found.publish(*PACKAGES)
    return found


def records(syncer: Syncer) -> dict[str, object]:
    with syncer.volumes.ledger() as ledger:
        return {row.filename: json.loads(row.record) for row in ledger.artifacts("linux-64")}


def test_a_channel_that_has_nothing_but_shards_is_mirrored(
    syncer: Syncer, channel: Channel
) -> None:
    assert syncer.run().status == "success"
    assert records(syncer) == channel.records("linux-64")
    with syncer.volumes.ledger() as ledger:
        assert ledger.run_exports("linux-64")[PACKAGES[0].filename] == '{"weak":["a >=1"]}'
        assert ledger.other_keys("linux-64") == {"removed": "[]"}
    with syncer.upstream.recording() as seen:
        assert syncer.channel().unchanged
    assert [one.status for one in seen if "shards.msgpack" in one.path] == [304, 304]
    assert not any(one.path.startswith("/conda-forge/linux-64/shards/") for one in seen)


def test_only_a_shard_that_changed_is_fetched_again(syncer: Syncer, channel: Channel) -> None:
    assert syncer.run().status == "success"
    channel.hotfix("linux-64", PACKAGES[2].filename, depends=["z"])
    channel.remove("linux-64", PACKAGES[0].filename)
    with syncer.upstream.recording() as seen:
        result = syncer.channel()
    assert result.retired == 1
    assert sum("/shards/" in one.path for one in seen) == 2
    assert not any(one.path.endswith((".conda", ".tar.bz2")) for one in seen)
    assert records(syncer) == channel.records("linux-64")
    kept = list((syncer.volumes.state.upstream("conda-forge") / "shards").glob("*/*/*"))
    assert len(kept) == 3


def test_a_record_is_the_same_whichever_way_it_is_read(syncer: Syncer, channel: Channel) -> None:
    """As conda-index writes it; other writers cost new records, no new bytes."""
    text = json.dumps(
        {"packages.conda": channel.records("linux-64"), "info": {}},
        sort_keys=True,
        separators=(",", ":"),
    )
    channel.remove("linux-64", PACKAGES[2].filename)
    assert syncer.run().status == "success"
    document = json.loads(text)
    del document["packages.conda"][PACKAGES[2].filename]
    channel.serves_shards = False
    channel.put_file("linux-64/repodata.json", json.dumps(document, separators=(",", ":")).encode())
    channel.variants = {"json"}
    result = syncer.channel()
    assert result.status == "success"
    assert [(plan.hotfixed, plan.new) for plan in result.plan if plan.subdir == "linux-64"] == [
        (0, 0)
    ]


def offered(syncer: Syncer, names: Callable[[str], bool]) -> int:
    """Look at upstream for these names only; return how many records came."""
    settings = configuration.read(syncer.environment)
    tools = sync.tools(settings, sync.Options(), Stop(), show_plan=lambda plans: None)
    bases = settings.channel_urls("conda-forge")
    cache = tools.state.upstream("conda-forge")
    channel = ChannelUpstream(tools.fetch, bases, cache, lambda warning: None, workers=2)
    fetched = channel.fetch_index("linux-64", names)
    assert fetched is not None
    return len(channel.index(fetched, "linux-64").entries)


def test_few_names_are_read_by_shards(syncer: Syncer, channel: Channel) -> None:
    channel.variants = {"json", "zst"}
    with syncer.upstream.recording() as seen:
        assert offered(syncer, lambda name: name == "a") == 2
    assert sum("/shards/" in one.path for one in seen) == 1
    assert not any("repodata.json" in one.path for one in seen)


def test_many_names_are_read_whole(
    syncer: Syncer, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.variants = {"json", "zst"}
    monkeypatch.setattr("syncer.upstream.channel_upstream.FEW_SHARDS", 2)
    with syncer.upstream.recording() as seen:
        assert offered(syncer, lambda name: name in "ab") == 4
    assert not any("/linux-64/shards/" in one.path for one in seen)


def test_looking_leaves_nothing_behind(syncer: Syncer, channel: Channel) -> None:
    assert syncer.command("--once", "--dry-run").code == 0
    assert list(syncer.volumes.state_dir.rglob("*")) == []


@pytest.fixture
def second() -> Iterator[ChannelSimulator]:
    with ChannelSimulator() as running:
        other = running.channel("conda-forge")
        other.serves_shards, other.variants = True, set()
        other.publish(*PACKAGES)
        yield running


def test_a_shard_with_the_wrong_hash_is_had_elsewhere(
    syncer: Syncer, channel: Channel, second: ChannelSimulator
) -> None:
    syncer.upstream.script(SHARD, faults.wrong_bytes(times=None))
    urls = f"{syncer.upstream.url} {second.url}"
    assert syncer.channel(CONDA_CLOUD_URL=urls).status == "success"
    assert records(syncer) == channel.records("linux-64")
    assert second.count(SHARD) == 3


def test_a_shard_with_the_wrong_hash_everywhere_changes_nothing(
    syncer: Syncer, channel: Channel
) -> None:
    syncer.upstream.script(SHARD, faults.wrong_bytes(times=None))
    answer = syncer.command("--once")
    assert answer.code == 1
    assert "is not what its name and the index promise" in answer.out
    assert syncer.volumes.committed() == {}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "is empty"),
        (packed({}), "is not a shard index"),
        (packed([1]), "is not a shard index"),
        (packed({"info": {}, "shards": {"a": b"short"}}), "no sha256"),
        (packed({"info": {}, "shards": {1: bytes(32)}}), "not a package name"),
        (packed({"info": {"shards_base_url": "file:///etc"}, "shards": {"a": bytes(32)}}),
         "shards_base_url 'file:///etc', and it is not http or https"),
        (packed({"info": {"shards_base_url": "http://u:p@x/"}, "shards": {"a": bytes(32)}}),
         "it has credentials in it"),
        (b"<html>", "is a web page"),
        (b"\0" * 50, "is cut or damaged"),
    ],
)  # fmt: skip
def test_a_shard_index_that_is_not_one_changes_nothing(
    syncer: Syncer, channel: Channel, body: bytes, word: str
) -> None:
    channel.put_file("linux-64/repodata_shards.msgpack.zst", body)
    result = syncer.channel()
    assert result.status == "failed"
    assert word in str(result.error)
    assert "http://u:p@" not in str(result.error)
    assert syncer.volumes.committed() == {}


def test_an_index_of_no_shards_trips_the_wipe_guard(syncer: Syncer, channel: Channel) -> None:
    assert syncer.run().status == "success"
    channel.put_file(
        "linux-64/repodata_shards.msgpack.zst", packed({"info": {}, "version": 1, "shards": {}})
    )
    result = syncer.channel()
    assert result.status == "failed" and "4 of 4" in str(result.error)


def test_shards_and_artifacts_may_be_elsewhere(
    syncer: Syncer, channel: Channel, second: ChannelSimulator
) -> None:
    channel.shard_info = {
        "base_url": f"{second.url}/conda-forge/linux-64/",
        "shards_base_url": f"{second.url}/conda-forge/linux-64/shards/",
    }
    channel.publish(*PACKAGES)
    syncer.upstream.script(SHARD, faults.missing())
    syncer.upstream.script("*/linux-64/*.conda", faults.missing())
    syncer.upstream.script("*/linux-64/*.tar.bz2", faults.missing())
    assert syncer.run(PRIVATE_HOSTS="127.0.0.1").status == "success"
    assert len(syncer.volumes.committed()) == 4


@pytest.mark.parametrize("name", ["mojo-channel", "conda_format_repo"])
def test_real_shards_hold_the_real_records(realdata: Path, name: str) -> None:
    from syncer.conda import repodata, shards
    from syncer.conda.body import decompress

    count = 0
    for path in sorted((realdata / "channels" / name).glob(f"*/{shards.INDEX}")):
        index = shards.parse(decompress(path.read_bytes(), shards.INDEX, name), name)
        relative = index.shards_base_url or ""
        files = {
            package: path.parent / relative / f"{sha256}.msgpack.zst"
            for package, sha256 in index.shards.items()
        }
        contents = [
            (package, decompress(one.read_bytes(), one.name, name))
            for package, one in files.items()
        ]
        made = shards.assemble(index, contents, name)
        whole = (path.parent / "repodata.json").read_bytes()
        ours = {entry.filename: entry for entry in repodata.parse(made.repodata, "x").entries}
        theirs = {entry.filename: entry for entry in repodata.parse(whole, "x").entries}
        assert ours.keys() == theirs.keys()
        for filename, entry in ours.items():
            assert json.loads(bytes(entry.raw)) == json.loads(bytes(theirs[filename].raw))
            if name == "mojo-channel":  # written without blanks, keys in order
                assert entry.digest == theirs[filename].digest
        count += len(ours)
    assert count > 0
