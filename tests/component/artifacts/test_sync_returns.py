"""Artifacts and indexes that come back: nothing is lost, doubled, or taken for a person's file.

Each of these was found by `benchmarks.torture` or while it was written.
"""

from __future__ import annotations

import pytest

from syncer.ops import verify
from syncer.settings import settings as configuration
from syncer.sync import session as sync
from syncer.sync.scrub import Scope
from tests.component.artifacts.test_sync_lifecycle import DAY, GONE, STAYS, Story
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream.packages import package
from volume.disk import faults
from volume.program.stop import Stop


@pytest.fixture
def story(syncer: Syncer) -> Story:
    told = Story(syncer)
    told.upstream.publish(*STAYS, GONE)
    told.sync()
    return told


def test_old_bytes_that_come_back_after_two_replacements_have_their_name_still(
    story: Story,
) -> None:
    numbers = [story.index()]
    for padding in (300, 400):
        story.upstream.publish(package("gone", padding_bytes=padding))
        story.sync()
        numbers.append(story.index())
    story.upstream.publish(GONE)
    story.sync()
    assert story.home(GONE) == "channels"
    numbers.append(story.index())
    story.upstream.remove("linux-64", GONE.filename)
    story.day = 40
    story.sync()
    story.index()
    for number in numbers:
        story.forget(number)
    story.day = 80
    story.sync()
    story.sync()
    assert story.places() == []
    assert story.retired() == []


def test_an_index_that_comes_back_after_an_interrupted_run_is_not_taken_for_settled(
    syncer: Syncer,
) -> None:
    """Upstream takes a change back to the byte, after a run that had begun to follow it."""
    old, new = package("changes"), package("changes", padding_bytes=100)
    upstream = syncer.upstream.channel("conda-forge")
    upstream.publish(*STAYS, old)
    assert syncer.run().status == "success"
    missing = package("missing")
    with upstream.editing():
        upstream.publish(new, missing)
        upstream.drop_artifact("linux-64", missing.filename)
    assert syncer.run().status == "partial"
    with upstream.editing():
        del upstream.subdirs["linux-64"].records["packages.conda"][missing.filename]
        upstream.publish(old)
    assert syncer.run().status == "success"
    committed = syncer.volumes.committed()
    assert committed[f"linux-64/{old.filename}"] == old.record["sha256"]


def test_what_was_being_fetched_for_an_index_that_was_taken_back_is_not_kept(
    story: Story,
) -> None:
    subdir = story.upstream.subdirs["linux-64"]
    story.upstream.publish(package("brief"))
    stop_before(story, "journal")
    assert list((story.volumes.mirror_dir / "staging").rglob("*.part"))
    with story.upstream.editing():
        del subdir.records["packages.conda"]["brief-1.0-0.conda"]
        story.upstream.publish(GONE)
    story.sync()
    assert not list((story.volumes.mirror_dir / "staging").rglob("*.part"))


def test_old_bytes_that_come_back_from_retirement_stay_where_snapshots_find_them(
    story: Story,
) -> None:
    """The first generation has no link to them, so they must be under their own name."""
    story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.sync()
    assert story.places() == ["retired"]
    story.upstream.publish(package("gone", padding_bytes=300))
    story.sync()
    story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.upstream.publish(GONE)
    story.sync()  # looks at every kept generation
    assert story.home(GONE) == "channels"


@pytest.fixture
def leaving(story: Story) -> Story:
    """The next sync moves GONE to retired/."""
    story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    return story


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the syncer catches it."""


def stop_before(story: Story, operation: str) -> None:
    """Sync until the first announcement of an operation that begins like this."""

    def plan(moment: str, announced: str) -> None:
        if announced.startswith(operation):
            raise Killed

    faults.install(plan)
    try:
        with pytest.raises(Killed):
            story.syncer.run(now=lambda: story.day * DAY)
    finally:
        faults.install(None)


def verified(story: Story) -> verify.Report:
    return verify.verify(
        configuration.read(story.syncer.environment),
        Scope(),
        sync.Options(),
        Stop(),
        show_plan=lambda plans: None,
    )


@pytest.mark.parametrize("operation", ["unlink", "move retired"])
def test_what_comes_back_while_it_was_being_moved_leaves_no_second_copy(
    leaving: Story, operation: str
) -> None:
    stop_before(leaving, operation)
    leaving.upstream.publish(GONE)
    leaving.sync()
    assert leaving.places() == ["channels"]
    assert leaving.retired() == []


@pytest.mark.parametrize("operation", ["unlink", "move retired"])
def test_a_half_done_move_is_no_damage(leaving: Story, operation: str) -> None:
    stop_before(leaving, operation)
    assert verified(leaving).damaged == []
    assert leaving.places() == ["retired"]
    assert [row.home for row in leaving.retired()] == ["retired"]
    assert broken_promises(leaving.volumes) == []


def test_a_half_done_expiry_is_no_damage(leaving: Story) -> None:
    leaving.syncer.environment["RETIRE_DAYS"] = "0"
    leaving.forget(1)
    stop_before(leaving, "expire")
    assert leaving.places() == []
    assert verified(leaving).damaged == []
    assert leaving.retired() == []


def test_a_half_done_commit_is_no_damage(story: Story) -> None:
    story.upstream.publish(package("late"))
    stop_before(story, "commit")
    assert verified(story).damaged == []
    assert "linux-64/late-1.0-0.conda" in story.volumes.committed()
    assert broken_promises(story.volumes) == []
