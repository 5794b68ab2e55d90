"""Looking for local files: what is news, what waits, and what is not looked at."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.records import local
from indexer.records.local import NO_ROOM, OVERRIDDEN, look
from indexer.records.record_cache import LocalFile, LocalRecord, RecordCache
from tests.support.mirror.committed import CommittedMirror
from tests.support.upstream.packages import package
from volume.ledger.ledger import Ledger

SUBDIR = "linux-64"
CHANNEL = "conda-forge"


@pytest.fixture
def committed(tmp_path: Path) -> CommittedMirror:
    return CommittedMirror.below(tmp_path)


@pytest.fixture
def cache(committed: CommittedMirror) -> Iterator[RecordCache]:
    with RecordCache.open(committed.state.record_cache(CHANNEL)) as opened:
        yield opened


def see(
    committed: CommittedMirror, cache: RecordCache, *, later: float = 60.0, remember: bool = False
) -> local.Look:
    ledger = Ledger.read(committed.state.ledger(CHANNEL))
    found = look(committed.mirror, CHANNEL, cache, ledger, now=time.time() + later)
    if ledger is not None:
        ledger.close()
    if remember:
        with cache.transaction():
            cache.forget(found.gone)
            cache.remember(LocalRecord(file, record="{}") for file in found.changed)
            cache.remember(found.refused)
    return found


def names(files: tuple[LocalFile, ...]) -> list[str]:
    return [file.filename for file in files]


def test_new_files_are_news_once(committed: CommittedMirror, cache: RecordCache) -> None:
    committed.add_local(package("a"))
    assert names(see(committed, cache).changed) == ["a-1.0-0.conda"]
    assert names(see(committed, cache, remember=True).changed) == ["a-1.0-0.conda"]
    assert not see(committed, cache).is_news


def test_committed_files_are_not_ours(committed: CommittedMirror, cache: RecordCache) -> None:
    committed.commit(package("a"), package("b"))
    committed.retire(SUBDIR, "b-1.0-0.conda")
    assert not see(committed, cache).is_news
    committed.add_local(package("c"))
    assert names(see(committed, cache).changed) == ["c-1.0-0.conda"]


def test_a_folder_whose_time_says_nothing_hides_no_file(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    committed.add_local(package("a"))
    see(committed, cache, remember=True)
    see(committed, cache)
    status = committed.local(SUBDIR).stat()
    committed.add_local(package("b"))
    os.utime(committed.local(SUBDIR), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert names(see(committed, cache).changed) == ["b-1.0-0.conda"]


def test_a_new_file_is_seen_until_it_is_decided_on(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    committed.add_local(package("a"))
    for _ in range(3):  # as when every attempt to index fails
        assert see(committed, cache).is_news


def test_a_change_in_place_is_noticed(committed: CommittedMirror, cache: RecordCache) -> None:
    path = committed.add_local(package("a"))
    see(committed, cache, remember=True)
    see(committed, cache)
    status = path.stat()
    path.write_bytes(package("a", padding_bytes=9).data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert names(see(committed, cache).changed) == ["a-1.0-0.conda"]


def test_a_removal_is_noticed(committed: CommittedMirror, cache: RecordCache) -> None:
    committed.add_local(package("a")).unlink()
    assert not see(committed, cache).is_news
    path = committed.add_local(package("a"))
    see(committed, cache, remember=True)
    path.unlink()
    assert names(see(committed, cache).gone) == ["a-1.0-0.conda"]


def test_a_young_file_waits(committed: CommittedMirror, cache: RecordCache) -> None:
    committed.add_local(package("a"))
    found = see(committed, cache, later=0)
    assert names(found.pending) == ["a-1.0-0.conda"]
    assert not found.is_news
    assert see(committed, cache, later=6).is_news


def test_a_preserved_or_future_time_deceives_nobody(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    path = committed.add_local(package("a"))
    os.utime(path, (1, 1))  # cp -p, rsync -t: old at once, although still being written
    assert see(committed, cache, later=0).pending
    os.utime(path, (time.time() + 1e6, time.time() + 1e6))
    assert see(committed, cache, later=0).pending
    assert see(committed, cache, later=6).is_news


def test_a_known_file_that_is_overwritten_keeps_its_old_state_meanwhile(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    path = committed.add_local(package("a"))
    see(committed, cache, remember=True)
    path.write_bytes(b"half of the new")
    found = see(committed, cache, later=0)
    assert names(found.pending) == ["a-1.0-0.conda"]
    assert not found.is_news


def test_upstreams_wins_where_both_have_a_name(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    committed.add_local(package("a"))
    see(committed, cache, remember=True)
    committed.commit(package("a", padding_bytes=10))
    found = see(committed, cache, remember=True)
    assert [(one.file.filename, one.refused) for one in found.refused] == [
        ("a-1.0-0.conda", OVERRIDDEN)
    ]
    assert not found.changed
    assert not found.gone
    assert not see(committed, cache).is_news
    # Upstream lets go of the name: now it is opened.
    committed.retire(SUBDIR, "a-1.0-0.conda")
    found = see(committed, cache, remember=True)
    assert names(found.changed) == ["a-1.0-0.conda"]
    assert not see(committed, cache).is_news


def test_what_lies_in_the_tree_of_mirrored_ones_is_not_ours(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    committed.commit(package("a"))
    (committed.artifacts(SUBDIR) / "denied-1.0-0.conda").write_bytes(package("denied").data)
    assert not see(committed, cache).is_news


BYTES = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, ord("/")} & set(name))


@given(name=BYTES, other=BYTES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_name_of_any_bytes_is_named_and_ends_nothing(
    committed: CommittedMirror, cache: RecordCache, name: bytes, other: bytes
) -> None:
    folder = committed.local(SUBDIR)
    folder.mkdir(parents=True, exist_ok=True)
    files = {os.fsdecode(one) + ".conda" for one in (name, other)}
    for file in files:
        (folder / file).touch()
    found = see(committed, cache)
    told = [one.file.filename for one in found.refused] + names(found.changed)
    expected = [file for file in files if not file.startswith(".")]
    assert len(set(told)) == len(expected)  # two names never look the same
    assert all(one.isprintable() and one.encode() for one in told)
    see(committed, cache, remember=True)
    assert not see(committed, cache).is_news
    for file in files:
        (folder / file).unlink()
    see(committed, cache, remember=True)
    assert cache.local_files() == []


def test_what_is_no_file_is_named_and_not_opened(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    committed.add_local(package("a"))
    folder = committed.local(SUBDIR)
    (folder / "link-1.0-0.conda").symlink_to("a-1.0-0.conda")
    (folder / "nowhere-1.0-0.conda").symlink_to("/nowhere")
    (folder / "folder-1.0-0.conda").mkdir()
    os.mkfifo(folder / "pipe-1.0-0.conda")
    found = see(committed, cache, remember=True)
    assert names(found.changed) == ["a-1.0-0.conda"]
    assert {one.file.filename for one in found.refused} == {
        f"{name}-1.0-0.conda" for name in ("link", "nowhere", "folder", "pipe")
    }
    assert all("regular file" in (one.refused or "") for one in found.refused)
    assert not see(committed, cache).is_news


def test_a_misspelt_subdir_is_said_with_a_suggestion(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    for folder in ("linux64", "mine", "win_64"):
        committed.add_local_bytes(folder, "a-1.0-0.conda", b"x")
    committed.add_local_bytes(".", "b-1.0-0.conda", b"x")
    committed.add_local(package("good"))
    found = see(committed, cache)
    assert names(found.changed) == ["good-1.0-0.conda"]
    said = {(one.file.subdir, one.file.filename): one.refused or "" for one in found.refused}
    assert set(said) == {
        ("linux64", "a-1.0-0.conda"), ("mine", "a-1.0-0.conda"), ("win_64", "a-1.0-0.conda"),
        (".", "b-1.0-0.conda"),
    }  # fmt: skip
    assert "did you mean linux-64?" in said["linux64", "a-1.0-0.conda"]
    assert "did you mean win-64?" in said["win_64", "a-1.0-0.conda"]
    assert "no subdir" in said["mine", "a-1.0-0.conda"]
    assert "move it" in said[".", "b-1.0-0.conda"]


def test_what_is_no_package_is_not_looked_at(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    for name in ("README", "a-1-0.conda.part", ".a-1-0.conda", "repodata.json"):
        committed.add_local_bytes(SUBDIR, name, b"x")
    (committed.local(SUBDIR) / ".folder-1-0.conda").mkdir()
    found = see(committed, cache)
    assert not found.is_news
    assert not found.pending


def test_fingerprints_tell_sets_apart() -> None:
    one, other = LocalFile("noarch", "a", 1, 1), LocalFile("noarch", "a", 1, 2)
    assert local.fingerprint([]) == ""
    assert local.fingerprint([one]) == local.fingerprint([one])
    assert len({local.fingerprint(files) for files in ([one], [other], [one, other])}) == 3


def test_a_large_quiet_folder_costs_milliseconds(
    committed: CommittedMirror, cache: RecordCache
) -> None:
    folder = committed.local(SUBDIR)
    folder.mkdir(parents=True)
    for number in range(2000):
        (folder / f"p{number}-1-0.txt").touch()
    see(committed, cache)
    started = time.monotonic()
    see(committed, cache)
    assert time.monotonic() - started < 0.05


def test_what_had_no_room_is_looked_at_again_when_there_is(
    committed: CommittedMirror, cache: RecordCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed.add_local(package("a"))
    (file,) = see(committed, cache).changed
    with cache.transaction():
        cache.remember([LocalRecord(file, refused=f"{NO_ROOM}: 10 bytes are free")])
    monkeypatch.setattr(local, "free_space", lambda _: file.size - 1)
    assert not see(committed, cache).is_news
    monkeypatch.setattr(local, "free_space", lambda _: file.size)
    assert names(see(committed, cache).changed) == ["a-1.0-0.conda"]
