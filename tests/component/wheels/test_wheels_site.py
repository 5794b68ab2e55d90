"""Wheels on the site: what the syncer published is what the page, status.json and pixi get."""

import json
import tomllib
from pathlib import Path

from tests.support.mirror.published import by_filename, record
from tests.support.mirror.scenes import Scene
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import Index, sync_wheels, wheel


def test_what_is_published_is_shown_and_pixi_is_led_to_it(
    simulator: ChannelSimulator, tmp_path: Path
) -> None:
    scene = Scene.below(tmp_path)
    scene.publish("bioconda", {"linux-64": by_filename(record("samtools", "1.0", "0"))})
    scene.write()
    assert "pypi" not in (scene.mirror.site / "pixi.toml").read_text()
    assert json.loads((scene.mirror.site / "status.json").read_text())["wheels"] is None

    index = Index(simulator)
    one, newer, other = wheel("one"), wheel("one", "2.0"), wheel("other")
    index.put(one, newer, other)
    volumes = Volumes(scene.mirror.root, scene.volumes.state.root)
    syncer = Syncer(simulator, volumes, index.settings)
    assert sync_wheels(syncer, now=0).status == "success"
    scene.write()
    size = sum(len(file.data) for file in (one, newer, other))
    status = json.loads((scene.mirror.site / "status.json").read_text())
    assert status["wheels"] == {"count": 3, "projects": 2, "size": size}
    assert "3 files of 2 projects" in (scene.mirror.site / "index.html").read_text()
    mirrors = tomllib.loads((scene.mirror.site / "pixi.toml").read_text())["mirrors"]
    assert ["http://mirror.invalid/pypi/packages"] in mirrors.values()

    index.put(other)
    assert sync_wheels(syncer, now=1).retired == 2
    scene.write()
    status = json.loads((scene.mirror.site / "status.json").read_text())
    assert status["wheels"] == {"count": 1, "projects": 1, "size": len(other.data)}
