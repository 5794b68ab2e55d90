"""The site on a real volume: what is written when, what stays, and what survives damage."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from indexer.site import site_files
from tests.support.mirror import scenes
from tests.support.mirror.published import by_filename, record
from tests.support.mirror.scenes import Scene, status_of

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "status.schema.json").read_text())
DAY = 86400.0


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene.below(tmp_path)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """As in a process that has just started."""
    site_files._seen.clear()
    site_files._complain.cache_clear()
    yield


class Data:
    """The search data as a browser finds it, from search.json on."""

    def __init__(self, scene: Scene, channel: str = "conda-forge") -> None:
        document = json.loads((scene.mirror.site / "search.json").read_bytes())
        [self.channel] = [one for one in document["channels"] if one["name"] == channel]
        self.folder = scene.mirror.site / self.channel["folder"].removeprefix("/site/")
        self.names = json.loads((self.folder / self.channel["file"]).read_bytes())

    @property
    def buckets(self) -> list[Path]:
        return [self.folder / f"bucket-{digest}.json" for digest in self.names["buckets"]]

    @property
    def entries(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path in self.buckets:
            found |= json.loads(path.read_bytes())["names"]
        return found

    @property
    def listed(self) -> dict[str, tuple[str, int]]:
        rows = zip(self.names["names"], self.names["versions"], self.names["builds"], strict=True)
        return {name: (version, builds) for name, version, builds in rows}

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def two(version: str) -> dict[str, dict[str, Any]]:
    return {
        "linux-64": by_filename(record("zlib", version), record("zlib", "1.0"), record("jq")),
        "noarch": by_filename(record("jq", "1.8"), ending=".tar.bz2"),
    }


def test_every_name_is_found_in_its_bucket(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"), {"zlib": "  Compresses\n things "})
    scene.write()
    data = Data(scene)
    assert data.listed == {"jq": ("1.8", 2), "zlib": ("1.3", 2)}
    assert data.entries["zlib"]["summary"] == "Compresses things"
    assert [row[:4] for row in data.entries["jq"]["builds"]] == [
        ["1.8", "0", "noarch", ".tar.bz2"],
        ["1.0", "0", "linux-64", ".conda"],
    ]
    came_in = data.entries["jq"]["builds"][0][7]
    assert abs(came_in - (time.time() - 2 * scenes.HOUR)) < 60
    assert status_of(scene)["channels"][0]["names"] == 2


def test_only_what_changed_is_written_anew(tmp_path: Path) -> None:
    scene = scenes.complete(tmp_path)
    before = Data(scene)
    inodes = {path.name: path.stat().st_ino for path in before.buckets}
    records = scenes.records([*scenes.TOOLS, *scenes.LIBRARIES.split()], scenes.PLATFORMS)
    records["linux-64"] |= by_filename(record("jq", "9.9"))
    scene.publish("conda-forge", records, scenes.TOOLS, number=2, hours_ago=1)
    scene.write()
    after = Data(scene)
    assert after.listed["jq"][0] == "9.9"
    changed = {path.name for path in after.buckets} - inodes.keys()
    assert len(changed) == 1
    kept = [path for path in after.buckets if path.name not in changed]
    assert [path.stat().st_ino for path in kept] == [inodes[path.name] for path in kept]


def test_what_an_open_page_refers_to_stays_for_a_day(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.write()
    first = Data(scene)
    scene.publish("conda-forge", two("1.4"), number=2)
    scene.write()
    second = Data(scene)
    assert second.listed["zlib"][0] == "1.4"
    assert first.entries["zlib"]["builds"][0][0] == "1.3"
    scene.publish("conda-forge", two("1.5"), number=3)
    clock = scene.volumes.clock
    later = replace(scene.volumes, clock=lambda: clock() + DAY + 1)
    site_files.write(later)
    third = Data(scene)
    # The second was current until now; the first has been out for more than a day.
    assert second.files >= {path.name for path in second.buckets}
    assert first.channel["file"] not in third.files
    assert second.channel["file"] in third.files
    referred = {path.name for data in (second, third) for path in data.buckets}
    assert third.files == referred | {second.channel["file"], third.channel["file"]}


def test_a_rollback_is_searched_as_well(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.publish("conda-forge", two("1.4"), number=2, hours_ago=1)
    scene.write()
    current = scene.mirror.current("conda-forge")
    current.unlink()
    current.symlink_to("gen-000001")
    scene.write()
    assert Data(scene).listed["zlib"][0] == "1.3"


@pytest.mark.parametrize("damage", [b"", b'{"names": {"zlib": {}}}', b"[]"])
def test_damaged_search_data_is_made_again_with_the_next_generation(
    scene: Scene, damage: bytes
) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.write()
    good = Data(scene).listed
    for path in Data(scene).buckets:
        path.write_bytes(damage)
    scene.publish("conda-forge", two("1.3"), number=2)
    scene.write()
    assert Data(scene).listed == good
    assert [row[0] for row in Data(scene).entries["zlib"]["builds"]] == ["1.3", "1.0"]


def test_a_lost_folder_is_made_again(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.write()
    data = Data(scene)
    for path in data.folder.iterdir():
        path.unlink()
    scene.write()
    assert Data(scene).listed == data.listed


def test_shards_that_can_not_be_read_leave_the_rest_of_the_site_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.publish("ours", {"noarch": by_filename(record("tool"))})
    for path in scene.mirror.generation("conda-forge", 1).glob("*/repodata_shards.*"):
        path.write_bytes(b"x")
    with caplog.at_level(logging.ERROR):
        scene.write()
        scene.write()
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("conda-forge: the landing page's search is not up to date: ")
    assert [one["name"] for one in status_of(scene)["channels"]] == ["conda-forge", "ours"]
    assert Data(scene, "ours").listed == {"tool": ("1.0", 1)}
    assert (scene.mirror.site / "setup.sh").is_file()


def test_a_channel_that_is_gone_leaves_nothing(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.publish("ours", {"noarch": by_filename(record("tool"))})
    scene.write()
    scene.mirror.current("ours").unlink()
    scene.write()
    assert not scene.mirror.search("ours").exists()
    assert scene.mirror.search("conda-forge").is_dir()


def test_the_example_without_any_well_known_tool_needs_nothing_else(scene: Scene) -> None:
    found = by_filename(
        record("a-needs", depends=["zz"]), record("b-alone", depends=["__glibc"]), record("zz")
    )
    scene.publish("ours", {"win-64": by_filename(record("a-alone")), "noarch": found})
    scene.write()
    assert Data(scene, "ours").channel["example"] == "b-alone"
    assert "Try: conda create -n try b-alone" in (scene.mirror.site / "setup.sh").read_text()


def test_the_page_refers_only_to_what_is_there(tmp_path: Path) -> None:
    scene = scenes.complete(tmp_path)
    page = (scene.mirror.site / "index.html").read_text()
    for name in ("page-", "search.json", "status.json", "condarc", "pixi.toml", "setup.sh"):
        assert any(path.name.startswith(name) for path in scene.mirror.site.iterdir()), name
    for part in page.split('"/site/')[1:]:
        assert (scene.mirror.site / part.partition('"')[0]).is_file()


def test_before_anything_is_published_there_is_a_page_and_no_configuration(tmp_path: Path) -> None:
    scene = scenes.first_sync(tmp_path)
    assert "27%" in (scene.mirror.site / "index.html").read_text()
    assert not (scene.mirror.site / "setup.sh").exists()
    assert not (scene.mirror.site / "search.json").exists()


@pytest.mark.parametrize(
    "make", [scenes.complete, scenes.failed, scenes.first_sync, scenes.never_synced]
)
def test_status_json_is_as_its_schema_says(make: Any, tmp_path: Path) -> None:
    jsonschema.validate(status_of(make(tmp_path)), SCHEMA)


def test_upstreams_own_date_is_shown(tmp_path: Path) -> None:
    scene = scenes.complete(tmp_path)
    [bioconda] = [one for one in status_of(scene)["channels"] if one["name"] == "bioconda"]
    assert abs(bioconda["upstream_changed"] - (time.time() - 27 * scenes.HOUR)) < 60
    scene.volumes.state.upstream_index("bioconda", "noarch").write_text("{")
    scene.write()
    assert status_of(scene)["channels"][0]["subdirs"]["noarch"]["upstream_changed"] is None


class TestRefresh:
    def test_it_writes_when_something_changed_and_else_now_and_then(self, scene: Scene) -> None:
        scene.publish("conda-forge", two("1.3"))
        now = [time.time()]
        volumes = replace(scene.volumes, clock=lambda: now[0])
        site_files.refresh(volumes)
        written = status_of(scene)["written"]
        now[0] += 10
        site_files.refresh(volumes)
        assert status_of(scene)["written"] == written
        scene.run(status="running", started=now[0], finished=None, channels=[])
        site_files.refresh(volumes)
        assert status_of(scene)["written"] == now[0]
        now[0] += site_files.REPORT_SECONDS
        site_files.refresh(volumes)
        assert status_of(scene)["written"] == now[0]
        assert status_of(scene)["next_report_seconds"] == site_files.REPORT_SECONDS

    def test_a_clock_that_was_set_back_does_not_silence_it(self, scene: Scene) -> None:
        scene.publish("conda-forge", two("1.3"))
        now = [time.time()]
        volumes = replace(scene.volumes, clock=lambda: now[0])
        site_files.refresh(volumes)
        now[0] -= 10 * DAY
        site_files.refresh(volumes)
        assert status_of(scene)["written"] == now[0]

    def test_one_run_promises_no_further_report(self, scene: Scene) -> None:
        scene.publish("conda-forge", two("1.3"))
        site_files.write(scene.volumes)
        assert status_of(scene)["next_report_seconds"] is None

    def test_configuration_that_did_not_change_is_not_written_anew(self, scene: Scene) -> None:
        scene.publish("conda-forge", two("1.3"))
        scene.write()
        inode = (scene.mirror.site / "condarc").stat().st_ino
        scene.write()
        assert (scene.mirror.site / "condarc").stat().st_ino == inode


def test_half_a_character_in_an_error_is_shown_as_a_mark(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.run(status="failed", started=1.0, finished=2.0, error="half: \ud800", channels=[])
    scene.write()
    assert "half: ?" in (scene.mirror.site / "index.html").read_text()
    assert status_of(scene)["sync"]["error"] == "half: \ud800"


def test_after_a_lost_state_it_tells_of_what_is_published(scene: Scene) -> None:
    scene.publish("conda-forge", two("1.3"))
    scene.publish("ours", two("1.0"))
    scene.install("miniforge", "Miniforge3-Linux-x86_64.sh")
    scene.write()
    before = status_of(scene)
    shutil.rmtree(scene.volumes.state.root)
    site_files._seen.clear()
    scene.volumes.state.root.mkdir()
    scene.write()
    found = status_of(scene)
    assert [one["name"] for one in found["channels"]] == ["conda-forge", "ours"]
    for now, then in zip(found["channels"], before["channels"], strict=True):
        same = ("records", "size", "generation", "snapshot", "created", "names", "held")
        assert {key: now[key] for key in same} == {key: then[key] for key in same}
    assert found["installers"] == before["installers"]
    assert "conda create -n try jq" in (scene.mirror.site / "index.html").read_text()
    assert Data(scene).listed["jq"] == ("1.8", 2)
