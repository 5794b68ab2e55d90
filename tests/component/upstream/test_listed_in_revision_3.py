"""What upstream lists in revision 3 of repodata is mirrored as it lists it, or named (CEP 48)."""

import contextlib
import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import package

OLD = package("old", run_exports={"weak": ["old"]})
NEW = package("new", run_exports={"weak": ["new"]})
BZIPPED = package("bzipped", extension=".tar.bz2")
BOTH = package("both")
RICH = {"extra_depends": {"x": ["y"]}, "flags": ["cuda"]}


@pytest.fixture
def channel(syncer: Syncer) -> Channel:
    """A channel with an artifact in the old revision, two in the new one, and one in both."""
    found = syncer.upstream.channel("conda-forge")
    found.publish(OLD, BOTH)
    found.publish(NEW, BZIPPED, revision=3)
    found.twin("linux-64", BOTH.filename, **RICH)
    return found


def committed(syncer: Syncer, subdir: str = "linux-64") -> dict[tuple[str, str], Any]:
    """Every committed record by section and key, as ``Channel.listed`` has upstream's."""
    found = {}
    with syncer.volumes.ledger() as ledger:
        assert ledger.unproven() == []
        for row in ledger.artifacts(subdir):
            in_v3 = "v3.conda" if row.filename.endswith(".conda") else "v3.tar.bz2"
            stem = row.filename.removesuffix(in_v3.removeprefix("v3"))
            key = stem if row.section == in_v3 else row.filename
            found[(row.section, key)] = json.loads(row.record)
            if row.twin is not None:
                found[(in_v3, stem)] = json.loads(row.twin)
    return found


def test_artifacts_of_each_revision_are_mirrored_with_all_their_records(
    syncer: Syncer, channel: Channel
) -> None:
    result = syncer.channel()
    assert (result.status, result.downloaded, result.failures) == ("success", 4, [])
    assert committed(syncer) == channel.listed("linux-64")
    assert syncer.volumes.served() == syncer.volumes.committed()
    with syncer.volumes.ledger() as ledger:
        exported = {name: json.loads(text) for name, text in ledger.run_exports("linux-64").items()}
        assert exported[NEW.filename] == {"weak": ["new"]}
        assert set(exported) == {one.filename for one in (OLD, NEW, BZIPPED, BOTH)}
        assert set(ledger.channeldata()) == {"old", "new", "bzipped", "both"}
        assert "v3" not in ledger.other_keys("linux-64")
    assert syncer.channel().unchanged
    assert broken_promises(syncer.volumes) == []


def test_both_ways_of_reading_give_the_same(syncer: Syncer, channel: Channel) -> None:
    channel.put_info(
        "linux-64",
        channel_relations={"base": "../base"},
        repodata_revisions={"v3": {"n_packages": 3, "message": "m"}},
    )
    syncer.channel()
    records = committed(syncer)
    with syncer.volumes.ledger() as ledger:
        beside = {key: json.loads(text) for key, text in ledger.other_keys("linux-64").items()}
        exports = {name: json.loads(text) for name, text in ledger.run_exports("linux-64").items()}
    assert beside["info.repodata_revisions"] == {"v3": {"message": "m"}}
    channel.serves_shards, channel.variants, channel.serves_run_exports = True, set(), False
    channel.put_info("linux-64")
    shutil.rmtree(syncer.volumes.state_dir)
    syncer.volumes.state_dir.mkdir()
    assert syncer.channel(options=TAKE_OVER).error is None
    assert committed(syncer) == records == channel.listed("linux-64")
    with syncer.volumes.ledger() as ledger:
        assert beside == {
            key: json.loads(text) for key, text in ledger.other_keys("linux-64").items()
        }
        assert exports == {
            name: json.loads(text) for name, text in ledger.run_exports("linux-64").items()
        }


def test_where_and_how_an_artifact_is_listed_is_a_hotfix(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    changes: list[Callable[[], None]] = [
        lambda: channel.twin("linux-64", OLD.filename, **RICH),
        lambda: channel.twin("linux-64", OLD.filename, flags=["rocm"]),
        lambda: channel.drop_v3("linux-64", OLD.filename),
        lambda: channel.move_to_v3("linux-64", OLD.filename),
        lambda: channel.put_record("linux-64", NEW.filename, dict(NEW.record)),
        lambda: channel.drop_v3("linux-64", NEW.filename),
    ]
    for change in changes:
        change()
        result = syncer.channel()
        plan = next(one for one in result.plan if one.subdir == "linux-64")
        assert (result.status, result.downloaded, result.retired) == ("success", 0, 0)
        assert plan.hotfixed == 1
        assert committed(syncer) == channel.listed("linux-64")
    assert syncer.upstream.count(f"*/{OLD.filename}") == 1
    told = syncer.command("history", OLD.filename).out
    assert (told.count("hotfixed"), told.count("entered")) == (4, 1)


def test_an_artifact_leaves_when_no_revision_lists_it(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    channel.remove("linux-64", NEW.filename)
    channel.remove("linux-64", BOTH.filename)
    assert syncer.channel(ALLOW_WIPE="yes", WIPE_GUARD_PERCENT="100").retired == 2
    assert committed(syncer) == channel.listed("linux-64")


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"size": 1}, {"md5": "0" * 32}])
def test_records_that_disagree_are_left_out_and_named(
    syncer: Syncer, channel: Channel, change: dict[str, Any]
) -> None:
    channel.twin("linux-64", BOTH.filename, **change)
    result = syncer.channel()
    assert result.status == "partial"
    assert [one.filename for one in result.failures] == [BOTH.filename]
    assert f"disagree about its {next(iter(change))}" in result.failures[0].reason
    assert BOTH.filename not in {key for _, key in committed(syncer)}
    assert {"new-1.0-0", "bzipped-1.0-0"} < {key for _, key in committed(syncer)}
    # What is here stays as it is while they disagree.
    channel.twin("linux-64", BOTH.filename)
    assert syncer.channel().status == "success"
    before = committed(syncer)
    channel.twin("linux-64", BOTH.filename, **change)
    for _ in range(2):
        assert syncer.channel().status == "partial"
        assert committed(syncer) == before


def test_a_malformed_record_does_not_take_the_other_one_along(
    syncer: Syncer, channel: Channel
) -> None:
    channel.twin("linux-64", BOTH.filename, sha256="no hash")
    for _ in range(2):  # and it is named as long as it is there
        result = syncer.channel()
        assert (result.status, len(result.failures)) == ("partial", 1)
        assert "v3.conda" in result.failures[0].reason
        assert committed(syncer)[("packages.conda", BOTH.filename)] == BOTH.record
        assert ("v3.conda", "both-1.0-0") not in committed(syncer)


def test_other_formats_are_named_once_with_their_number(syncer: Syncer, channel: Channel) -> None:
    for number in range(3):
        channel.put_v3("linux-64", f"w{number}-1-0.whl", {"name": f"w{number}", "version": "1"})
    answer = syncer.command("--once")
    assert answer.code == 3
    assert answer.out.count("left out: linux-64/v3.whl") == 1 and "3 records" in answer.out
    listed = channel.listed("linux-64")
    assert committed(syncer) == {place: listed[place] for place in listed if place[0] != "v3.whl"}
    # In shards they are named just so.
    channel.serves_shards, channel.variants = True, set()
    channel.put_info("linux-64")
    result = syncer.channel(INCLUDE="old w0 w1 w2")
    assert [(one.filename, "3 records" in one.reason) for one in result.failures] == [
        ("v3.whl", True)
    ]


@pytest.mark.parametrize("content", [None, [], "x", 5, {"conda": [], "tar.bz2": None}])
def test_a_revision_that_is_no_map_harms_nothing_else(
    syncer: Syncer, channel: Channel, content: Any
) -> None:
    syncer.channel()
    before = syncer.volumes.committed()
    added = package("added")
    channel.publish(added)
    channel.put_section("linux-64", "v3", content)
    for _ in range(2):
        result = syncer.channel()
        assert (result.status, result.retired) == ("partial", 0)
        assert all(one.filename.startswith("v3") for one in result.failures)
        assert syncer.volumes.committed().keys() == {*before, f"linux-64/{added.filename}"}


@pytest.mark.parametrize("key", ["x-1-0.conda", "../x-1-0", "x", "x-1-0/..", "\x1b[31m-1-0", ""])
def test_a_key_that_can_be_no_artifact_is_named(syncer: Syncer, channel: Channel, key: str) -> None:
    channel.put_v3("linux-64", f"{key}.conda", {"name": "x", "version": "1", "build": "0"})
    listed = channel.listed("linux-64")
    result = syncer.channel()
    assert (result.status, len(result.failures)) == ("partial", 1)
    assert result.failures[0].filename.isprintable()
    del listed[("v3.conda", key)]
    assert committed(syncer) == listed


def test_a_lost_state_is_made_whole_with_both_revisions(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    publish(syncer.volumes)
    before = committed(syncer)
    assert {("v3.conda", "both-1.0-0"), ("v3.tar.bz2", "bzipped-1.0-0")} < before.keys()
    shutil.rmtree(syncer.volumes.state_dir)
    syncer.volumes.state_dir.mkdir()
    syncer.upstream.reset_log()
    result = syncer.channel(options=TAKE_OVER)
    assert (result.status, result.downloaded) == ("success", 0)
    assert syncer.upstream.count("*.tar.bz2") == syncer.upstream.count("*.conda") == 0
    assert committed(syncer) == before


def test_what_is_stored_is_verified_and_healed(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    path = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64" / NEW.filename
    path.write_bytes(b"x" * len(NEW.data))
    report = syncer.verify()
    assert len(report.damaged) == 1
    assert committed(syncer) == channel.listed("linux-64")
    assert path.read_bytes() == NEW.data


def test_a_row_whose_second_record_is_damaged_is_healed(syncer: Syncer, channel: Channel) -> None:
    syncer.channel()
    with syncer.volumes.writing() as ledger:
        ledger.connection.execute("UPDATE artifact SET twin = replace(twin, 'cuda', 'cudb')")
        assert len(ledger.unproven()) == 1
    syncer.channel()
    assert committed(syncer) == channel.listed("linux-64")


def test_files_that_are_here_are_taken_over(
    syncer: Syncer, channel: Channel, tmp_path: Path
) -> None:
    folder = tmp_path / "there/conda-forge/linux-64"
    folder.mkdir(parents=True)
    for one in (NEW, BOTH, OLD):
        (folder / one.filename).write_bytes(one.data)
    answer = syncer.command("adopt", str(tmp_path / "there"))
    assert answer.code == 0, answer
    assert {f"linux-64/{one.filename}" for one in (NEW, BOTH, OLD)} <= set(
        syncer.volumes.committed()
    )


def test_a_lock_file_may_name_what_only_the_new_revision_lists(
    syncer: Syncer, channel: Channel
) -> None:
    url = f"{syncer.upstream.url}/conda-forge/linux-64/{NEW.filename}#{NEW.record['md5']}"
    syncer.configure(
        '[environments.lab]\nchannels = ["conda-forge"]\nsubdirs = ["linux-64"]\n'
        'spec_files = ["lab.txt"]\n',
        lab=f"@EXPLICIT\n{url}\n",
    )
    result = syncer.channel()
    assert (result.status, result.warnings) == ("success", [])
    assert set(committed(syncer)) == {("v3.conda", "new-1.0-0")}
    with syncer.volumes.ledger() as ledger:
        assert ledger.retired() == []


def test_a_canary_sees_what_only_the_new_revision_lists(syncer: Syncer, channel: Channel) -> None:
    assert syncer.run(CANARY="new").canaries == []
    channel.remove("linux-64", NEW.filename)
    blocked = syncer.channel(CANARY="new", CANARY_BLOCKS="yes", WIPE_GUARD_PERCENT="100")
    assert blocked.status != "success" and "new" in str(blocked.error)


def as_by_0_1_0(syncer: Syncer) -> None:
    """Make of a ledger what version 0.1.0 would have: ``v3`` carried as a text, and no more."""
    path = syncer.volumes.state.ledger("conda-forge")
    dump = Path(__file__).parents[2] / "unit/volume/ledger-0.1.0.sql"
    tables = "".join(re.findall(r"^CREATE .*?;\n(?! +BEGIN)", dump.read_text(), re.M | re.S))
    with syncer.volumes.ledger() as ledger:
        rows = [row for row in ledger.artifacts("linux-64") if row.section == "packages.conda"]
        settled, serial = ledger.settled, ledger.serial
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    for name in syncer.volumes.served():
        if Path(name).name not in {row.filename for row in rows}:
            (syncer.volumes.mirror_dir / "channels/conda-forge" / name).unlink()
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        old.executescript(tables)
        old.executemany(
            "INSERT INTO artifact VALUES (?, ?, ?, ?, ?, ?, ?, 'channels', 1, 0, '', ?, 0)",
            [
                (
                    row.subdir, row.filename, row.section, row.size, row.sha256,
                    hashlib.blake2b(row.record.encode(), digest_size=16).digest(), row.record,
                    row.md5,
                )
                for row in rows
            ],
        )  # fmt: skip
        old.execute("INSERT INTO carried VALUES ('linux-64', 'v3', '{\"conda\": {}}')")
        old.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [("schema", 1), ("serial", serial), ("settled", settled.inputs), ("due", 0.0)],
        )


@pytest.mark.parametrize("has_been_read", [False, True])
def test_a_volume_of_before_gets_what_it_left_out(
    syncer: Syncer, channel: Channel, has_been_read: bool
) -> None:
    """Although upstream has published nothing since, and whoever upgrades the ledger."""
    syncer.channel()
    as_by_0_1_0(syncer)
    syncer.upstream.reset_log()
    if has_been_read:
        with syncer.volumes.ledger() as ledger:
            assert "v3" not in ledger.other_keys("linux-64")
    result = syncer.channel()
    assert (result.status, result.downloaded) == ("success", 2)
    assert committed(syncer) == channel.listed("linux-64")
    assert syncer.upstream.count(f"*/{OLD.filename}") == 0
    assert broken_promises(syncer.volumes) == []


def test_artifacts_are_counted_and_records_are_said_where_they_are_more(
    syncer: Syncer, channel: Channel
) -> None:
    syncer.environment["SUBDIRS"] = "linux-64"
    planned = syncer.command("--once", "--dry-run")
    assert "1 artifact with two records" in planned.out
    (plan, *_) = syncer.channel().plan
    assert (plan.offered, plan.new, plan.twins) == (4, 4, 1)
    assert "linux-64: 4 artifacts (5 records)," in syncer.command("status").out
    metrics = json.loads(syncer.volumes.state.sync_metrics.read_text())["families"]
    text = json.dumps(metrics)
    assert "offered_records" in text and "offered_artifacts" in text
    channel.drop_v3("linux-64", BOTH.filename)
    syncer.channel()
    assert "linux-64: 4 artifacts, " in syncer.command("status").out
