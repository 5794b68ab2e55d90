"""Wheels: a syncer whose lock files name them, beside an upstream that has them."""

import json
import re
import shutil

import pytest

from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.upstream.wheels import (
    DAY,
    File,
    Index,
    listed,
    metadata,
    paths,
    published,
    sdist,
    sync_wheels,
    wheel,
)

ONE, TWO, SOURCE = wheel("one"), wheel("two", requires_python=">=3.9"), sdist("three")


def here(syncer: Syncer) -> dict[str, bytes]:
    return published(syncer.volumes.mirror_dir)


class TestFirstSync:
    @pytest.mark.parametrize("kind", ["pixi 6", "pixi 7", "conda-lock"])
    def test_what_a_lock_file_names_is_published_with_an_index(
        self, syncer: Syncer, index: Index, kind: str
    ) -> None:
        index.put(ONE, TWO, SOURCE)
        if kind == "pixi 7":
            index.lock(*map(index.entry, (ONE, TWO, SOURCE)), version=7)
        if kind == "conda-lock":
            index.conda_lock(ONE, TWO, SOURCE)
        result = sync_wheels(syncer)
        assert (result.status, result.downloaded, result.failed) == ("success", 3, 0)
        assert here(syncer) == paths(ONE, TWO, SOURCE)
        assert listed(syncer.volumes.mirror_dir) == {
            file.filename.partition("-")[0]: [file.filename] for file in (ONE, SOURCE, TWO)
        }
        current = syncer.volumes.mirror_dir / "pypi/current"
        assert (current / f"{ONE.place}.metadata").read_bytes() == metadata("one", "1.0")
        assert (current / ONE.place).stat().st_mode & 0o777 == 0o644

    def test_a_page_says_what_is_here_and_for_which_python(
        self, syncer: Syncer, index: Index
    ) -> None:
        index.put(TWO, SOURCE)
        sync_wheels(syncer)
        simple = syncer.volumes.mirror_dir / "pypi/current/simple"
        document = json.loads((simple / "two.json").read_text())
        (file,) = document["files"]
        assert document["meta"] == {"api-version": "1.1"}
        assert (document["name"], document["versions"]) == ("two", ["1.0"])
        assert (file["requires-python"], file["size"]) == (">=3.9", len(TWO.data))
        assert file["url"].startswith("../../packages/")
        assert 'data-requires-python="&gt;=3.9"' in (simple / "two.html").read_text()
        (source,) = json.loads((simple / "three.json").read_text())["files"]
        assert source["requires-python"] == ">=3.8", "an sdist's is the lock file's"
        assert source["core-metadata"] is False
        assert "no others" in (simple / "_.html").read_text()

    def test_nothing_is_mirrored_unless_it_is_asked_for(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE)
        run = syncer.run(WHEELS="no")
        assert (run.status, run.wheels) == ("success", [])
        assert not list((syncer.volumes.mirror_dir / "pypi").iterdir())
        (warning,) = run.channels[0].warnings
        assert "left out: 1 Python package; WHEELS=locked" in warning

    def test_the_plan_is_shown_and_nothing_changed(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE, TWO)
        answer = syncer.command("--once", "--dry-run")
        assert answer.code == 0, answer.err
        size = len(ONE.data) + len(TWO.data)
        assert re.search(rf"pypi +wheels +0 +2 \({size / 1000:.1f} kB\)", answer.out), answer.out
        assert not (syncer.volumes.mirror_dir / "pypi").exists()
        assert index.upstream.count("/packages/*", method="GET") == 0

    def test_it_does_not_fit(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE)
        index.upstream.script("/packages/*", *[], method="HEAD")
        result = sync_wheels(syncer, MIN_FREE="1000TB")
        assert result.error is not None and "must stay free" in result.error
        assert here(syncer) == {}
        assert index.upstream.count("/packages/*", method="GET") == 0

    def test_a_real_run_says_what_it_did(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE)
        answer = syncer.command("--once")
        assert answer.code == 0, answer.err
        assert "pypi: 1 wheels fetched" in answer.out
        assert "pypi: 1 wheels, " in syncer.command("status").out
        status = json.loads(syncer.command("status", "--json").out)
        size = len(ONE.data)
        assert status["wheels"] == {
            "wheels": 1, "size": size, "retired": 0, "retired_size": 0, "trouble": None,
        }  # fmt: skip
        (result,) = json.loads(syncer.command("--once", "--json").out)["wheels"]
        assert (result["channel"], result["unchanged"]) == ("pypi", True)


class TestNextSync:
    def test_nothing_new_asks_nobody(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE, TWO)
        sync_wheels(syncer)
        with index.upstream.recording() as seen:
            assert sync_wheels(syncer).unchanged
        assert [one.path for one in seen if one.path.startswith("/packages")] == []

    def test_one_more_comes_and_the_others_are_not_fetched_again(
        self, syncer: Syncer, index: Index
    ) -> None:
        index.put(ONE)
        sync_wheels(syncer)
        index.put(ONE, TWO)
        with index.upstream.recording() as seen:
            assert sync_wheels(syncer).downloaded == 1
        assert {one.path for one in seen if one.path.startswith("/packages")} == {f"/{TWO.path}"}
        assert here(syncer) == paths(ONE, TWO)

    def test_what_no_lock_names_leaves_the_index_and_later_the_mirror(
        self, syncer: Syncer, index: Index
    ) -> None:
        index.put(ONE, TWO)
        sync_wheels(syncer, now=0)
        index.put(TWO)
        assert sync_wheels(syncer, now=DAY).retired == 1
        assert here(syncer) == paths(ONE, TWO), "who has its address still gets it"
        assert set(listed(syncer.volumes.mirror_dir)) == {"two"}
        assert sync_wheels(syncer, now=2 * DAY).unchanged
        index.put(ONE, TWO)
        assert sync_wheels(syncer, now=3 * DAY).downloaded == 0, "it is back"
        assert set(listed(syncer.volumes.mirror_dir)) == {"one", "two"}
        index.put(TWO)
        assert sync_wheels(syncer, now=4 * DAY).retired == 1
        assert sync_wheels(syncer, now=17 * DAY).expired == 0
        assert sync_wheels(syncer, now=18 * DAY).expired == 1
        assert here(syncer) == paths(TWO)

    def test_more_than_the_guard_allows_stays(self, syncer: Syncer, index: Index) -> None:
        many = [wheel(f"w{number}") for number in range(30)]
        index.put(*many)
        sync_wheels(syncer)
        index.put(*many[:10])
        result = sync_wheels(syncer)
        assert result.error is not None and "--allow-wipe pypi" in result.error
        assert len(listed(syncer.volumes.mirror_dir)) == 30
        answer = syncer.command("--once", "--allow-wipe", "pypi")
        assert answer.code == 0, answer.err
        assert len(listed(syncer.volumes.mirror_dir)) == 10

    def test_a_state_volume_that_is_lost_costs_nothing(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE)
        sync_wheels(syncer)
        shutil.rmtree(syncer.volumes.state_dir)
        syncer.volumes.state_dir.mkdir()
        with index.upstream.recording() as seen:
            (result,) = syncer.run(options=TAKE_OVER).wheels
        assert result.unchanged
        assert [one.path for one in seen if one.path.startswith("/packages")] == []

    @pytest.mark.parametrize("what", ["a wheel", "its METADATA", "the list", "an empty list"])
    def test_what_somebody_removed_comes_back(
        self, syncer: Syncer, index: Index, what: str
    ) -> None:
        index.put(ONE, TWO, SOURCE)
        sync_wheels(syncer)
        current = syncer.volumes.mirror_dir / "pypi/current"
        if what == "a wheel":
            (current / ONE.place).unlink()
        elif what == "its METADATA":
            (current / f"{ONE.place}.metadata").unlink()
        elif what == "the list":
            (current / ".wheels.json").unlink()
        else:
            (current / ".wheels.json").write_text("{}")
        result = sync_wheels(syncer)
        assert (result.status, result.downloaded) == ("success", int(what == "a wheel"))
        assert here(syncer) == paths(ONE, TWO, SOURCE)
        assert sync_wheels(syncer).unchanged


class TestVerify:
    def test_damage_is_quarantined_and_fetched_again(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE, TWO)
        sync_wheels(syncer)
        path = syncer.volumes.mirror_dir / "pypi/current" / ONE.place
        path.write_bytes(b"x" + ONE.data[1:])
        found = syncer.verify()
        assert found.exit_code == 3
        assert [(one.channel, one.subdir, one.filename) for one in found.damaged] == [
            ("pypi", "wheels", ONE.place)
        ]
        assert here(syncer) == paths(ONE, TWO)
        kept = syncer.volumes.mirror_dir / "quarantine/pypi" / f"{ONE.filename}.{ONE.sha256[:16]}"
        assert kept.read_bytes()[:1] == b"x"
        assert syncer.verify().exit_code == 0

    def test_damaged_metadata_is_made_again(self, syncer: Syncer, index: Index) -> None:
        index.put(ONE)
        sync_wheels(syncer)
        path = syncer.volumes.mirror_dir / "pypi/current" / f"{ONE.place}.metadata"
        path.write_bytes(b"Name: other\n")
        with index.upstream.recording() as seen:
            assert syncer.verify().exit_code == 3
        assert [one.path for one in seen if one.path.startswith("/packages")] == []
        assert path.parent.joinpath(path.name).read_bytes() == metadata("one", "1.0")
        assert syncer.verify().exit_code == 0


def test_one_content_under_two_names_is_fetched_once(syncer: Syncer, index: Index) -> None:
    other = File("one-1.0-py2.py3-none-any.whl", ONE.data)
    index.put(ONE, other)
    assert sync_wheels(syncer).downloaded == 1
    assert here(syncer) == paths(ONE, other)
