"""Durable file operations: whole or absent, announced, and clear when the volume refuses."""

import errno
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from volume.disk import faults, files
from volume.disk.files import is_regular
from volume.errors import InterruptedRunError, VolumeError


@pytest.fixture
def announced() -> Iterator[list[tuple[str, str]]]:
    seen: list[tuple[str, str]] = []
    faults.install(lambda moment, operation: seen.append((moment, operation)))
    yield seen
    faults.install(None)


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of 64 KiB; only root can mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_reader_sees_the_old_or_the_new_content_and_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "document"
    contents = [bytes([65 + number]) * 100_000 for number in range(4)]
    files.replace(path, contents[0])
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        files.replace(path, contents[number % 4])
    done.set()
    reader.join()
    assert seen <= set(contents)
    assert [entry.name for entry in tmp_path.iterdir()] == ["document"]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    litter, other = tmp_path / ".page.0123456789abcdef.tmp", tmp_path / ".page2.01.tmp"
    litter.touch()
    other.touch()
    files.replace(tmp_path / "page", b"whole")
    assert set(tmp_path.iterdir()) == {tmp_path / "page", other}


def test_a_replaced_file_is_readable_for_all_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.replace(tmp_path / "document", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "document").stat().st_mode & 0o777 == 0o644


def test_a_full_volume_leaves_the_old_content_and_no_litter(small_volume: Path) -> None:
    path = small_volume / "document"
    files.replace(path, b"old")
    with pytest.raises(VolumeError, match="full: free space") as refused:
        files.replace(path, b"x" * 200_000)
    assert str(path) in str(refused.value)
    assert files_in(small_volume) == {"document": b"old"}


def test_a_read_only_volume_says_so(small_volume: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_volume)], check=True)
    acts: list[Callable[[], None]] = [
        lambda: files.replace(small_volume / "a", b""),
        lambda: files.make_directory(small_volume / "a"),
        lambda: files.swap_link(small_volume / "a", "b"),
    ]
    for act in acts:
        with pytest.raises(VolumeError, match="mount it read-write"):
            act()


def test_a_folder_of_somebody_else_says_whose_it_must_be(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    folder = tmp_path / "other"
    folder.mkdir(mode=0o755)
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    process = os.fork()
    if process == 0:  # as nobody
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                files.replace(folder / "a", b"")
            except VolumeError as error:
                code = 0 if "PUID:PGID" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "PUID:PGID"),
        (errno.EIO, "disk reports an error"),
        (errno.EXDEV, "one filesystem"),
        (errno.EMLINK, "fewer generations"),
        (errno.ENOTDIR, "Not a directory"),
    ],
)
def test_what_the_system_says_becomes_a_next_step(code: int, words: str) -> None:
    error = files.volume_error(OSError(code, os.strerror(code)), "write", Path("/m/x"))
    assert words in str(error)
    assert "can't write /m/x" in str(error)


def test_a_link_replaces_another_file_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "name").write_text("old")
    files.link(tmp_path / "new", tmp_path / "name")
    files.link(tmp_path / "new", tmp_path / "name")  # done before: still fine
    assert files_in(tmp_path) == {"new": b"new", "name": b"new"}
    assert (tmp_path / "name").samefile(tmp_path / "new")


def test_a_link_is_swapped_and_removals_may_be_repeated(tmp_path: Path) -> None:
    link = tmp_path / "current"
    files.swap_link(link, "gen-1")
    files.swap_link(link, "gen-2")
    assert str(link.readlink()) == "gen-2"
    assert len(list(tmp_path.iterdir())) == 1
    files.unlink(link)
    files.unlink(link)
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    files.remove_empty(tmp_path / "tree")
    assert (tmp_path / "tree").is_dir()
    files.remove_tree(tmp_path / "tree")
    files.remove_tree(tmp_path / "tree")
    files.remove_empty(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_every_mutation_is_announced_before_and_after(
    tmp_path: Path, announced: list[tuple[str, str]]
) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    acts: list[tuple[str, Callable[[], None]]] = [
        ("create", lambda: files.make_directory(tmp_path / "folder")),
        ("write", lambda: files.replace(tmp_path / "a", b"")),
        ("link", lambda: files.link(source, tmp_path / "b")),
        ("rename", lambda: files.rename(tmp_path / "b", tmp_path / "c")),
        ("unlink", lambda: files.unlink(tmp_path / "c")),
        ("swap", lambda: files.swap_link(tmp_path / "d", "a")),
        ("remove", lambda: files.remove_tree(tmp_path / "folder")),
    ]
    for name, act in acts:
        announced.clear()
        act()
        assert [moment for moment, _ in announced] == ["before", "after"], name
        assert all(operation.startswith(f"{name} {tmp_path}") for _, operation in announced)


def test_a_barrier_works_and_a_missing_path_is_named(tmp_path: Path) -> None:
    files.sync_filesystem(tmp_path)
    files.sync_directory(tmp_path)
    for act in (files.sync_filesystem, files.sync_directory, files.sync_file):
        with pytest.raises(VolumeError, match="can't sync"):
            act(tmp_path / "missing")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestCopy:
    def test_it_has_bytes_of_its_own_and_the_time(self, tmp_path: Path) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"x" * 3_000_000)
        os.utime(source, ns=(1, 123_456_789))
        source.chmod(0o600)
        assert files.copy(source, target)
        assert target.stat().st_mtime_ns == 123_456_789
        assert stat.S_IMODE(target.stat().st_mode) == 0o644
        with source.open("r+b") as stream:
            stream.write(b"y" * 100)
        assert target.read_bytes() == b"x" * 3_000_000

    def test_it_works_where_the_kernel_does_not_help(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> int:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "copy_file_range", refuse)
        (tmp_path / "a").write_bytes(b"x" * 3_000_000)
        assert files.copy(tmp_path / "a", tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == b"x" * 3_000_000

    def test_what_is_gone_is_no_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        assert not files.copy(tmp_path / "a", tmp_path / "b")
        assert not list(tmp_path.iterdir())

    def test_a_link_is_not_followed_and_a_pipe_not_waited_for(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "link").symlink_to("secret")
        os.mkfifo(tmp_path / "pipe")
        for name in ("link", "pipe"):
            with pytest.raises(VolumeError):
                files.copy(tmp_path / name, tmp_path / "b")
        assert {path.name for path in tmp_path.iterdir()} == {"secret", "link", "pipe"}

    @pytest.mark.parametrize("helps", [True, False])
    def test_a_stop_is_heard_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helps: bool
    ) -> None:
        if not helps:
            monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
        (tmp_path / "a").write_bytes(b"x" * 3_000_000)

        def stop() -> None:
            raise InterruptedRunError("stopped")

        with pytest.raises(InterruptedRunError):
            files.copy(tmp_path / "a", tmp_path / "b", beat=stop)
        assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_only_a_file_is_regular(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    found = [name for name in ("file", "link", "pipe", ".", "gone") if is_regular(tmp_path / name)]
    assert found == ["file"]


def test_a_link_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "copied").touch()
    files.swap_link(tmp_path / "current", "new")
    assert str((tmp_path / "current").readlink()) == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"new", "current"}
