"""`syncer adopt` over other filesystems, modes, owners and symbolic links, and with `--move`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.ops.cli import main
from tests.support.mirror.answer import Answer
from tests.support.mirror.damage import flip
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import files, snapshot
from tests.support.upstream.another_mirror import FORGE, MAIN, downloads, fill, hashes, ours
from tests.support.upstream.packages import package

A, B, C, N = FORGE
NOBODY = 65534


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


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another filesystem than the mirror."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("no second filesystem on this machine (/dev/shm)")
    with tempfile.TemporaryDirectory(prefix="adopt-", dir=memory) as folder:
        yield Path(folder)


def test_another_filesystem_is_copied_from(syncer: Syncer, elsewhere: Path) -> None:
    assert elsewhere.stat().st_dev != syncer.volumes.mirror_dir.stat().st_dev
    place = fill(elsewhere / "conda-forge")
    flip(place / B.subdir / B.filename)
    before = snapshot(elsewhere)
    assert syncer.command("adopt", str(elsewhere)).code == 0
    assert syncer.volumes.committed() == hashes((A, C, N))
    assert ours(syncer, A).stat().st_nlink == 1
    assert ours(syncer, A).stat().st_mode & 0o777 == 0o644
    assert syncer.run().status == "success"
    assert B.filename in downloads(syncer)
    assert A.filename not in downloads(syncer)
    assert snapshot(elsewhere) == before


@pytest.mark.parametrize("is_near", [True, False], ids=["same filesystem", "another"])
def test_move_removes_what_is_here_and_nothing_else(
    syncer: Syncer, other: Path, elsewhere: Path, is_near: bool
) -> None:
    folder = other if is_near else elsewhere
    place = fill(folder / "conda-forge")
    flip(place / A.subdir / A.filename)
    (place / "linux-64/repodata.json").write_text("{}")
    fill(place, (package("unknown"),))
    answer = syncer.command("adopt", str(folder), "--move")
    assert answer.code == 0, answer
    assert {Path(name).name for name in files(folder)} == {
        A.filename, "repodata.json", "unknown-1.0-0.conda",
    }  # fmt: skip
    assert syncer.volumes.committed() == hashes((B, C, N))
    assert syncer.run().status == "success"
    assert A.filename in downloads(syncer)
    assert B.filename not in downloads(syncer)


def test_move_keeps_another_file_of_the_same_name_and_size(syncer: Syncer, other: Path) -> None:
    """A tree of one channel may be another one than ours."""
    fill(other / "conda-forge")
    alien = other / A.subdir / A.filename
    fill(other, (A,))
    flip(alien)
    content = alien.read_bytes()
    assert syncer.command("adopt", str(other), "--move").code == 0
    assert syncer.volumes.committed() == hashes(FORGE)
    assert alien.read_bytes() == content
    assert not (other / "conda-forge" / A.subdir / A.filename).exists()


def test_files_that_nginx_could_not_read_are_copied(syncer: Syncer, other: Path) -> None:
    place = fill(other / "conda-forge")
    private = place / A.subdir / A.filename
    private.chmod(0o600)
    before = snapshot(other)
    assert syncer.command("adopt", str(other)).code == 0
    assert syncer.volumes.committed() == hashes(FORGE)
    assert ours(syncer, A).stat().st_mode & 0o777 == 0o644
    assert not ours(syncer, A).samefile(private)
    assert snapshot(other) == before


def test_symbolic_links_are_followed_never_taken(syncer: Syncer, other: Path) -> None:
    place = fill(other / "conda-forge")
    store = fill(other / "store", (A, C))
    for one, target in ((A, store / A.subdir / A.filename), (C, Path("../../store") / C.subdir)):
        path = place / one.subdir / one.filename
        path.unlink()
        path.symlink_to(target if one is A else target / C.filename)
    (place / B.subdir / B.filename).unlink()
    (place / B.subdir / B.filename).symlink_to("nowhere")
    assert syncer.command("adopt", str(other)).code == 0
    assert syncer.volumes.committed() == hashes((A, C, N))
    for one in (A, C):
        assert not ours(syncer, one).is_symlink()
        assert ours(syncer, one).samefile(store / one.subdir / one.filename)


def as_nobody(syncer: Syncer, *arguments: str) -> Answer:
    """Run the command line as a user who owns the volumes and nothing else."""
    for folder in (syncer.volumes.mirror_dir, syncer.volumes.state_dir):
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
    out, err = (
        syncer.volumes.mirror_dir.with_name("out"),
        syncer.volumes.mirror_dir.with_name("err"),
    )
    child = os.fork()  # not a new program: nobody may not read the interpreter
    if child == 0:
        code = 99
        try:
            for descriptor, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.environ.clear()
            os.environ.update(syncer.environment)
            code = main(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Answer(code, out.read_text(), err.read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as somebody else")
class TestAnotherOwner:
    @pytest.fixture
    def open_to_all(self, tmp_path: Path) -> None:
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and "pytest" in str(folder):
                folder.chmod(0o755)

    def test_what_can_not_be_read_is_named_and_downloaded_later(
        self, syncer: Syncer, other: Path, open_to_all: None
    ) -> None:
        place = fill(other / "conda-forge")
        (place / A.subdir / A.filename).chmod(0o600)
        before = snapshot(other)
        answer = as_nobody(syncer, "adopt", str(other))
        assert answer.code == 0, answer
        assert f"{A.filename} can't be read: permission denied" in answer.err
        assert syncer.volumes.committed() == hashes((B, C, N))
        assert snapshot(other) == before
        assert as_nobody(syncer, "--once").code == 0
        assert downloads(syncer) == sorted([A.filename, MAIN[0].filename])

    def test_a_source_that_may_not_be_changed_is_taken_but_not_moved(
        self, syncer: Syncer, other: Path, open_to_all: None
    ) -> None:
        fill(other / "conda-forge")
        before = snapshot(other)
        answer = as_nobody(syncer, "adopt", str(other), "--move")
        assert answer.code == 1, answer
        assert "can't unlink" in answer.out + answer.err
        assert snapshot(other) == before
        assert as_nobody(syncer, "adopt", str(other)).code == 0
        assert as_nobody(syncer, "--once").code == 0
        assert syncer.volumes.committed() == hashes(FORGE)
        assert downloads(syncer) == [MAIN[0].filename]
        assert snapshot(other) == before
