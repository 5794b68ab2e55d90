"""A row says that bytes left a folder only after the folder was synced.

What is recorded is the order of operations: names that go, folders that are synced, transactions.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncer.artifacts.adopt import Adoption
from syncer.sync.session import Options
from tests.support.mirror.damage import flip
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import drop_generation, publish
from tests.support.upstream.installers import LATEST, NEW, Folder, content, sync_installers
from tests.support.upstream.packages import package
from volume.disk import faults, files

DAY = 86_400.0
GONE = package("gone")
SAYING = ("move retired", "expire", "quarantine", "commit")
"""Transactions after which a row says that a name is gone."""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What happens, in order: ``unlink PATH``, ``rename PATH``, ``sync PATH``, ``expire PATH``."""
    seen: list[str] = []
    sync = files.sync_directory

    def recording(path: Path) -> None:
        sync(path)
        seen.append(f"sync {path}")

    for module in ("volume.disk.files", "syncer.artifacts.store.store"):
        monkeypatch.setattr(f"{module}.sync_directory", recording)
    faults.install(lambda moment, name: seen.append(name) if moment == "after" else None)
    yield seen
    faults.install(None)


def premature(seen: list[str], root: Path) -> list[str]:
    """Transactions that came before a folder that names went from was synced."""
    open_folders: set[str] = set()
    found = []
    for line in seen:
        for verb in SAYING:
            if line.startswith(f"{verb} /") and line.endswith("ledger.db") and open_folders:
                found.append(f"{line}: {sorted(open_folders)}")
        verb, _, path = line.partition(" ")
        if verb == "unlink" and _is_served(path, root):
            open_folders.add(str(Path(path).parent))
        if verb == "sync":
            open_folders.discard(path)
    return found


def _is_served(path: str, root: Path) -> bool:
    return any(path.startswith(f"{root / folder}/") for folder in ("channels", "retired", "index"))


class Story:
    """A channel of which an artifact is retired, and published without."""

    def __init__(self, syncer: Syncer) -> None:
        self.syncer = syncer
        self.channel = syncer.upstream.channel("conda-forge")
        self.channel.publish(package("stays"), GONE)
        self.run(0)
        first = publish(syncer.volumes)
        self.channel.remove("linux-64", GONE.filename)
        self.run(0)
        publish(syncer.volumes)
        drop_generation(syncer.volumes, first)

    def run(self, day: float) -> None:
        assert self.syncer.run(now=lambda: day * DAY).status == "success"

    def folder(self, home: str) -> Path:
        return self.syncer.volumes.mirror_dir / home / "conda-forge/linux-64"


@pytest.fixture
def story(syncer: Syncer) -> Story:
    return Story(syncer)


def moves(story: Story) -> None:
    story.run(1)


def expires(story: Story) -> None:
    story.run(1)
    story.run(40)


def comes_back(story: Story) -> None:
    story.run(1)
    story.channel.publish(GONE)
    story.run(2)


def is_damaged(story: Story) -> None:
    flip(story.folder("channels") / "stays-1.0-0.conda")
    story.syncer.verify()


@pytest.mark.parametrize(
    ("happens", "verb", "home"),
    [
        (moves, "move retired", "channels"),
        (expires, "expire", "retired"),
        (comes_back, "commit", "retired"),
        (is_damaged, "quarantine", "channels"),
    ],
)
def test_a_folder_is_synced_before_a_row_says_that_a_name_left_it(
    story: Story, recorded: list[str], happens: Callable[[Story], None], verb: str, home: str
) -> None:
    happens(story)
    said = next(n for n, line in enumerate(recorded) if line.startswith(f"{verb} /"))
    assert f"sync {story.folder(home)}" in recorded[:said]
    assert premature(recorded, story.syncer.volumes.mirror_dir) == []


@pytest.mark.parametrize(
    ("before", "day", "verb", "home"),
    [(None, 1, "move retired", "channels"), (1, 40, "expire", "retired")],
)
def test_a_name_that_a_stopped_run_took_away_is_gone_for_good_too(
    story: Story, recorded: list[str], before: float | None, day: float, verb: str, home: str
) -> None:
    """It unlinked and was killed before it synced."""
    if before is not None:
        story.run(before)
    recorded.clear()
    (story.folder("channels") / GONE.filename).unlink(missing_ok=True)
    (story.folder(home) / GONE.filename).unlink(missing_ok=True)
    story.run(day)
    said = next(n for n, line in enumerate(recorded) if line.startswith(f"{verb} /"))
    assert f"sync {story.folder(home)}" in recorded[:said]


def test_what_is_moved_from_another_mirror_is_here_for_good_and_gone_for_good(
    syncer: Syncer, recorded: list[str], tmp_path: Path
) -> None:
    """Committed, then removed there, then that folder synced: before the run says that it ended."""
    moved = package("moved")
    syncer.upstream.channel("conda-forge").publish(moved)
    other = tmp_path / "other/conda-forge/linux-64"
    other.mkdir(parents=True)
    (other / moved.filename).write_bytes(moved.data)
    adoption = Adoption(tmp_path / "other", moves=True)

    assert syncer.run(options=Options(adoption=adoption)).status == "success"

    assert not (other / moved.filename).exists()
    ledger = syncer.volumes.state.ledger("conda-forge")
    removed = recorded.index(f"unlink {other / moved.filename}")
    assert recorded.index(f"commit {ledger}") < removed
    ended = len(recorded) - 1 - recorded[::-1].index(f"write {syncer.volumes.state.sync_run}")
    assert f"sync {other}" in recorded[removed:ended]


def test_installers_are_removed_only_when_what_lists_them_no_more_is_for_good(
    syncer: Syncer, folder: Folder, recorded: list[str]
) -> None:
    """The new generation's listing is what says that they are gone."""
    syncer.environment |= {"INSTALLERS": "miniconda", "SUBDIRS": "linux-64"}
    sync_installers(syncer)
    kind = syncer.volumes.mirror.installers("miniconda").root
    recorded.clear()
    folder.put(**{LATEST: content("newer"), NEW: content("newer")})
    folder.list_json()
    assert sync_installers(syncer, now=2 * DAY).status == "success"
    swapped = recorded.index(f"swap {kind / 'current'}")
    removed = recorded.index(f"remove {kind / 'gen-000001'}")
    assert f"sync {kind / 'gen-000002'}" in recorded[:swapped]
    assert f"sync {kind}" in recorded[swapped:removed]
