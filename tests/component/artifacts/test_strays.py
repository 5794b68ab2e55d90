"""Files in channels/ that no row knows: taken over by their hash, or out of the way and named."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.artifacts.recovery import strays
from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, files, ledger_problems, publish, sha256
from tests.support.upstream.packages import Package, package
from volume.disk.files import is_regular

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
    assert result.status == "success", result.error
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


def _as_folder(path: Path, _: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(b"of somebody's")


def _as_link(path: Path, elsewhere: Path) -> None:
    elsewhere.write_bytes(STRAY.data)  # the right bytes, where nothing can serve them
    path.symlink_to(elsewhere)


def _as_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [_as_folder, _as_link, _as_pipe])
@pytest.mark.parametrize("is_known", [False, True])
def test_what_is_no_file_is_in_nobodys_way(
    syncer: Syncer, tmp_path: Path, put: Callable[[Path, Path], None], is_known: bool
) -> None:
    channel = syncer.upstream.channel("conda-forge")
    path = syncer.volumes.mirror_dir / "channels/conda-forge" / NAME
    if is_known:
        channel.publish(STRAY)
        sync(syncer)
        path.unlink()
    put(path, tmp_path / "elsewhere")
    channel.publish(STRAY, package("other"))
    assert NAME in named(sync(syncer))[0]
    assert syncer.volumes.committed().keys() >= {NAME, "linux-64/other-1.0-0.conda"}
    assert is_regular(path)
    assert sha256(path) == STRAY.record["sha256"]
    assert (syncer.volumes.mirror_dir / "quarantine/conda-forge" / NAME).lstat()
    assert named(sync(syncer)) == []


@pytest.mark.parametrize("is_listed", [True, False])
def test_an_artifact_that_is_gone_is_asked_for_again(syncer: Syncer, is_listed: bool) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(STRAY)
    sync(syncer)
    publish(syncer.volumes)
    later = time.time() + 60
    sync(syncer, now=lambda: later)
    (syncer.volumes.mirror_dir / "channels/conda-forge" / NAME).unlink()
    if not is_listed:
        channel.remove("linux-64", STRAY.filename)
    result = syncer.channel(now=lambda: later)
    assert result.status == "success"
    assert any(NAME in warning and "asked for again" in warning for warning in result.warnings)
    publish(syncer.volumes)
    assert (NAME in syncer.volumes.committed()) == is_listed
    assert ledger_problems(syncer.volumes) == []
    assert syncer.channel(now=lambda: later).warnings == []


def test_a_subdir_whose_folder_is_gone_is_asked_for_again(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(package("other", subdir="noarch"))
    sync(syncer)
    publish(syncer.volumes)
    shutil.rmtree(syncer.volumes.mirror_dir / "channels/conda-forge/noarch")
    assert "asked for again" in sync(syncer).warnings[0]
    assert "noarch/other-1.0-0.conda" in syncer.volumes.served()


def test_an_older_mirror_volume_is_made_whole(syncer: Syncer, tmp_path: Path) -> None:
    mirror, older = syncer.volumes.mirror_dir, tmp_path / "older"
    shutil.copytree(mirror, older, symlinks=True)
    syncer.environment["WIPE_GUARD_PERCENT"] = "100"
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(STRAY, package("new"))
    channel.remove("linux-64", HERE.filename)
    sync(syncer)
    publish(syncer.volumes)
    sync(syncer)
    shutil.rmtree(mirror)
    shutil.copytree(older, mirror, symlinks=True)
    assert "asked for again" in sync(syncer).warnings[0]
    assert syncer.volumes.committed().keys() == {NAME, "linux-64/new-1.0-0.conda"}
    assert syncer.volumes.served().keys() >= syncer.volumes.committed().keys()
    publish(syncer.volumes)
    sync(syncer)
