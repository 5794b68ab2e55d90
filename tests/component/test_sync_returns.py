"""Artifacts and indexes that come back: nothing is lost, doubled, or taken for a person's file.

Each of these was found by `benchmarks.torture` or while it was written.
"""

from __future__ import annotations

import pytest

from tests.component.test_sync_lifecycle import DAY, GONE, NAME, STAYS, Story
from tests.support.packages import package
from tests.support.sync_harness import Syncer
from tests.support.tree import broken_promises, publish


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
