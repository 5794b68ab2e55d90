"""`syncer adopt`: the files of another mirror are taken over, and what is intact is not downloaded.

The other mirror is never written to; only `--move` removes from it, and only what is here.
"""

from pathlib import Path

import pytest

from tests.support.mirror.damage import flip, truncate
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, files, publish, snapshot
from tests.support.upstream import faults
from tests.support.upstream.another_mirror import FORGE, MAIN, downloads, fill, hashes, ours
from tests.support.upstream.packages import package

A, B, C, N = FORGE


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The other mirror's folder, empty."""
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


@pytest.fixture
def syncer(syncer: Syncer) -> Syncer:
    """An upstream with two channels, and an empty mirror."""
    syncer.environment["CHANNELS"] = "conda-forge pkgs/main"
    syncer.upstream.channel("conda-forge").publish(*FORGE)
    syncer.upstream.channel("pkgs/main").publish(*MAIN)
    return syncer


@pytest.mark.parametrize(
    ("forge", "main"),
    [
        ("cloud/conda-forge", "pkgs/main"),
        ("anaconda/cloud/conda-forge", "anaconda/pkgs/main"),
        ("conda-forge", "pkgs/main"),
    ],
    ids=["tunasync", "a server's root", "rsync"],
)
def test_a_tree_of_channels_is_taken_over(
    syncer: Syncer, other: Path, forge: str, main: str
) -> None:
    fill(other / forge)
    fill(other / main, MAIN)
    before = snapshot(other)
    answer = syncer.command("adopt", str(other))
    assert answer.code == 0, answer
    assert "4 artifacts committed" in answer.out
    assert "1 artifacts committed" in answer.out
    assert "Sync ended: success" in answer.out
    assert syncer.volumes.committed() == syncer.volumes.served() == hashes(FORGE)
    assert syncer.volumes.committed("pkgs/main") == hashes(MAIN)
    assert ours(syncer, A).samefile(other / forge / A.subdir / A.filename)  # no space is used
    assert syncer.run().status == "success"
    assert downloads(syncer) == []
    assert snapshot(other) == before
    publish(syncer.volumes)
    assert broken_promises(syncer.volumes) == []
    again = syncer.command("--once")
    assert "nothing changed upstream" in again.out


def test_a_tree_of_one_channel_is_taken_over(syncer: Syncer, other: Path) -> None:
    """What conda-mirror makes."""
    syncer.environment["CHANNELS"] = "conda-forge"
    fill(other)
    assert syncer.command("adopt", str(other)).code == 0
    assert syncer.run().status == "success"
    assert syncer.volumes.committed() == hashes(FORGE)
    assert downloads(syncer) == []


def test_only_what_is_intact_is_taken(syncer: Syncer, other: Path) -> None:
    place = fill(other / "conda-forge")
    flip(place / A.subdir / A.filename)
    truncate(place / B.subdir / B.filename)
    (place / C.subdir / C.filename).unlink()
    before = snapshot(other)
    answer = syncer.command("adopt", str(other))
    assert answer.code == 0, answer
    assert "3 artifacts are not there, or not intact: the next sync gets them" in answer.out
    assert syncer.volumes.committed() == hashes((N,))
    assert downloads(syncer) == []
    assert snapshot(other) == before
    assert syncer.run().status == "success"
    assert syncer.volumes.committed() == hashes(FORGE)
    assert downloads(syncer) == sorted([A.filename, B.filename, C.filename, MAIN[0].filename])
    assert snapshot(other) == before
    assert broken_promises(syncer.volumes) == []


def test_the_history_tells_where_a_file_was_taken_from(syncer: Syncer, other: Path) -> None:
    fill(other / "conda-forge")
    assert syncer.command("adopt", str(other)).code == 0
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact(A.subdir, A.filename)
    assert row is not None
    assert row.source == f"file://{other}/conda-forge/{A.subdir}/{A.filename}"


def test_a_replacement_leaves_the_other_mirror_alone(syncer: Syncer, other: Path) -> None:
    fill(other / "conda-forge")
    before = snapshot(other)
    assert syncer.command("adopt", str(other)).code == 0
    publish(syncer.volumes)
    syncer.upstream.channel("conda-forge").publish(package("a", padding_bytes=9000))
    syncer.upstream.channel("conda-forge").remove(C.subdir, C.filename)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    syncer.volumes.mirror.generation_document("conda-forge", 1).unlink()
    for _ in range(2):
        assert syncer.run(now=lambda: 3e9).status == "success"
    assert not ours(syncer, C).exists()
    assert snapshot(other) == before


def test_a_damaged_file_of_ours_is_quarantined_and_the_other_mirrors_stays(
    syncer: Syncer, other: Path
) -> None:
    """They are one file with two names: both are damaged, and only ours is replaced."""
    place = fill(other / "conda-forge")
    assert syncer.command("adopt", str(other)).code == 0
    assert syncer.run().status == "success"
    flip(ours(syncer, A))
    before = snapshot(other)
    assert syncer.verify().exit_code == 3
    assert snapshot(other) == before
    assert ours(syncer, A).read_bytes() == A.data
    assert not ours(syncer, A).samefile(place / A.subdir / A.filename)


def test_a_download_that_was_cut_does_not_stand_in_the_way(syncer: Syncer, other: Path) -> None:
    syncer.upstream.script(f"*/{A.filename}", faults.truncated(0.5, times=None))
    assert syncer.run().status == "partial"
    assert list((syncer.volumes.mirror_dir / "staging").rglob("a-*.part"))
    before = len(downloads(syncer))
    fill(other / "conda-forge")
    assert syncer.command("adopt", str(other)).code == 0
    assert syncer.run().status == "success"
    assert syncer.volumes.committed() == hashes(FORGE)
    assert len(downloads(syncer)) == before


def test_a_folder_that_is_not_there_is_2(syncer: Syncer, tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path / "file"):
        (tmp_path / "file").touch()
        answer = syncer.command("adopt", str(folder))
        assert answer.code == 2, answer
        assert "is not a folder" in answer.err
    assert syncer.upstream.log == []


@pytest.mark.parametrize("folder", ["channels", "channels/conda-forge", "retired"])
def test_our_own_folders_are_no_other_mirror(syncer: Syncer, folder: str) -> None:
    assert syncer.run().status == "success"
    (syncer.volumes.mirror_dir / folder).mkdir(exist_ok=True)
    before = files(syncer.volumes.mirror_dir)
    answer = syncer.command("adopt", str(syncer.volumes.mirror_dir / folder), "--move")
    assert answer.code == 2, answer
    assert "is a part of this mirror" in answer.err
    assert files(syncer.volumes.mirror_dir) == before


def test_a_link_into_our_own_folders_moves_nothing_away(syncer: Syncer, other: Path) -> None:
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    (other / "conda-forge").symlink_to(syncer.volumes.mirror_dir / "channels/conda-forge")
    new = package("new")
    syncer.upstream.channel("conda-forge").publish(new)
    fill(syncer.volumes.mirror_dir / "channels/conda-forge", (new,))
    assert syncer.command("adopt", str(other), "--move").code == 0
    assert syncer.volumes.committed() == hashes((*FORGE, new))
    assert broken_promises(syncer.volumes) == []


def test_an_old_tree_on_the_mirror_volume_itself_is_taken_over(syncer: Syncer) -> None:
    """The way to links where each mount is a filesystem of its own, as in a container."""
    fill(syncer.volumes.mirror_dir / "cloud/conda-forge")
    answer = syncer.command("adopt", str(syncer.volumes.mirror_dir), "--move")
    assert answer.code == 0, answer
    assert syncer.volumes.committed() == hashes(FORGE)
    assert files(syncer.volumes.mirror_dir / "cloud") == {}


def test_adopting_twice_is_adopting_once(syncer: Syncer, other: Path) -> None:
    fill(other / "conda-forge")
    assert syncer.command("adopt", str(other)).code == 0
    before = files(syncer.volumes.mirror_dir)
    answer = syncer.command("adopt", str(other), "--json")
    assert answer.code == 0
    assert [one["downloaded"] for one in answer.document["channels"]] == [0, 0]
    assert files(syncer.volumes.mirror_dir) == before
