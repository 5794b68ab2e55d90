"""What upstream changes is what a sync changes, and nothing else."""

import json
import os
from dataclasses import replace

import pytest

from syncer.sync.session import Options
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, snapshot
from tests.support.upstream.packages import package

ZLIB = package("zlib", "1.3", run_exports={"weak": ["zlib >=1.3"]})
XZ = package("xz", "5.4", depends=("libc",))
DATA = package("data", "1", subdir="noarch", extension=".tar.bz2")
MANY = [package(f"p{number}", padding_bytes=number * 1000) for number in range(12)]

DAMAGED = [
    b"<html>",
    b"",
    b"[]",
    b'{"packages": []}',
    b'{"packages.conda": 5}',
    b'{"packages": "\xff"}',
    b'{"packages": {"zlib": "\xff"}, "packages.conda": {"zlib-1.3-0.conda": "\xff"}}',
    b'{"packages.conda": {"zlib-1.3-0.conda": {"run_exports": "\xff"}}}',
    b'{"packages": ' + b"[" * 99_999,
]


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    """After a first sync of three packages."""
    syncer.upstream.channel("conda-forge").publish(ZLIB, XZ, DATA)
    assert syncer.run().status == "success"
    syncer.upstream.reset_log()
    return syncer


def test_a_first_sync_commits_what_upstream_has_with_its_records(syncer: Syncer) -> None:
    upstream = syncer.upstream.channel("conda-forge")
    upstream.publish(ZLIB, XZ, DATA)
    run = syncer.run()
    assert run.status == "success"
    (result,) = run.channels
    assert result.downloaded == 3
    assert result.downloaded_size == sum(len(one.data) for one in (ZLIB, XZ, DATA))
    volumes = syncer.volumes
    assert volumes.served() == volumes.committed()
    assert volumes.served() == {
        f"{one.subdir}/{one.filename}": one.record["sha256"] for one in (ZLIB, XZ, DATA)
    }
    with volumes.ledger() as ledger:
        for subdir in ("linux-64", "noarch"):
            records = {row.filename: json.loads(row.record) for row in ledger.artifacts(subdir)}
            assert records == upstream.records(subdir)
        row = ledger.artifact("linux-64", ZLIB.filename)
        assert row is not None
        assert row.source == f"{syncer.upstream.url}/conda-forge/linux-64/{ZLIB.filename}"
    assert not list((volumes.mirror_dir / "staging").rglob("*.part"))
    assert broken_promises(volumes) == []


def test_served_files_are_readable_for_all(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    before = os.umask(0o077)
    try:
        assert syncer.command("--once").code == 0
    finally:
        os.umask(before)
    for path in (syncer.volumes.mirror_dir / "channels").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path
        assert path.is_file() or path.stat().st_mode & 0o011 == 0o011, path


def test_a_second_sync_asks_once_for_each_subdir_and_does_nothing_else(synced: Syncer) -> None:
    before = snapshot(synced.volumes.mirror_dir, synced.volumes.state_dir / "channels")
    run = synced.run()
    assert run.status == "success"
    assert run.channels[0].unchanged
    seen = [(one.path, one.status, one.is_conditional) for one in synced.upstream.log]
    assert seen == [
        ("/conda-forge/linux-64/repodata.json.zst", 304, True),
        ("/conda-forge/noarch/repodata.json.zst", 304, True),
    ]
    after = snapshot(synced.volumes.mirror_dir, synced.volumes.state_dir / "channels")
    assert after == before


def test_an_addition_is_fetched_alone(synced: Syncer) -> None:
    new = package("zstd", "1.5")
    synced.upstream.channel("conda-forge").publish(new)
    result = synced.channel()
    assert (result.downloaded, result.retired, result.failed) == (1, 0, 0)
    assert [one.path for one in synced.upstream.requests("*.conda")] == [
        f"/conda-forge/linux-64/{new.filename}"
    ]
    assert synced.upstream.count("*.tar.bz2") == 0
    assert f"linux-64/{new.filename}" in synced.volumes.served()


def test_a_removal_leaves_the_ledger_and_keeps_the_file_for_now(synced: Syncer) -> None:
    synced.upstream.channel("conda-forge").remove("linux-64", XZ.filename)
    result = synced.channel()
    assert result.retired == 1
    assert f"linux-64/{XZ.filename}" not in synced.volumes.committed()
    assert f"linux-64/{XZ.filename}" in synced.volumes.served()
    with synced.volumes.ledger() as ledger:
        assert [row.reason for row in ledger.retired()] == ["removed"]
        assert json.loads(ledger.other_keys("linux-64")["removed"]) == [XZ.filename]


def test_new_bytes_under_an_old_name_do_not_touch_the_served_file(synced: Syncer) -> None:
    new = package("zlib", "1.3", padding_bytes=500)
    assert new.filename == ZLIB.filename
    name = f"linux-64/{ZLIB.filename}"
    synced.upstream.channel("conda-forge").publish(new)
    result = synced.channel()
    assert (result.downloaded, result.failed) == (1, 0)
    volumes = synced.volumes
    assert volumes.served()[name] == ZLIB.record["sha256"]
    assert volumes.committed()[name] == new.record["sha256"]
    path = volumes.mirror.replaced("conda-forge", "linux-64", new.record["sha256"])
    assert (path / new.filename).read_bytes() == new.data
    assert broken_promises(volumes) == []
    with synced.upstream.recording() as seen:
        assert synced.channel().unchanged
    assert len(seen) == 2


def test_bytes_that_go_back_and_forth_are_always_the_right_ones(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    other = package("zlib", "1.3", padding_bytes=500)
    for current in (other, ZLIB, other, ZLIB):
        channel.publish(current)
        assert synced.run().status == "success"
        name = f"linux-64/{ZLIB.filename}"
        assert synced.volumes.committed()[name] == current.record["sha256"]
        assert synced.volumes.served()[name] == ZLIB.record["sha256"]
        assert broken_promises(synced.volumes) == []


def test_a_hotfix_changes_the_record_and_downloads_nothing(synced: Syncer) -> None:
    channel = synced.upstream.channel("conda-forge")
    channel.hotfix("linux-64", XZ.filename, depends=["libc <3"])
    with synced.volumes.ledger() as ledger:
        before = ledger.serial
    result = synced.channel()
    assert (result.downloaded, result.plan[0].hotfixed) == (0, 1)
    assert synced.upstream.count(f"*/{XZ.filename}") == 0
    with synced.volumes.ledger() as ledger:
        row = ledger.artifact("linux-64", XZ.filename)
        assert row is not None
        assert json.loads(row.record) == channel.records("linux-64")[XZ.filename]
        assert ledger.serial > before


def test_both_formats_are_two_artifacts(synced: Syncer) -> None:
    twin = package("zlib", "1.3", extension=".tar.bz2")
    synced.upstream.channel("conda-forge").publish(twin)
    assert synced.channel().downloaded == 1
    served = synced.volumes.served()
    assert served["linux-64/zlib-1.3-0.conda"] == ZLIB.record["sha256"]
    assert served["linux-64/zlib-1.3-0.tar.bz2"] == twin.record["sha256"]


@pytest.mark.parametrize("missing", [("sha256",), ("size",), ("sha256", "size")])
def test_an_old_record_is_verified_by_what_it_has(syncer: Syncer, missing: tuple[str, ...]) -> None:
    record = {key: value for key, value in XZ.record.items() if key not in missing}
    syncer.upstream.channel("conda-forge").publish(replace(XZ, record=record), ZLIB)
    assert syncer.run().status == "success"
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact("linux-64", XZ.filename)
    assert row is not None
    assert (row.sha256, row.size) == (XZ.record["sha256"], len(XZ.data))
    assert json.loads(row.record) == record
    syncer.upstream.reset_log()
    assert syncer.channel().unchanged


def test_wrong_bytes_of_an_old_record_are_left_out(syncer: Syncer) -> None:
    record = {**XZ.record, "md5": "0" * 32}
    del record["sha256"], record["size"]
    syncer.upstream.channel("conda-forge").publish(replace(XZ, record=record), ZLIB)
    result = syncer.channel()
    assert result.status == "partial"
    assert "md5" in result.failures[0].reason
    assert list(syncer.volumes.served()) == [f"linux-64/{ZLIB.filename}"]


def test_what_upstream_publishes_beside_records_is_kept(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(ZLIB, XZ)
    channel.put_section("linux-64", "signatures", {ZLIB.filename: {"key": {"sig": "1"}}})
    channel.put_section("linux-64", "other", {"conda": {"x": 1}})
    channel.remove("linux-64", XZ.filename)
    assert syncer.run().status == "success"
    with syncer.volumes.ledger() as ledger:
        carried = {key: json.loads(text) for key, text in ledger.other_keys("linux-64").items()}
        assert carried == {
            "removed": [XZ.filename],
            "signatures": {ZLIB.filename: {"key": {"sig": "1"}}},
            "other": {"conda": {"x": 1}},
        }
        exported = ledger.run_exports("linux-64")
        assert {name: json.loads(text) for name, text in exported.items()} == {
            ZLIB.filename: {"weak": ["zlib >=1.3"]}
        }
        assert list(ledger.channeldata()) == ["zlib"]


def test_what_is_beside_the_index_is_optional_and_its_damage_is_a_warning(
    syncer: Syncer,
) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(ZLIB)
    channel.serves_run_exports = channel.serves_channeldata = False
    assert syncer.channel().warnings == []
    for number, damage in enumerate(DAMAGED):
        channel.put_file("channeldata.json", damage)
        channel.put_file("linux-64/run_exports.json", damage)
        channel.publish(package("new", str(number)))
        result = syncer.channel()
        assert (result.status, result.error) == ("success", None), damage
        assert result.downloaded == 1
    with syncer.volumes.ledger() as ledger:
        for text in (*ledger.run_exports("linux-64").values(), *ledger.channeldata().values()):
            json.loads(text)


def test_several_channels_and_subdirs_are_kept_apart(syncer: Syncer) -> None:
    for name in ("conda-forge", "pkgs/main", "conda-forge/label/rc"):
        syncer.upstream.channel(name).publish(package("a", padding_bytes=len(name)))
    syncer.upstream.channel("pkgs/main").publish(package("a", subdir="win-64"))
    run = syncer.run(
        CHANNELS="conda-forge pkgs/main conda-forge/label/rc", SUBDIRS="linux-64 win-64"
    )
    assert [result.status for result in run.channels] == ["success"] * 3
    assert sorted(syncer.volumes.served("pkgs/main")) == [
        "linux-64/a-1.0-0.conda", "win-64/a-1.0-0.conda",
    ]  # fmt: skip
    hashes = {
        syncer.volumes.committed(name)["linux-64/a-1.0-0.conda"]
        for name in ("conda-forge", "pkgs/main", "conda-forge/label/rc")
    }
    assert len(hashes) == 3
    assert "upstream has no win-64" in run.channels[0].warnings[0]


def test_one_channels_trouble_does_not_hold_back_the_others(syncer: Syncer) -> None:
    syncer.upstream.channel("good").publish(ZLIB)
    run = syncer.run(CHANNELS="missing good")
    assert run.status == "partial"
    assert [result.status for result in run.channels] == ["failed", "success"]
    assert "spelt" in (run.channels[0].error or "")
    assert syncer.volumes.served("good")


def test_the_selection_decides_and_a_narrower_one_retires(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB, XZ, DATA)
    assert syncer.channel(INCLUDE="zlib x*", EXCLUDE="xz").downloaded == 1
    result = syncer.channel(INCLUDE="zlib data")
    assert (result.downloaded, result.retired) == (1, 0)
    result = syncer.channel(INCLUDE="*", EXCLUDE="zlib")
    assert (result.downloaded, result.status) == (0, "failed")  # all of linux-64 would go
    result = syncer.channel(INCLUDE="zlib xz")
    assert (result.downloaded, result.status) == (0, "failed")
    assert broken_promises(syncer.volumes) == []


def test_a_subdir_that_is_taken_out_of_the_settings_leaves_with_a_persons_word(
    syncer: Syncer,
) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB, package("w", subdir="win-64"))
    assert syncer.run(SUBDIRS="linux-64 win-64").status == "success"
    result = syncer.channel(SUBDIRS="linux-64")
    assert result.status == "failed"
    assert "--allow-wipe conda-forge" in (result.error or "")
    result = syncer.channel(SUBDIRS="linux-64", options=Options(allow_wipe={"conda-forge"}))
    assert (result.status, result.retired) == ("success", 1)
    assert list(syncer.volumes.committed()) == [f"linux-64/{ZLIB.filename}"]
    assert syncer.channel(SUBDIRS="linux-64").unchanged


def test_connections_stay_within_the_limit_and_say_who_asks(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(
        *(package(f"q{number}", padding_bytes=20_000) for number in range(60))
    )
    assert syncer.run(SYNC_CONNECTIONS="3", SYNC_CONTACT="admin@example.org").status == "success"
    assert syncer.upstream.connections.peak <= 3
    assert syncer.upstream.connections.total <= 3 + 2  # kept alive; indexes before and after
    assert {one.user_agent for one in syncer.upstream.log} == {
        "conda-lan-mirror/0.1.0 (+admin@example.org)"
    }


def test_a_base_url_is_followed(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(ZLIB)
    channel.put_section("linux-64", "info", {"subdir": "linux-64", "base_url": "../elsewhere"})
    channel.drop_artifact("linux-64", ZLIB.filename)
    syncer.upstream.put_file(f"conda-forge/elsewhere/{ZLIB.filename}", ZLIB.data)
    assert syncer.run().status == "success"
    assert syncer.volumes.served() == syncer.volumes.committed()
    with syncer.volumes.ledger() as ledger:
        assert "base_url" not in str(ledger.other_keys("linux-64"))
    channel.put_section("linux-64", "info", {"base_url": "file:///etc"})
    channel.publish(package("evil"))
    result = syncer.channel()
    assert result.status == "failed"
    assert "base_url 'file:///etc', and it is not http or https" in str(result.error)


def test_checkpoints_commit_what_is_complete(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    result = syncer.channel(CHECKPOINT_SIZE="10kB", SYNC_CONNECTIONS="1")
    assert result.downloaded == len(MANY)
    with syncer.volumes.ledger() as ledger:
        serials = {
            row[0] for row in ledger.connection.execute("SELECT DISTINCT serial FROM artifact")
        }
    assert len(serials) >= 4
    assert broken_promises(syncer.volumes) == []
