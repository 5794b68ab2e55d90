"""A channel in a folder (`file:///...`): copied, hashed, and never written to."""

import bz2
import json
import os
import shutil
from pathlib import Path

import pytest

from syncer.errors import MissingError, TransferError
from syncer.transport import file_url
from syncer.transport.document import Validators
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, snapshot
from tests.support.upstream.channel import compress_zst, dump, repodata_document
from tests.support.upstream.packages import Package, package
from volume.program.stop import Stop

PACKAGES = [package("a"), package("b", extension=".tar.bz2"), package("n", subdir="noarch")]
BIG = package("big", padding_bytes=3_000_000)


@pytest.fixture
def channel(syncer: Syncer, tmp_path: Path) -> Path:
    """A folder as rsync leaves it, with a blank in its path."""
    path = tmp_path / "rsync here" / "team"
    write(path, *PACKAGES)
    syncer.environment["CHANNELS"] = f"team={path.as_uri()}"
    return path


def write(path: Path, *packages: Package, info: object = None) -> None:
    for subdir in ("linux-64", "noarch"):
        records: dict[str, dict[str, object]] = {"packages": {}, "packages.conda": {}}
        (path / subdir).mkdir(parents=True, exist_ok=True)
        for one in packages:
            if one.subdir == subdir:
                (path / subdir / one.filename).write_bytes(one.data)
                records[one.section][one.filename] = one.record
        extra = {"info": info} if info else {}
        document = repodata_document(subdir, records, [], extra)  # type: ignore[arg-type]
        (path / subdir / "repodata.json.zst").write_bytes(compress_zst(dump(document)))


def sync(syncer: Syncer) -> str:
    return syncer.channel().status


def test_a_folder_is_mirrored_and_left_alone(syncer: Syncer, channel: Path) -> None:
    before = snapshot(channel)
    with syncer.upstream.recording() as seen:
        assert sync(syncer) == "success"
        assert syncer.channel().unchanged
    assert seen == []  # no HTTP at all
    assert snapshot(channel) == before
    assert len(syncer.volumes.committed("team")) == 3
    with syncer.volumes.ledger("team") as ledger:
        row = ledger.artifact("linux-64", PACKAGES[0].filename)
    assert row is not None
    assert row.source == (channel / "linux-64" / PACKAGES[0].filename).as_uri()
    assert broken_promises(syncer.volumes, "team") == []


def test_bytes_are_copied_not_linked(syncer: Syncer, channel: Path) -> None:
    assert sync(syncer) == "success"
    for path in channel.rglob("*.conda"):
        assert path.stat().st_nlink == 1
        path.write_bytes(b"overwritten in place")
    assert broken_promises(syncer.volumes, "team") == []


def test_an_rsync_at_work_does_no_harm(syncer: Syncer, channel: Path) -> None:
    """The index is new, one artifact is cut, one is not there yet."""
    write(channel, *PACKAGES, BIG, package("late"))
    (channel / "linux-64" / BIG.filename).write_bytes(BIG.data[:1_000_000])
    (channel / "linux-64/late-1.0-0.conda").unlink()
    answer = syncer.command("--once")
    assert answer.code == 3
    assert "1,000,000 bytes instead of" in answer.out
    assert "late-1.0-0.conda is not there" in answer.out
    assert len(syncer.volumes.committed("team")) == 3
    write(channel, *PACKAGES, BIG, package("late"))
    assert sync(syncer) == "success"
    assert len(syncer.volumes.committed("team")) == 5


def test_an_index_in_the_middle_of_being_written_changes_nothing(
    syncer: Syncer, channel: Path
) -> None:
    assert sync(syncer) == "success"
    path = channel / "linux-64/repodata.json.zst"
    path.write_bytes(path.read_bytes()[:-40])
    answer = syncer.command("--once")
    assert answer.code == 1
    assert "stays as it is" in answer.out and str(channel) not in syncer.upstream.url
    assert len(syncer.volumes.committed("team")) == 3


def test_an_index_that_is_put_back_is_older(syncer: Syncer, channel: Path) -> None:
    path = channel / "linux-64/repodata.json.zst"
    old = path.read_bytes()
    assert sync(syncer) == "success"
    write(channel, *PACKAGES, BIG)
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert sync(syncer) == "success"
    path.write_bytes(old)
    os.utime(path, (1_900_000_000, 1_900_000_000))
    result = syncer.channel()
    assert result.status == "failed" and "older than the" in str(result.error)


def test_a_folder_that_is_not_there_is_named(syncer: Syncer, channel: Path) -> None:
    shutil.rmtree(channel)
    answer = syncer.command("--once")
    assert answer.code == 1
    assert f"there is no folder {channel}: is it mounted into the container?" in answer.out
    assert "Traceback" not in answer.err


def test_a_folder_without_an_index_is_named(syncer: Syncer, channel: Path) -> None:
    for path in channel.rglob("repodata*"):
        path.unlink()
    answer = syncer.command("--once")
    assert answer.code == 1
    assert "has none of" in answer.out and "is not there" in answer.out


@pytest.mark.parametrize("base_url", ["file:///etc", "../../elsewhere", "%2e%2e/%2e%2e/x", "/etc"])
def test_an_index_does_not_lead_out_of_its_folder(
    syncer: Syncer, channel: Path, base_url: str
) -> None:
    write(channel, *PACKAGES, info={"base_url": base_url})
    result = syncer.channel()
    assert result.status == "failed"
    assert "Nobody is sent there" in str(result.error)
    assert syncer.volumes.committed("team") == {}


def test_a_copied_index_that_speaks_of_the_web_means_its_folder(
    syncer: Syncer, channel: Path
) -> None:
    write(channel, *PACKAGES, info={"base_url": f"{syncer.upstream.url}/elsewhere"})
    assert sync(syncer) == "success"
    assert syncer.upstream.log == []


def test_a_folder_and_the_web_stand_in_for_each_other(syncer: Syncer, channel: Path) -> None:
    syncer.upstream.channel("team").publish(*PACKAGES)
    (channel / "linux-64" / PACKAGES[0].filename).unlink()
    (channel / "linux-64" / PACKAGES[1].filename).write_bytes(b"x" * 10)
    syncer.environment["CHANNELS"] = "team"
    syncer.environment["CONDA_CLOUD_URL"] = f"{channel.parent.as_uri()} {syncer.upstream.url}"
    result = syncer.channel()
    assert result.status == "success"
    assert "the folder delivered 1 artifacts that are not what the index" in str(result.warnings)
    assert len(syncer.volumes.committed("team")) == 3


def test_plain_and_bz2_indexes_are_read(syncer: Syncer, channel: Path) -> None:
    document = json.dumps({"packages": {}, "info": {"subdir": "any"}}).encode()
    for path in channel.glob("*/repodata.json.zst"):
        path.unlink()
    (channel / "noarch/repodata.json").write_bytes(document)
    (channel / "linux-64/repodata.json.bz2").write_bytes(bz2.compress(document))
    assert sync(syncer) == "success"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(MissingError, match="no regular file"):
            file_url.document(path.as_uri(), Validators(), limit=100)


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(101))
    with pytest.raises(TransferError, match="more than 100 bytes"):
        file_url.document((tmp_path / "x").as_uri(), Validators(), limit=100)


def test_a_file_that_may_not_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "x").chmod(0)
    own = os.geteuid()
    if own == 0:  # root may read everything
        os.seteuid(65_534)
    try:
        with pytest.raises(TransferError, match="denied; make it readable for PUID:PGID"):
            file_url.document((tmp_path / "x").as_uri(), Validators(), limit=100)
    finally:
        os.seteuid(own)


def test_a_file_that_got_shorter_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")

    class Kept:
        position = 7
        is_large = False
        data = b"1234567"

        def write(self, chunk: bytes) -> None:
            self.data += chunk

        def restart(self) -> None:
            self.data, self.position = b"", 0

    kept = Kept()
    file_url.receive((tmp_path / "x").as_uri(), kept, Stop())
    assert kept.data == b"abc"
