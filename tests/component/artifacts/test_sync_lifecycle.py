"""How artifacts leave: retired, moved, expired; and how they come back."""

from hashlib import sha256

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, drop_generation, files, publish
from tests.support.upstream.packages import Package, package
from volume import generations
from volume.ledger.artifact import Retired

DAY = 86_400.0
STAYS = [package(f"p{number}") for number in range(3)]
GONE = package("gone", padding_bytes=100)
NAME = f"linux-64/{GONE.filename}"


class Story:
    """One appliance through the days: every step ends with the invariants checked."""

    def __init__(self, syncer: Syncer) -> None:
        self.syncer = syncer
        self.upstream = syncer.upstream.channel("conda-forge")
        self.volumes = syncer.volumes
        self.day = 0.0

    def sync(self, *, expect: str = "success") -> None:
        run = self.syncer.run(now=lambda: self.day * DAY)
        assert run.status == expect, run
        assert broken_promises(self.volumes) == []

    def index(self) -> int:
        number = publish(self.volumes, created=self.day * DAY)
        assert broken_promises(self.volumes) == []
        return number

    def forget(self, number: int) -> None:
        drop_generation(self.volumes, number)

    def retired(self) -> list[Retired]:
        with self.volumes.ledger() as ledger:
            return ledger.retired()

    def home(self, package: Package) -> str | None:
        with self.volumes.ledger() as ledger:
            row = ledger.artifact("linux-64", package.filename)
            return row.home if row else None

    def places(self) -> list[str]:
        """In which folders GONE's name is."""
        found = []
        for folder in ("channels", "retired", "replaced"):
            root = self.volumes.mirror_dir / folder / "conda-forge"
            found.extend([folder] * len(list(root.rglob(GONE.filename))))
        return found


@pytest.fixture
def story(syncer: Syncer) -> Story:
    told = Story(syncer)
    told.upstream.publish(*STAYS, GONE)
    told.sync()
    return told


def test_a_removed_artifact_moves_when_no_published_index_lists_it(story: Story) -> None:
    first = story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    assert story.places() == ["channels"]
    story.sync()  # still published
    assert story.places() == ["channels"]
    story.index()
    story.sync()
    assert story.places() == ["retired"]
    assert [row.home for row in story.retired()] == ["retired"]
    story.forget(first)
    story.day = 13.9
    story.sync()
    assert story.places() == ["retired"]
    story.day = 14.1
    story.sync()
    assert story.places() == []
    assert story.retired() == []
    assert not list((story.volumes.mirror_dir / "retired").rglob("*.conda"))


def test_a_kept_generation_keeps_its_artifacts(story: Story) -> None:
    first = story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.day = 400
    story.sync()
    assert story.places() == ["retired"]
    story.forget(first)
    story.sync()
    assert story.places() == []


def test_nothing_expires_before_anything_was_published(story: Story) -> None:
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.day = 400
    story.sync()
    assert story.places() == ["channels"]


def test_a_clock_that_goes_back_expires_nothing(story: Story) -> None:
    story.day = 100
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.day = 1
    story.sync()
    assert story.places() == ["retired"]


def test_a_rollback_brings_the_index_and_its_bytes_back(story: Story) -> None:
    story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.sync()
    current = story.volumes.mirror.current("conda-forge")
    current.unlink()
    current.symlink_to("gen-000001")
    story.day = 400
    story.sync()
    assert generations.current_number(story.volumes.mirror, "conda-forge") == 1
    assert broken_promises(story.volumes) == []


@pytest.mark.parametrize("moved", [False, True])
def test_an_artifact_that_comes_back_is_not_downloaded_again(story: Story, moved: bool) -> None:
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    if moved:
        story.index()
        story.sync()
        assert story.places() == ["retired"]
    story.upstream.publish(GONE)
    story.syncer.upstream.reset_log()
    story.sync()
    assert story.syncer.upstream.count(f"*/{GONE.filename}") == 0
    assert story.places() == ["channels"]
    assert story.retired() == []
    assert story.volumes.committed()[NAME] == GONE.record["sha256"]


@pytest.mark.parametrize("moved", [False, True])
def test_an_artifact_that_comes_back_with_other_bytes_waits_for_its_name(
    story: Story, moved: bool
) -> None:
    first = story.index()
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    if moved:
        story.index()
        story.sync()
    other = package("gone", padding_bytes=200)
    story.upstream.publish(other)
    story.sync()
    assert story.home(other) == "replaced"
    latest = story.index()
    story.day = 20
    story.sync()
    assert story.home(other) == "replaced"  # the first generation still promises the old bytes
    for number in range(first, latest):
        story.forget(number)
    story.sync()
    assert story.home(other) == "channels"
    assert story.places() == ["channels"]
    assert story.volumes.served()[NAME] == other.record["sha256"]
    assert story.retired() == []


def test_replaced_content_gets_its_name_when_the_old_content_expires(story: Story) -> None:
    first = story.index()
    new = package("gone", padding_bytes=300)
    story.upstream.publish(new)
    story.sync()
    assert story.places() == ["channels", "replaced"]
    story.index()
    story.sync()
    assert story.places() == ["channels", "replaced"]
    story.forget(first)
    story.day = 13
    story.sync()
    assert story.places() == ["channels", "replaced"]
    story.day = 15
    story.sync()
    assert story.places() == ["channels"]
    assert story.volumes.served()[NAME] == new.record["sha256"]
    assert not list((story.volumes.mirror_dir / "replaced").rglob("*/*/*/*"))


def test_content_that_is_replaced_twice_and_then_removed_leaves_nothing_behind(
    story: Story,
) -> None:
    numbers = [story.index()]
    for padding in (300, 400):
        story.upstream.publish(package("gone", padding_bytes=padding))
        story.sync()
        numbers.append(story.index())
        story.sync()
    assert story.places() == ["channels", "replaced", "replaced"]
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.day = 5
    story.sync()
    for number in numbers:
        story.forget(number)
    story.day = 40
    story.sync()
    assert story.places() == []
    assert story.retired() == []


def test_a_replacement_may_be_taken_back(story: Story) -> None:
    first = story.index()
    story.upstream.publish(package("gone", padding_bytes=300))
    story.sync()
    second = story.index()
    story.upstream.publish(GONE)
    story.sync()
    assert story.home(GONE) == "channels"
    story.index()
    story.forget(first)
    story.forget(second)
    story.day = 40
    story.sync()
    assert story.places() == ["channels"]
    assert story.retired() == []


def test_the_grace_period_is_a_setting(story: Story) -> None:
    story.syncer.environment["RETIRE_DAYS"] = "0"
    story.upstream.remove("linux-64", GONE.filename)
    story.sync()
    story.index()
    story.sync()
    assert story.places() == []


def test_a_strange_file_under_upstreams_name_makes_way(story: Story) -> None:
    own = story.volumes.mirror_dir / "channels/conda-forge/linux-64/own-1-0.conda"
    own.write_bytes(b"mine")
    new = package("own", "1")
    assert new.filename == own.name
    story.upstream.publish(new)
    story.sync()
    assert files(story.volumes.mirror_dir / "quarantine") == {
        "conda-forge/linux-64/own-1-0.conda": sha256(b"mine").hexdigest()
    }
    assert story.home(new) == "replaced"
    story.index()
    story.sync()
    assert story.home(new) == "channels"
    assert own.read_bytes() == new.data
