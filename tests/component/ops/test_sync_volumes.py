"""What a volume refuses, and what happens when one of the two is lost."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncer.sync.channel.channel import ChannelSync
from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.mirror.tree import Volumes, broken_promises, outcome, snapshot
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume import run_document
from volume.errors import VolumeError, WrongVolumeError
from volume.identity import Word, claim
from volume.layout import State
from volume.run_document import CanaryFailure

MANY = [package(f"p{number}", padding_bytes=2000) for number in range(12)]


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    assert syncer.run().status == "success"
    syncer.upstream.reset_log()
    return syncer


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Path]:
    """A folder to mount in; everything below is unmounted at the end."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "mounts"
    folder.mkdir()
    yield folder
    for path in sorted(folder.iterdir()):
        subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def mount(folder: Path, *options: str) -> Path:
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
    return folder


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def on(simulator: ChannelSimulator, mirror_dir: Path, state_dir: Path) -> Syncer:
    return Syncer(simulator, Volumes(mirror_dir, state_dir))


def test_a_plan_that_does_not_fit_is_refused_before_it_begins(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    answer = syncer.command("--once", MIN_FREE="9999TB")
    assert answer.code == 1
    for words in ("the plan needs", "MIN_FREE", "nothing was downloaded"):
        assert words in answer.out
    assert syncer.upstream.count("*.conda") == 0
    assert syncer.run().status == "success"


def test_a_full_mirror_volume_says_so_and_loses_nothing(
    simulator: ChannelSimulator, tmp_path: Path, mounts: Path
) -> None:
    simulator.channel("conda-forge").publish(
        *(package(f"b{number}", padding_bytes=200_000) for number in range(8))
    )
    syncer = on(simulator, mount(mounts / "mirror", "size=1m"), tmp_path / "state")
    # The plan is believed to fit: records of before 2019 have no size.
    for name, record in simulator.channel("conda-forge").records("linux-64").items():
        simulator.channel("conda-forge").hotfix("linux-64", name, size=None)
        assert record["sha256"]
    answer = syncer.command("--once", CHECKPOINT_SIZE="300kB", SYNC_CONNECTIONS="2")
    assert answer.code == 1
    assert "the volume is full: free space or choose less" in answer.out
    assert str(syncer.volumes.mirror_dir) in answer.out
    assert "Traceback" not in answer.err
    assert broken_promises(syncer.volumes) == []
    committed = syncer.volumes.committed()
    remount(syncer.volumes.mirror_dir, "size=8m")
    simulator.reset_log()
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == 8
    assert simulator.count("*.conda") <= 8 - len(committed)


def test_a_volume_without_inodes_says_so_and_loses_nothing(
    simulator: ChannelSimulator, tmp_path: Path, mounts: Path
) -> None:
    simulator.channel("conda-forge").publish(*(package(f"i{number}") for number in range(40)))
    folder = mount(mounts / "mirror", "size=8m", "nr_inodes=40")
    syncer = on(simulator, folder, tmp_path / "state")
    answer = syncer.command("--once")
    assert answer.code == 1
    assert "the volume is full" in answer.out
    assert "Traceback" not in answer.err
    assert broken_promises(syncer.volumes) == []
    remount(folder, "nr_inodes=1000")
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == 40


def test_a_full_state_volume_says_so_and_loses_nothing(
    simulator: ChannelSimulator, tmp_path: Path, mounts: Path
) -> None:
    channel = simulator.channel("conda-forge")
    channel.publish(*MANY)
    syncer = on(simulator, tmp_path / "mirror", mount(mounts / "state", "size=2m"))
    assert syncer.run().status == "success"
    channel.publish(package("new"))
    filler = syncer.volumes.state_dir / "filler"
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    answer = syncer.command("--once")
    assert answer.code == 1, answer
    assert "full" in answer.out + answer.err
    assert "Traceback" not in answer.err
    filler.unlink()
    assert broken_promises(syncer.volumes) == []
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == len(MANY) + 1


@pytest.mark.parametrize("which", ["mirror", "state"])
def test_a_read_only_volume_says_so(
    simulator: ChannelSimulator, tmp_path: Path, mounts: Path, which: str
) -> None:
    channel = simulator.channel("conda-forge")
    channel.publish(*MANY)
    mounted = mount(mounts / which, "size=4m")
    places = {"mirror": tmp_path / "mirror", "state": tmp_path / "state", which: mounted}
    syncer = on(simulator, places["mirror"], places["state"])
    assert syncer.run().status == "success"
    channel.publish(package("new"))
    remount(mounted, "ro")
    before = snapshot(syncer.volumes.mirror_dir)
    answer = syncer.command("--once")
    assert answer.code == 1, answer
    text = answer.out + answer.err
    assert str(mounted) in text
    assert "read-only" in text or "readonly" in text
    assert "Traceback" not in text
    commands = [("health", 1), ("--once --dry-run", 1)]
    if which == "mirror":  # a ledger can't be opened on a read-only state, which is said too
        commands.append(("status", 0))
    for command, code in commands:
        answer = syncer.command(*command.split())
        assert answer.code == code, answer
        assert str(mounted) in answer.out + answer.err
        assert "read-write" in answer.out + answer.err or "writable" in answer.err
    assert snapshot(syncer.volumes.mirror_dir) == before
    remount(mounted, "rw")
    assert syncer.run().status == "success"


def test_a_volume_of_another_user_says_whose_it_must_be(synced: Syncer) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    synced.upstream.channel("conda-forge").publish(package("new"))
    folder = synced.volumes.mirror_dir
    for path in [folder, *folder.parents]:
        if path.stat().st_mode & 0o055 != 0o055:  # pytest's own folders are for its user only
            path.chmod(0o755)
    # Another user, who may write the state and not the mirror.
    for path in [synced.volumes.state_dir, *synced.volumes.state_dir.rglob("*")]:
        os.chown(path, 65534, 65534)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            synced.run()
        except VolumeError as error:
            code = 0 if "PUID:PGID" in str(error) else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert synced.run().status == "success"


def test_two_appliances_do_not_share_a_mirror(synced: Syncer, tmp_path: Path) -> None:
    other = on(synced.upstream, tmp_path / "mirror2", tmp_path / "state2")
    assert other.run().status == "success"
    synced.upstream.channel("conda-forge").publish(package("new"))
    before = snapshot(other.volumes.mirror_dir, synced.volumes.state_dir / "channels")
    crossed = on(synced.upstream, other.volumes.mirror_dir, synced.volumes.state_dir)
    answer = crossed.command("--once", "--json")
    assert answer.code == 10
    assert "two appliances must not share" in answer.err
    assert answer.document["status"] == "failed"
    assert snapshot(other.volumes.mirror_dir, synced.volumes.state_dir / "channels") == before


def test_a_mirror_that_is_not_mounted_is_not_filled(synced: Syncer, tmp_path: Path) -> None:
    unmounted = tmp_path / "unmounted"
    unmounted.mkdir()
    answer = synced.command("--once", MIRROR_DIR=str(unmounted))
    assert answer.code == 10
    assert "is the disk mounted?" in answer.err and "--accept-new-mirror" in answer.err
    assert list(unmounted.iterdir()) == []


def lost_disk(synced: Syncer) -> None:
    """The bind mount is another, empty folder."""
    for path in synced.volumes.mirror_dir.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def lost_files(synced: Syncer) -> None:
    """It has its owner.json, and nothing else."""
    for path in synced.volumes.mirror.channel_folder("conda-forge").iterdir():
        shutil.rmtree(path)


def another_disk(synced: Syncer) -> None:
    owner = synced.volumes.mirror.owner
    owner.write_text(json.dumps({**json.loads(owner.read_bytes()), "id": "another"}))


@pytest.mark.parametrize("happened", [lost_disk, lost_files, another_disk])
def test_every_command_looks_at_the_volumes(
    synced: Syncer, happened: Callable[[Syncer], None]
) -> None:
    assert synced.command("health").code == 0
    happened(synced)
    before = snapshot(synced.volumes.mirror_dir, synced.volumes.state_dir / "channels")
    for command in ("--once", "--once --dry-run", "status", "history"):
        answer = synced.command(*command.split())
        assert (command, answer.code) == (command, 10)
        assert str(synced.volumes.mirror_dir) in answer.err
        assert "mount" in answer.err
        assert "syncer" in answer.err  # what to run, if it is as it should be
    answer = synced.command("health")
    assert (answer.code, str(synced.volumes.mirror_dir) in answer.out) == (1, True)
    assert synced.command("doctor").code == 1
    assert snapshot(synced.volumes.mirror_dir, synced.volumes.state_dir / "channels") == before


def test_files_that_are_lost_are_fetched_again_as_the_message_says(synced: Syncer) -> None:
    before = outcome(synced.volumes)
    lost_files(synced)
    ledger = synced.volumes.state.ledger("conda-forge")
    assert f"if they are many, move {ledger} away" in synced.command("--once").err
    shutil.rmtree(ledger.parent)
    assert synced.run().status == "success"
    assert outcome(synced.volumes) == before


def test_a_few_lost_files_are_fetched_again_by_verify(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(MANY[0])
    assert syncer.run().status == "success"
    before = outcome(syncer.volumes)
    lost_files(syncer)
    assert "'syncer verify' fetches a few again" in syncer.command("--once").err
    assert syncer.command("verify").code == 3
    assert outcome(syncer.volumes) == before


def test_a_new_mirror_is_filled_anew(synced: Syncer, tmp_path: Path) -> None:
    before = outcome(synced.volumes)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    answer = synced.command("--once", "--accept-new-mirror", MIRROR_DIR=str(fresh))
    assert answer.code == 0, answer
    volumes = Volumes(fresh, synced.volumes.state_dir)
    assert outcome(volumes) == before
    assert len(volumes.served()) == len(MANY)
    assert broken_promises(volumes) == []
    answer = synced.command("--once")  # the old disk is back: what we know is not of it
    assert answer.code == 10


def test_a_lost_state_downloads_nothing_again(synced: Syncer) -> None:
    before = outcome(synced.volumes)
    shutil.rmtree(synced.volumes.state_dir)
    answer = synced.command("--once")
    assert (answer.code, "--once --take-over" in answer.err) == (10, True)
    assert synced.command("--once", "--take-over").code == 0
    assert synced.upstream.count("*.conda") == 0
    assert outcome(synced.volumes) == before
    assert broken_promises(synced.volumes) == []


def test_a_lost_state_beside_a_nearly_full_mirror_recovers(synced: Syncer) -> None:
    shutil.rmtree(synced.volumes.state_dir)
    assert (
        synced.run(options=TAKE_OVER, MIN_FREE="9999TB").status == "success"
    )  # it takes no space that isn't taken
    assert synced.upstream.count("*.conda") == 0


def test_a_lost_state_is_checked_by_hash_and_not_by_size(synced: Syncer) -> None:
    victim = synced.volumes.mirror_dir / "channels/conda-forge/linux-64" / MANY[0].filename
    content = bytearray(victim.read_bytes())
    content[100] ^= 0xFF
    victim.write_bytes(content)
    shutil.rmtree(synced.volumes.state_dir)
    assert synced.run(options=TAKE_OVER).status == "success"
    assert [one.path.rpartition("/")[2] for one in synced.upstream.requests("*.conda")] == [
        MANY[0].filename
    ]
    with synced.volumes.ledger() as ledger:
        row = ledger.artifact("linux-64", MANY[0].filename)
    assert row is not None
    folder = synced.volumes.mirror.replaced("conda-forge", "linux-64", row.sha256)
    assert (folder / row.filename).read_bytes() == MANY[0].data


@pytest.mark.parametrize("damage", ["garbage", "page", "empty"])
def test_a_damaged_ledger_is_named_with_its_cure(synced: Syncer, damage: str) -> None:
    synced.upstream.channel("conda-forge").publish(package("new"))
    path = synced.volumes.state.ledger("conda-forge")
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        path.write_bytes(bytes(range(256)) * 64)
    elif damage == "page":
        content[4096:] = b"\xa5" * (len(content) - 4096)
        path.write_bytes(content)
    else:
        path.write_bytes(b"")
    answer = synced.command("--once")
    if damage == "empty":  # as after its creation was cut off
        assert answer.code == 0
    else:
        assert answer.code == 1
        assert str(path) in answer.out and "move it away" in answer.out
        assert "Traceback" not in answer.err
        for extra in path.parent.glob("ledger.db*"):
            extra.unlink()
        assert synced.run().status == "success"
    assert synced.upstream.count("*.conda") == 1
    assert broken_promises(synced.volumes) == []


def test_a_ledger_of_a_newer_version_is_left_alone(synced: Syncer) -> None:
    path = synced.volumes.state.ledger("conda-forge")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    answer = synced.command("--once")
    assert answer.code == 1
    assert "newer" in answer.out


def test_a_whole_part_after_a_crash_of_the_ledger_is_not_lost(synced: Syncer) -> None:
    """Retired files are found, too, when the state is lost."""
    channel = synced.upstream.channel("conda-forge")
    channel.remove("linux-64", MANY[0].filename)
    assert synced.run().status == "success"
    shutil.rmtree(synced.volumes.state_dir)
    channel.publish(replace(MANY[0]))
    synced.upstream.reset_log()
    assert synced.run(options=TAKE_OVER).status == "success"
    assert synced.upstream.count("*.conda") == 0


def test_a_run_ends_when_its_mirror_is_taken_over_meanwhile(syncer: Syncer, tmp_path: Path) -> None:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    other = State(tmp_path / "other")
    syncer.upstream.after(
        "*.conda", 3, lambda: claim(syncer.volumes.mirror, other, Word(take_over=True))
    )
    run = syncer.run(SYNC_CONNECTIONS="1", CHECKPOINT_SIZE="3kB")
    assert run.status == "failed"
    assert "belongs to appliance" in (run.error or "")
    assert run.exit_code == WrongVolumeError.exit_code == 10
    assert 0 < len(syncer.volumes.committed()) < len(MANY)


def test_canaries_that_nobody_looked_at_are_as_they_were(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else their recovery is told right after the failure that kept anybody from looking."""
    state = synced.volumes.state
    before = run_document.read(state)
    assert before is not None
    failing = (CanaryFailure("python", "linux-64", "no numpy"),)
    run_document.write(state, replace(before, canaries=failing))

    def refuse(_: ChannelSync) -> None:
        raise VolumeError("the disk reports an error")

    monkeypatch.setattr(ChannelSync, "run", refuse)
    run = synced.run()
    assert run.status == "failed"
    assert tuple(run.canaries) == failing
