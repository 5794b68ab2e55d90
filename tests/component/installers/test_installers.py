"""Installers: a syncer beside an upstream that has them, whichever way it lists them."""

import hashlib
import json
import re
import shutil
import threading

import pytest

from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.upstream.installers import (
    DAY,
    LATEST,
    NEW,
    OLD,
    WINDOWS,
    Folder,
    content,
    here,
    sync_installers,
    wanted,
)
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator


@pytest.fixture
def syncer(syncer: Syncer) -> Syncer:
    syncer.environment |= {"INSTALLERS": "miniconda", "SUBDIRS": "linux-64"}
    return syncer


class TestFirstSync:
    def test_the_newest_and_the_latest_are_published_with_their_hashes(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        result = sync_installers(syncer)
        assert (result.status, result.downloaded) == ("success", 1), "two names, one content"
        assert here(syncer) == wanted(folder, NEW, LATEST)
        current = syncer.volumes.mirror_dir / "installers/miniconda/current"
        assert (current / NEW).samefile(current / LATEST)
        assert (current / NEW).stat().st_mode & 0o777 == 0o644
        assert folder.upstream.count("/miniconda/*.sh") == 1
        listed = json.loads((current / ".files.json").read_text())
        assert listed[NEW]["mtime"] == 1_700_000_000.5

    @pytest.mark.parametrize("kind", ["md5", "sha256"])
    def test_a_page_does_where_there_is_no_files_json(
        self, syncer: Syncer, simulator: ChannelSimulator, kind: str
    ) -> None:
        simulator.channel("conda-forge").publish(package("zlib"))
        folder = Folder(simulator)
        folder.put(**{NEW: content("new"), LATEST: content("new")})
        folder.list_page(kind)
        assert sync_installers(syncer).status == "success"
        assert here(syncer) == folder.files
        listed = json.loads(
            (syncer.volumes.mirror_dir / "installers/miniconda/current/.files.json").read_text()
        )
        data = folder.files[NEW]
        assert listed[NEW] == {
            "sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest(),
            "mtime": 1689256552.0, "size": len(data),
        }  # fmt: skip
        assert sync_installers(syncer).unchanged

    def test_patterns_and_more_versions(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer, INSTALLER_NEWEST="0", SUBDIRS="linux-64 win-64")
        assert here(syncer) == folder.files
        syncer.environment["INSTALLER_INCLUDE"] = "*-Windows-*"
        assert sync_installers(syncer, RETIRE_DAYS="0").expired == 3
        assert here(syncer) == wanted(folder, WINDOWS)

    def test_the_plan_is_shown_and_nothing_changed(self, syncer: Syncer, folder: Folder) -> None:
        answer = syncer.command("--once", "--dry-run")
        assert answer.code == 0, answer.err
        assert re.search(r"miniconda +installers +0 +2 \(3\.0 kB\)", answer.out), answer.out
        assert not (syncer.volumes.mirror_dir / "installers").exists()

    def test_it_does_not_fit(self, syncer: Syncer, folder: Folder) -> None:
        result = sync_installers(syncer, MIN_FREE="1000TB")
        assert result.error is not None and "must stay free" in result.error
        assert here(syncer) == {}

    def test_a_real_run_says_what_it_did(self, syncer: Syncer, folder: Folder) -> None:
        answer = syncer.command("--once")
        assert answer.code == 0, answer.err
        assert "miniconda: 1 installers fetched (3.0 kB), 0 retired, 0 left out." in answer.out
        assert "miniconda: 2 installers, 6.0 kB" in syncer.command("status").out
        status = json.loads(syncer.command("status", "--json").out)
        assert status["installers"] == [{"kind": "miniconda", "installers": 2, "size": 5952}]
        (result,) = json.loads(syncer.command("--once", "--json").out)["installers"]
        assert (result["channel"], result["unchanged"]) == ("miniconda", True)


class TestNextSync:
    def test_nothing_new_costs_one_conditional_request(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        sync_installers(syncer)
        with folder.upstream.recording() as seen:
            assert sync_installers(syncer).unchanged
        asked = [entry for entry in seen if entry.path.startswith("/miniconda")]
        assert [(entry.path, entry.status) for entry in asked] == [("/miniconda/.files.json", 304)]

    def test_latest_changes_with_its_hash(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer)
        newer = "Miniconda3-py312_25.1.0-0-Linux-x86_64.sh"
        folder.put(**{newer: content("newer"), LATEST: content("newer")})
        folder.list_json()
        result = sync_installers(syncer)
        assert (result.downloaded, result.retired) == (1, 1)
        assert here(syncer) == wanted(folder, NEW, newer, LATEST), "the older one stays for a while"
        generations = sorted(
            path.name for path in (syncer.volumes.mirror_dir / "installers/miniconda").iterdir()
        )
        assert generations == ["current", "gen-000002"]

    def test_what_upstream_drops_leaves_after_the_grace_period(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        sync_installers(syncer, INSTALLER_NEWEST="0")
        syncer.environment["INSTALLER_NEWEST"] = "0"
        gone = wanted(folder, OLD)
        folder.drop(OLD)
        folder.list_json()
        assert sync_installers(syncer, now=1 * DAY).retired == 1
        assert sync_installers(syncer, now=14 * DAY).unchanged
        assert here(syncer) == {**wanted(folder, NEW, LATEST), **gone}
        assert sync_installers(syncer, now=15 * DAY).expired == 1
        assert here(syncer) == wanted(folder, NEW, LATEST)
        assert sync_installers(syncer, now=16 * DAY).unchanged

    def test_what_comes_back_stays(self, syncer: Syncer, folder: Folder) -> None:
        syncer.environment["INSTALLER_NEWEST"] = "0"
        sync_installers(syncer)
        old = wanted(folder, OLD)
        folder.drop(OLD)
        folder.list_json()
        sync_installers(syncer, now=1 * DAY)
        folder.put(**old)
        folder.list_json()
        sync_installers(syncer, now=2 * DAY)
        assert sync_installers(syncer, now=40 * DAY).expired == 0
        assert here(syncer) == wanted(folder, OLD, NEW, LATEST)

    def test_a_lost_state_costs_no_download(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer)
        shutil.rmtree(syncer.volumes.state_dir)
        folder.upstream.reset_log()
        (result,) = syncer.run(options=TAKE_OVER, now=lambda: 0.0).installers
        assert (result.status, result.downloaded) == ("success", 0)
        assert folder.upstream.count("/miniconda/*.sh") == 0
        assert sync_installers(syncer).unchanged

    def test_what_somebody_removed_is_fetched_again(self, syncer: Syncer, folder: Folder) -> None:
        sync_installers(syncer)
        (syncer.volumes.mirror_dir / "installers/miniconda/current" / LATEST).unlink()
        sync_installers(syncer)
        assert here(syncer) == wanted(folder, NEW, LATEST)

    def test_a_damaged_listing_of_our_own_is_written_again(
        self, syncer: Syncer, folder: Folder
    ) -> None:
        sync_installers(syncer)
        path = syncer.volumes.mirror_dir / "installers/miniconda/current/.files.json"
        path.write_text("{")
        folder.upstream.reset_log()
        result = sync_installers(syncer)
        assert "can't be understood" in result.warnings[0]
        assert folder.upstream.count("/miniconda/*.sh") == 0
        assert sync_installers(syncer).unchanged


def test_a_client_never_sees_a_name_without_its_hash(syncer: Syncer, folder: Folder) -> None:
    """Read again and again while the bytes of -latest- change."""
    sync_installers(syncer)
    problems: list[str] = []
    done = threading.Event()
    current = syncer.volumes.mirror_dir / "installers/miniconda/current"

    def read() -> None:
        while not done.is_set():
            generation = current.resolve()
            try:
                listed = json.loads((generation / ".files.json").read_text())
                data = (generation / LATEST).read_bytes()
            except FileNotFoundError:
                continue  # that generation is gone: a client's open file would not be
            if listed[LATEST]["sha256"] != hashlib.sha256(data).hexdigest():
                problems.append(generation.name)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(10):
            folder.put(**{LATEST: content(f"release {number}")})
            folder.list_json()
            sync_installers(syncer)
    finally:
        done.set()
        reader.join()
    assert problems == []
