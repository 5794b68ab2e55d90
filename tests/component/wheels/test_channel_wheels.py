"""Wheels that a channel lists (`v3.whl`, draft CEP 145): what is locked is mirrored with it."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from indexer.base.repodata import records_in
from indexer.generations import shards
from indexer.story.index import index_channel
from tests.support.mirror.indexed import unpack, volumes
from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.mirror.tree import ledger_problems
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Record, package
from tests.support.upstream.wheels import File, Index, wheel
from volume.layout import Mirror, State

ONE, TWO, FREE = wheel("one_word"), wheel("two"), wheel("free")
BUILD = "py3_none_any_0"


def record(index: Index, file: File, **changes: Any) -> Record:
    """A record as the draft has it, with the wheel at the index of Python's packages."""
    name, version = file.filename.split("-")[:2]
    found: Record = {
        "name": name.replace("_", "-"), "version": version, "build": BUILD, "build_number": 0,
        "depends": ["python >=3.8"], "subdir": "noarch", "noarch": "python",
        "fn": file.filename, "sha256": file.sha256, "size": len(file.data),
        "url": index.url(file), "extra_depends": {"x": ["y"]}, "invented": [None],
    }  # fmt: skip
    return {key: value for key, value in {**found, **changes}.items() if value is not ...}


def key(one: Record) -> str:
    return f"{one['name']}-{one['version']}-{one['build']}"


def offer(channel: Channel, *records: Record, **others: Record) -> None:
    listed = {key(one): one for one in records} | others
    channel.put_section("noarch", "v3", {"whl": listed})


@pytest.fixture
def channel(syncer: Syncer, index: Index) -> Channel:
    """A channel with three wheels; a lock file names two of them."""
    index.put(ONE, TWO)
    index.upstream.put_file(FREE.path, FREE.data)
    channel = index.upstream.channel("conda-forge")
    offer(channel, *(record(index, one) for one in (ONE, TWO, FREE)))
    return channel


def published(syncer: Syncer) -> dict[str, Record]:
    """The wheels that a client finds, the same in each variant; each leads to its bytes here."""
    mirror, state = Mirror(syncer.volumes.mirror_dir), State(syncer.volumes.state_dir)
    made = volumes(mirror, state, "no conda", engine="own", clock=time.time)
    index_channel(made, "conda-forge", wait_seconds=0)
    folder = mirror.root / "index/conda-forge/current/noarch"
    document = json.loads((folder / "repodata.json").read_bytes())
    assert (
        unpack((folder / "repodata.json.zst").read_bytes())
        == (folder / "repodata.json").read_bytes()
    )
    found = {at: one for section, at, one in records_in(document) if section == "v3.whl"}
    info = shards.read_index(folder)
    sharded: dict[str, Record] = {}
    for digest in info.shards.values():
        shard = shards.read(folder, digest, check_hash=True)
        sharded |= {
            at: shards.plain(one) for section, at, one in records_in(shard) if section == "v3.whl"
        }
    assert sharded == found
    counted = {"v3": {"n_packages": len(found)}} if found else None
    assert document["info"].get("repodata_revisions") == counted
    assert info.info.get("repodata_revisions") == counted
    for at, one in found.items():
        artifact, _, filename = urljoin("http://x/c/noarch/", one["url"])[18:].partition("/")
        assert (artifact, filename) == (f"{at}.whl", one["fn"])
        path = mirror.root / "channels/conda-forge/noarch" / artifact
        assert path.read_bytes() in {ONE.data, TWO.data, FREE.data}
    return found


def reasons(result: Any) -> dict[str, str]:
    return {one.filename: one.reason for one in result.failures}


def test_locked_wheels_are_mirrored_and_the_others_named(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    result = syncer.channel()
    assert (result.status, result.downloaded) == ("partial", 3)
    assert list(reasons(result)) == ["v3.whl"]
    assert "lists 1 record in this format, and WHEELS=locked mirrors" in reasons(result)["v3.whl"]
    expected = {
        key(one): {**one, "url": f"{key(one)}.whl/{one['fn']}"}
        for one in (record(index, ONE), record(index, TWO))
    }
    assert published(syncer) == expected
    assert ledger_problems(syncer.volumes) == []
    with syncer.volumes.ledger() as ledger:
        (row, _) = sorted(ledger.artifacts("noarch"), key=lambda row: row.filename)
        assert (row.section, json.loads(row.record)) == ("v3.whl", record(index, ONE))
    again = syncer.channel()
    assert (again.downloaded, again.retired) == (0, 0)


@pytest.mark.parametrize("serves_shards", [False, True])
def test_a_subdir_of_wheels_alone(
    syncer: Syncer, index: Index, channel: Channel, serves_shards: bool
) -> None:
    channel.serves_shards = serves_shards
    if serves_shards:
        channel.variants = set()
        channel.put_section("noarch", "v3", {})
        for file in (ONE, TWO, FREE):
            one = record(index, file)
            channel.put_v3("noarch", f"{key(one)}.whl", one)
    result = syncer.channel(WHEELS="no")
    assert (result.status, result.downloaded) == ("partial", 1)
    assert "lists 3 records in this format, and WHEELS=locked" in reasons(result)["v3.whl"]
    assert syncer.channel().downloaded == 2, "though upstream changed nothing"
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}", f"two-1.0-{BUILD}"}


def test_a_wheel_leaves_with_its_lock_and_with_the_setting(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    syncer.channel()
    index.put(ONE)
    assert syncer.channel(WIPE_GUARD_PERCENT="100").retired == 1
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}"}
    assert syncer.channel(WHEELS="no", WIPE_GUARD_PERCENT="100").retired == 1
    assert published(syncer) == {}
    assert ledger_problems(syncer.volumes) == []


def test_what_the_policy_says_holds_for_wheels_too(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    result = syncer.channel(INCLUDE="nothing-else", EXCLUDE="two", ALLOW_WIPE="yes")
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}"}
    assert any("two" in one and "left out although" in one for one in result.warnings)


def test_a_wheel_is_not_counted_among_the_newest_packages(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    channel.publish(*(package("two", version, subdir="noarch") for version in ("0.1", "0.2")))
    syncer.channel(INCLUDE="two", NEWEST_VERSIONS="1", ALLOW_WIPE="yes")
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}", f"two-1.0-{BUILD}"}
    assert "noarch/two-0.2-0.conda" in syncer.volumes.committed()
    assert "noarch/two-0.1-0.conda" not in syncer.volumes.committed()


def test_a_lock_may_name_a_wheel_as_a_channels_package(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    """Also by the address that this mirror gave it; and one that no channel has is said."""
    index.put()
    url = f"http://mirror.test/conda-forge/noarch/one-word-1.0-{BUILD}.whl/{ONE.filename}"
    index.lock_conda(url, ONE.sha256)
    syncer.channel()
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}"}
    index.lock_conda(url, "0" * 64)
    result = syncer.channel(WIPE_GUARD_PERCENT="100")
    assert any("names 1 wheel of conda channels that none" in one for one in result.warnings)


def test_a_wheel_may_lie_in_the_channel(syncer: Syncer, index: Index, channel: Channel) -> None:
    """Beside its index, below it, or as a mirror like this one has it."""
    channel.put_file(f"noarch/{ONE.filename}", ONE.data)
    channel.put_file(f"noarch/t/{TWO.filename}", TWO.data)
    channel.put_file(f"noarch/free-1.0-{BUILD}.whl/{FREE.filename}", FREE.data)
    index.put(ONE, TWO, FREE)
    records = [
        record(index, ONE, url=None),
        record(index, TWO, url=f"t/{TWO.filename}", fn=...),
        record(index, FREE, url=f"free-1.0-{BUILD}.whl/{FREE.filename}"),
    ]
    offer(channel, *records, **{f"one-word-1.0-{BUILD[:-1]}1": {
        **record(index, ONE, url=...), "build": f"{BUILD[:-1]}1", "build_number": 1,
    }})  # fmt: skip
    result = syncer.channel()
    assert (result.status, result.failures) == ("success", [])
    with syncer.volumes.ledger() as ledger:
        assert {row.sha256 for row in ledger.artifacts("noarch")} == {
            one.sha256 for one in (ONE, TWO, FREE)
        }
        assert len(list(ledger.artifacts("noarch"))) == 4


BAD = {
    "another scheme": ({"url": f"ftp://x.test/{ONE.filename}"}, "it is not http or https"),
    "a file": ({"url": f"file:///etc/{ONE.filename}"}, "it is not http or https"),
    "credentials": ({"url": f"https://me:word@x.test/{ONE.filename}"}, "credentials"),
    "out of the tree": ({"url": f"../../{ONE.filename}"}, "it leads out of the channel"),
    "out, escaped": ({"url": f"%2e%2e/{ONE.filename}"}, "it leads out of the channel"),
    "another path": ({"url": f"/x/{ONE.filename}"}, "it leads out of the channel"),
    "another host": ({"url": f"//x.test/{ONE.filename}"}, "it leads out of the channel"),
    "no URL": ({"url": "https://[::1"}, "that is no URL"),
    "a blank": ({"url": f"a b/{ONE.filename}"}, "that is no URL"),
    "no text": ({"url": 7}, "url is no text"),
    "no name": ({"url": None, "fn": ...}, "no name of a wheel"),
    "no wheel's name": ({"fn": "one-1.whl"}, "no wheel's filename"),
    "a path as name": ({"fn": "../one-1-py3-none-any.whl"}, "no name of a wheel"),
    "private": ({"url": f"http://10.0.0.1/{ONE.filename}"}, "not public"),
    "a cloud's metadata": ({"url": f"http://169.254.169.254/{ONE.filename}"}, "not public"),
    "another name": ({"name": "other"}, "not what its filename says"),
    "another size": ({"size": 1}, ""),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_what_can_not_be_had_is_named_and_harms_nothing_else(
    syncer: Syncer, index: Index, channel: Channel, changes: Record, said: str
) -> None:
    good, bad = record(index, TWO), record(index, ONE)
    offer(channel, good, **{key(bad): record(index, ONE, **changes)})
    result = syncer.channel()
    assert result.status == "partial"
    (failure,) = result.failures
    assert failure.filename == f"{key(bad)}.whl"
    assert said in failure.reason
    assert "word@" not in failure.reason
    assert set(published(syncer)) == {key(good)}


def test_a_wheel_with_other_bytes_is_not_taken(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    index.upstream.put_file(ONE.path, TWO.data)
    offer(channel, record(index, ONE, size=...), record(index, TWO))
    assert list(reasons(syncer.channel())) == [f"one-word-1.0-{BUILD}.whl"]
    assert set(published(syncer)) == {f"two-1.0-{BUILD}"}


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        (lambda one: {"no-wheel": one}, "no-wheel.whl"),
        (lambda one: {"../../etc/one-1.0-0": one}, "../../etc/one-1.0-0.whl"),
        (lambda one: {f"{key(one)}.whl": one}, f"one-word-1.0-{BUILD}.whl"),
        (lambda one: {key(one): {**one, "sha256": None}}, "v3.whl"),
        (lambda one: {key(one): {**one, "sha256": [1]}}, "v3.whl"),
        (lambda one: {key(one): 7}, "v3.whl"),
        (lambda _: [], "v3.whl"),
    ],
)
def test_what_is_no_wheel_is_named(
    syncer: Syncer, index: Index, channel: Channel, listed: Any, named: str
) -> None:
    syncer.channel()
    before = published(syncer)
    found = listed(record(index, ONE))
    if isinstance(found, dict):
        found[f"two-1.0-{BUILD}"] = record(index, TWO)
    channel.put_section("noarch", "v3", {"whl": found})
    result = syncer.channel(WIPE_GUARD_PERCENT="100")
    assert named in reasons(result)
    # Nobody knows what is listed where the section can't be read, so nothing of it leaves.
    is_read = isinstance(found, dict)
    assert set(published(syncer)) == ({f"two-1.0-{BUILD}"} if is_read else before.keys())
    assert ledger_problems(syncer.volumes) == []


def test_a_hotfixed_record_is_published_without_a_download(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    syncer.channel()
    fixed = record(index, ONE, depends=["python >=3.9"], url="https://elsewhere.test/" + ONE.path)
    offer(channel, fixed, record(index, TWO))
    result = syncer.channel()
    assert (result.status, result.downloaded) == ("success", 0)
    found = published(syncer)[key(fixed)]
    assert found == {**fixed, "url": f"{key(fixed)}.whl/{ONE.filename}"}


def test_a_lost_state_is_made_whole(
    syncer: Syncer, index: Index, channel: Channel, tmp_path: Path
) -> None:
    syncer.channel()
    before = published(syncer)
    syncer.volumes.state_dir.rename(tmp_path / "lost")
    syncer.volumes.state_dir.mkdir()
    result = syncer.channel(options=TAKE_OVER)
    assert (result.status, result.downloaded) == ("partial", 0)
    assert published(syncer) == before


def test_damage_is_found_and_healed(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    path = syncer.volumes.mirror_dir / f"channels/conda-forge/noarch/two-1.0-{BUILD}.whl"
    path.write_bytes(b"x" * len(TWO.data))
    assert len(syncer.verify().damaged) == 1
    assert path.read_bytes() == TWO.data


def test_nothing_of_a_wheel_waits_for_a_client(
    syncer: Syncer, index: Index, channel: Channel
) -> None:
    syncer.configure("[channels.conda-forge]\non_demand = true\n")
    syncer.channel()
    assert set(published(syncer)) == {f"one-word-1.0-{BUILD}", f"two-1.0-{BUILD}"}
    assert not any(name.endswith(".whl") for name in syncer.volumes.promised())
