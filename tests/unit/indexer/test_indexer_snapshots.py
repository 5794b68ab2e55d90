"""The links by which the web server finds a generation of a time."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.generations import generation
from indexer.generations.snapshots import is_converged
from indexer.story.index import has_work, index_channel
from tests.support.mirror import indexed
from tests.support.mirror.committed import CommittedMirror
from volume import generations, snapshots
from volume.generations import Generation, Published

CHANNEL = "conda-forge"


@pytest.fixture
def committed(tmp_path: Path) -> CommittedMirror:
    return CommittedMirror.below(tmp_path)


def made(number: int) -> Generation:
    subdirs = {"noarch": Published(2, 10)}
    return Generation(number, number, "", "", 0.0, "test", subdirs)


def found(committed: CommittedMirror, day: int) -> str | None:
    return snapshots.find(committed.mirror, CHANNEL, f"202601{day:02d}120000")


def publish_daily(committed: CommittedMirror, *days: int) -> None:
    for day in days:
        draft = generation.start(committed.mirror, CHANNEL, ("noarch",))
        created = datetime(2026, 1, day, tzinfo=UTC).timestamp()
        generation.publish(committed.mirror, draft, replace(made(draft.number), created=created))


def test_a_time_that_expired_beside_a_pinned_one_means_nothing(committed: CommittedMirror) -> None:
    publish_daily(committed, 2, 4, 6, 8)
    folders = [f"gen-{number:06d}" for number in (1, 2, 3, 4)]
    assert [found(committed, day) for day in (1, 2, 3, 4, 5, 6, 7, 8, 31)] == [
        None, folders[0], folders[0], folders[1], folders[1], folders[2], folders[2],
        folders[3], folders[3],
    ]  # fmt: skip
    first = generations.kept(committed.mirror, CHANNEL)[0]
    generations.write(committed.mirror, CHANNEL, replace(first, pinned=True))
    generation.prune(committed.mirror, CHANNEL, 1)
    assert [one.number for one in generations.kept(committed.mirror, CHANNEL)] == [1, 4]
    assert [found(committed, day) for day in (1, 2, 3, 4, 6, 7, 8)] == [
        None, folders[0], folders[0], None, None, None, folders[3],
    ]  # fmt: skip
    kept = generations.kept(committed.mirror, CHANNEL)
    assert kept[0].followed == "20260104T000000Z"


def test_volumes_of_before_get_their_times(committed: CommittedMirror) -> None:
    publish_daily(committed, 2, 4)
    kept = generations.kept(committed.mirror, CHANNEL)
    times = committed.mirror.times(CHANNEL)
    shutil.rmtree(times.resolve())
    times.unlink()
    assert not is_converged(committed.mirror, CHANNEL, kept)
    generation.converge(committed.mirror, CHANNEL)
    assert is_converged(committed.mirror, CHANNEL, kept)
    assert found(committed, 3) == "gen-000001"


def test_the_loop_has_work_where_an_older_version_wrote_no_times(
    committed: CommittedMirror,
) -> None:
    publish_daily(committed, 2)
    one = generations.kept(committed.mirror, CHANNEL)[0]
    generations.write(committed.mirror, CHANNEL, replace(one, serial=0, left_out=()))
    volumes = indexed.volumes(committed.mirror, committed.state, "conda", clock=lambda: 1e9)
    assert has_work(volumes, CHANNEL) is None
    committed.mirror.times(CHANNEL).unlink()
    assert has_work(volumes, CHANNEL) == "the times of its snapshots are not written"
    assert not index_channel(volumes, CHANNEL).is_new
    assert has_work(volumes, CHANNEL) is None
    assert found(committed, 3) == "gen-000001"


def test_a_copy_that_followed_links_is_repaired(committed: CommittedMirror) -> None:
    publish_daily(committed, 2, 4)
    times = committed.mirror.times(CHANNEL)
    folder = times.resolve()
    times.unlink()
    shutil.copytree(folder, times, symlinks=False)
    generation.converge(committed.mirror, CHANNEL)
    assert times.is_symlink()
    assert found(committed, 5) == "gen-000002"


def test_a_clock_that_was_wrong_hides_nothing_that_came_later(committed: CommittedMirror) -> None:
    publish_daily(committed, 2, 30, 4, 5)  # the second believed in another month's end
    assert [found(committed, day) for day in (1, 2, 3, 4, 5, 6, 29, 30, 31)] == [
        None, "gen-000001", "gen-000001", "gen-000003", "gen-000004", "gen-000004",
        "gen-000004", "gen-000004", "gen-000004",
    ]  # fmt: skip
    assert snapshots.find(committed.mirror, CHANNEL, "20260130000000") == "gen-000002"


@pytest.mark.parametrize("link", [True, False])
def test_leftovers_of_a_stop_go(committed: CommittedMirror, link: bool) -> None:
    publish_daily(committed, 2)
    leftover = committed.mirror.index(CHANNEL) / "..times-0.0123456789abcdef.tmp"
    if link:
        leftover.symlink_to("gen-000001")
    else:
        leftover.mkdir()
        (leftover / "2026").symlink_to("../gen-000001")
    generation.converge(committed.mirror, CHANNEL)
    assert not os.path.lexists(leftover)
