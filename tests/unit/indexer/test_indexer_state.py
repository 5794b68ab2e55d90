"""What the indexer keeps: settings, cache, rollbacks, reports, channels, generations."""

import errno
import os
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.base import settings
from indexer.base.channels import discover
from indexer.base.errors import EngineError
from indexer.base.settings import Settings
from indexer.generations import generation, rolled_back
from indexer.generations.rolled_back import Rollback
from indexer.records.record_cache import LocalFile, LocalRecord, RecordCache
from indexer.story import index_run
from indexer.story.index import Outcome
from tests.support.mirror.committed import CommittedMirror
from tests.support.upstream.packages import package
from volume import generations
from volume.errors import ConfigError, StateError
from volume.generations import Generation, Published, UnindexedFile
from volume.program.settings import definitions

CHANNEL = "conda-forge"


@pytest.fixture
def committed(tmp_path: Path) -> CommittedMirror:
    return CommittedMirror.below(tmp_path)


class TestSettings:
    def test_every_setting_has_a_default(self) -> None:
        found = settings.read({})
        assert found.keep_generations == 5
        assert found.conda_exe == "conda"

    def test_all_problems_are_told_at_once(self) -> None:
        environment = {
            "KEEP_GENERATIONS": "0",
            "INDEX_POLL_SECONDS": "soon",
            "KEEP_SHARD_DAYS": "3",
        }
        with pytest.raises(ConfigError) as caught:
            settings.read(environment)
        assert len(caught.value.problems) == 3
        assert "KEEP_SHARDS_DAYS" in str(caught.value)

    def test_a_conda_environment_is_no_mistake(self) -> None:
        # What `conda activate` sets.
        environment = {"CONDA_EXE": "/opt/conda/bin/conda", "_CONDA_EXE": "x", "CONDA_PREFIX": "y"}
        assert settings.read(environment).conda_exe == "/opt/conda/bin/conda"

    def test_each_is_defined_once_with_a_sentence(self) -> None:
        for definition in definitions(Settings):
            assert definition.description.endswith(".")


class TestChannels:
    def test_folders_and_ledgers_are_channels(self, committed: CommittedMirror) -> None:
        root = committed.mirror.root / "channels"
        for folder in (
            "our/noarch", "our/label/dev/linux-64", "pkgs/main/noarch", "empty", "archive/noarch",
            "bad name/noarch", "deep/osx-64/sub/noarch",
        ):  # fmt: skip
            (root / folder).mkdir(parents=True)
        CommittedMirror(committed.mirror, committed.state, "bioconda").commit_rows([])
        assert discover(committed.mirror, committed.state) == [
            "bioconda", "deep", "our", "our/label/dev", "pkgs/main",
        ]  # fmt: skip

    def test_what_people_add_and_what_is_published_are_channels(
        self, committed: CommittedMirror
    ) -> None:
        mirror = committed.mirror
        for folder in ("tools/noarch", "bad name/noarch", "deep/er/linux-64", "empty/none"):
            (mirror.root / "local" / folder).mkdir(parents=True)
        (mirror.root / "local" / os.fsdecode(b"\xff\x1b") / "noarch").mkdir(parents=True)
        misspelt = mirror.root / "local" / "typo" / "linux64"
        misspelt.mkdir(parents=True)
        (misspelt / "a-1.0-0.conda").touch()
        mirror.generation("was/published", 7).mkdir(parents=True)
        found = discover(mirror, committed.state)
        assert found == ["deep/er", "tools", "typo", "was/published"]

    def test_a_folder_that_cannot_be_read_costs_no_other(
        self, committed: CommittedMirror, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for folder in ("closed/noarch", "open/noarch"):
            (committed.mirror.root / "local" / folder).mkdir(parents=True)
        scandir = os.scandir

        def refusing(path: Path) -> object:
            if Path(path).name == "closed":
                raise PermissionError(errno.EACCES, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refusing)
        assert discover(committed.mirror, committed.state) == ["open"]


class TestMemory:
    def test_it_remembers(self, tmp_path: Path) -> None:
        file = LocalFile("noarch", "a-1-0.conda", 5, 7)
        with RecordCache.open(tmp_path / "m.db") as cache, cache.transaction():
            cache.remember([LocalRecord(file, record="{}", sha256="s")])
            cache.remember_run_exports([("s", None), ("t", "{}")])
            cache.set_left_shards("noarch", {"x": 1.0})
        with RecordCache.open(tmp_path / "m.db") as cache:
            assert cache.local_files() == [file]
            assert [record.file for record in cache.accepted("noarch")] == [file]
            assert cache.has_run_exports(["s", "t", "u"]) == {"s", "t"}
            assert cache.left_shards("noarch") == {"x": 1.0}
            assert cache.local_totals() == {"noarch": (1, 5)}

    @pytest.mark.parametrize("content", [b"garbage" * 1000, b"x"])
    def test_a_damaged_one_starts_anew(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "m.db").write_bytes(content)
        with RecordCache.open(tmp_path / "m.db") as cache:
            assert cache.local_files() == []

    def test_one_of_another_version_starts_anew(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "m.db")
        connection.execute("PRAGMA user_version = 99")
        connection.execute("CREATE TABLE x (y)")
        connection.close()
        with RecordCache.open(tmp_path / "m.db") as cache:
            assert cache.local_files() == []


class TestHold:
    def test_it_comes_and_goes(self, committed: CommittedMirror) -> None:
        mirror = committed.mirror
        assert rolled_back.read(mirror, CHANNEL) is None
        rolled_back.write(mirror, CHANNEL, Rollback(1, 2, 3.0))
        assert rolled_back.read(mirror, CHANNEL) == Rollback(1, 2, 3.0)
        rolled_back.release(mirror, CHANNEL)
        rolled_back.release(mirror, CHANNEL)
        assert rolled_back.read(mirror, CHANNEL) is None

    def test_a_strange_one_is_an_error_that_names_it(self, committed: CommittedMirror) -> None:
        path = committed.mirror.rollback(CHANNEL)
        path.parent.mkdir(parents=True)
        path.write_text('{"schema": 1}')
        with pytest.raises(StateError, match=r"hold\.json"):
            rolled_back.read(committed.mirror, CHANNEL)


def made(number: int, *, snapshot: str = "", pinned: bool = False) -> Generation:
    return Generation(
        number=number,
        serial=number,
        local="",
        snapshot=snapshot or f"2026010{number}T000000Z",
        created=float(number),
        engine="test",
        subdirs={"noarch": Published(2, 10)},
        left_out=(UnindexedFile("noarch", "x", 1, 1, "why"),),
        pinned=pinned,
    )


class TestGenerations:
    def publish(self, committed: CommittedMirror, *numbers: int, pinned: int = 0) -> None:
        for number in numbers:
            draft = generation.start(committed.mirror, CHANNEL, ("noarch",))
            assert draft.number == number
            (draft.folder / "noarch" / "repodata.json").write_text("{}")
            generation.publish(committed.mirror, draft, made(number, pinned=number == pinned))

    def numbers(self, committed: CommittedMirror) -> list[int]:
        return [one.number for one in generations.kept(committed.mirror, CHANNEL)]

    def current(self, committed: CommittedMirror) -> int | None:
        return generations.current_number(committed.mirror, CHANNEL)

    def test_publication_swaps_and_notes(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1, 2)
        assert self.current(committed) == 2
        found = generations.published(committed.mirror, CHANNEL)
        assert found is not None
        assert found.number == 2
        assert found.left_out == made(2).left_out
        # Names of files are nobody's business on the LAN: the web server hides dotfiles.
        path = committed.mirror.generation_document(CHANNEL, 2)
        assert path.parent == committed.current.resolve()
        assert path.name.startswith(".")

    def test_pruning_keeps_the_newest_the_published_and_the_pinned(
        self, committed: CommittedMirror
    ) -> None:
        self.publish(committed, 1, 2, 3, 4, 5, pinned=2)
        committed.current.unlink()
        committed.current.symlink_to("gen-000001")
        generation.prune(committed.mirror, CHANNEL, 2)
        assert self.numbers(committed) == [1, 2, 4, 5]

    def test_a_folder_without_a_document_is_swept(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1)
        generation.start(committed.mirror, CHANNEL, ("noarch",))
        generation.converge(committed.mirror, CHANNEL)
        assert not committed.mirror.generation(CHANNEL, 2).exists()
        assert self.current(committed) == 1

    def test_a_document_without_a_swap_is_published(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1, 2)
        committed.current.unlink()
        committed.current.symlink_to("gen-000001")
        generation.converge(committed.mirror, CHANNEL)
        assert self.current(committed) == 2

    def test_a_held_generation_stays_published(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1, 2)
        rolled_back.write(committed.mirror, CHANNEL, Rollback(1, 2, 0.0))
        generation.converge(committed.mirror, CHANNEL)
        assert self.current(committed) == 1
        self.publish(committed, 3)  # the rollback names 2 as the newest, so it is over
        generation.converge(committed.mirror, CHANNEL)
        assert self.current(committed) == 3

    def test_a_lost_folder_is_forgotten(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1, 2)
        folder = committed.mirror.generation(CHANNEL, 2)
        (folder / "noarch" / "repodata.json").unlink()
        (folder / "noarch").rmdir()
        committed.mirror.generation_document(CHANNEL, 2).unlink()
        folder.rmdir()
        generation.converge(committed.mirror, CHANNEL)
        assert self.numbers(committed) == [1]
        assert self.current(committed) == 1

    def test_the_published_one_survives_a_lost_state(self, committed: CommittedMirror) -> None:
        self.publish(committed, 1, 2)
        shutil.rmtree(committed.state.root)
        generation.converge(committed.mirror, CHANNEL)
        assert self.current(committed) == 2
        assert self.numbers(committed) == [1, 2]
        assert len(list(committed.mirror.snapshots(CHANNEL).iterdir())) == 2
        assert committed.current.resolve().is_dir()
        draft = generation.start(committed.mirror, CHANNEL, ("noarch",))
        assert draft.number == 3

    def test_two_in_one_second_get_two_snapshots_and_two_etags(
        self, committed: CommittedMirror
    ) -> None:
        for _ in range(3):
            draft = generation.start(committed.mirror, CHANNEL, ("noarch",))
            path = draft.folder / "noarch" / "repodata.json"
            path.write_text("{}")
            os.utime(path, (1000, 1000))
            one = made(draft.number, snapshot="x")
            generation.publish(
                committed.mirror,
                draft,
                replace(one, created=5.0),
            )
        folder = committed.mirror.snapshots(CHANNEL)
        assert len(list(folder.iterdir())) == 3
        times = {
            int((path / "noarch" / "repodata.json").stat().st_mtime) for path in folder.iterdir()
        }
        assert times == {1000, 1001, 1002}


class TestReport:
    def test_it_is_kept_by_channel(self, committed: CommittedMirror) -> None:
        state = committed.state
        outcome = Outcome("a", made(3), True, (), 1.5)
        index_run.write(state, index_run.done(outcome, 10.0))
        index_run.write(state, index_run.failed("b", EngineError("no"), 11.0))
        found = index_run.read(state)
        assert (found["a"].status, found["a"].generation, found["a"].left_out) == ("partial", 3, 1)
        assert (found["b"].status, found["b"].error) == ("failed", "no")


def test_nothing_here_needs_long(committed: CommittedMirror) -> None:
    committed.commit(package("a"))
    started = time.monotonic()
    discover(committed.mirror, committed.state)
    assert time.monotonic() - started < 0.1
