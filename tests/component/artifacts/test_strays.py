"""Files in channels/ that no row knows: taken over by their hash, or out of the way and named."""

import os

import pytest

from syncer.artifacts import strays
from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, files, publish, sha256
from tests.support.upstream.packages import Package, package

HERE = package("here")
STRAY = package("stray")
NAME = f"linux-64/{STRAY.filename}"


@pytest.fixture(autouse=True)
def synced(syncer: Syncer) -> None:
    """A channel with one artifact, published."""
    syncer.upstream.channel("conda-forge").publish(HERE)
    assert syncer.run().status == "success"
    publish(syncer.volumes)


def drop(syncer: Syncer, one: Package = STRAY, data: bytes | None = None) -> None:
    """Put a file into the channel as a person, or a power cut, does."""
    folder = syncer.volumes.mirror_dir / "channels/conda-forge" / one.subdir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / one.filename).write_bytes(one.data if data is None else data)


def sync(syncer: Syncer, **settings: object) -> ChannelResult:
    result = syncer.channel(**settings)
    assert result.status == "success"
    assert broken_promises(syncer.volumes) == []
    return result


def quarantined(syncer: Syncer) -> list[str]:
    return sorted(files(syncer.volumes.mirror_dir / "quarantine"))


def named(result: ChannelResult) -> list[str]:
    return [warning for warning in result.warnings if "quarantine" in warning]


def test_what_nobody_knows_goes_to_quarantine_and_is_named(syncer: Syncer) -> None:
    drop(syncer)
    result = sync(syncer)
    assert result.unchanged  # also of a sync that finds nothing new
    assert NAME in named(result)[0]
    assert "local/conda-forge" in named(result)[0]
    assert quarantined(syncer) == [f"conda-forge/{NAME}"]
    assert syncer.volumes.committed().keys() == {f"linux-64/{HERE.filename}"}
    assert NAME in syncer.command("status").out
    assert named(sync(syncer)) == []
    drop(syncer, data=b"again, with other bytes")
    sync(syncer)
    assert quarantined(syncer) == [f"conda-forge/{NAME}", f"conda-forge/{NAME}.1"]


def test_what_upstream_lists_is_taken_over_and_not_fetched(syncer: Syncer) -> None:
    drop(syncer)
    syncer.upstream.channel("conda-forge").publish(STRAY)
    syncer.upstream.reset_log()
    assert named(sync(syncer)) == []
    assert NAME in syncer.volumes.committed()
    assert syncer.upstream.count("*.conda") == 0
    assert quarantined(syncer) == []


def test_what_upstream_lists_with_other_bytes_is_not(syncer: Syncer) -> None:
    drop(syncer, data=bytes(len(STRAY.data)))
    syncer.upstream.channel("conda-forge").publish(STRAY)
    assert named(sync(syncer))
    assert syncer.volumes.committed()[NAME] == STRAY.record["sha256"]
    assert quarantined(syncer) == [f"conda-forge/{NAME}"]
    publish(syncer.volumes)
    sync(syncer)
    assert syncer.volumes.served()[NAME] == STRAY.record["sha256"]


def test_what_the_policy_keeps_out_is_not(syncer: Syncer) -> None:
    drop(syncer)
    syncer.upstream.channel("conda-forge").publish(STRAY)
    assert named(sync(syncer, DENY="stray"))
    assert NAME not in syncer.volumes.committed()
    assert quarantined(syncer) == [f"conda-forge/{NAME}"]


def test_what_a_snapshot_promises_stays_downloadable(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(STRAY)
    sync(syncer)
    publish(syncer.volumes)
    channel.remove("linux-64", STRAY.filename)
    sync(syncer)
    with syncer.volumes.writing() as ledger, ledger.transaction("lose a row"):
        ledger.connection.execute("DELETE FROM retired")
    assert named(sync(syncer))
    (row,) = syncer.volumes.ledger().retired()
    assert (row.filename, row.home) == (STRAY.filename, "channels")
    publish(syncer.volumes)
    sync(syncer)
    retired = syncer.volumes.mirror_dir / "retired/conda-forge" / NAME
    assert sha256(retired) == STRAY.record["sha256"]
    assert quarantined(syncer) == [f"conda-forge/{NAME}"]


def test_a_folder_that_did_not_change_is_not_read_again(
    syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = 4e9  # seconds since the epoch: long after the folder's last change
    sync(syncer, now=lambda: later)
    with monkeypatch.context() as patched:
        patched.setattr(strays, "_strays", lambda *_: pytest.fail("it was read"))
        sync(syncer, now=lambda: later)
    drop(syncer)
    assert named(sync(syncer, now=lambda: later))


def test_an_adoption_leaves_what_it_does_not_know(syncer: Syncer, tmp_path: object) -> None:
    drop(syncer)
    answer = syncer.command("adopt", str(syncer.volumes.state_dir))
    assert NAME in syncer.volumes.served(), answer
    found = strays.find(syncer.volumes.mirror, "conda-forge", syncer.volumes.ledger())
    assert [str(stray) for stray in found] == [NAME]


def test_folders_and_links_are_no_way_out(syncer: Syncer) -> None:
    folder = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64"
    (folder / "a-folder").mkdir()
    (folder / "away").symlink_to("/etc/passwd")
    assert "linux-64/away" in named(sync(syncer))[0]
    assert not (folder / "away").is_symlink()
    assert (folder / "a-folder").is_dir()


def test_verify_and_doctor_count_them(syncer: Syncer) -> None:
    drop(syncer)
    assert NAME in syncer.command("doctor").out
    report = syncer.verify()
    assert (report.strays, report.exit_code) == ([f"conda-forge/{NAME}"], 3)
    assert quarantined(syncer) == [f"conda-forge/{NAME}"]
    assert syncer.verify().exit_code == 0
    assert NAME not in syncer.command("doctor").out


@pytest.mark.parametrize("name", [b"\xff-1.0-0.conda", b"a\x1b[31m-1.0-0.conda", b"a\nb", b"-x"])
def test_whatever_it_is_called_it_goes_and_is_named_in_print(syncer: Syncer, name: bytes) -> None:
    folder = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64"
    (folder / os.fsdecode(name)).write_bytes(b"x")
    (warning,) = named(sync(syncer))
    assert warning.isprintable()
    assert [path.name for path in folder.iterdir()] == [HERE.filename]
    assert syncer.command("status").code == 0
