"""Installers of a release of miniforge, and a mirror of this mirror."""

import hashlib
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.installers import broken_installers, content, published
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator


class TestMiniforge:
    NAME = "Miniforge3-Linux-x86_64.sh"

    def put(self, simulator: ChannelSimulator, data: bytes, name: str = NAME) -> None:
        simulator.put_file(f"/release/{name}", data)
        line = f"{hashlib.sha256(data).hexdigest()}  ./{name}\n"
        simulator.put_file(f"/release/{name}.sha256", line.encode())

    @pytest.fixture
    def syncer(self, syncer: Syncer, simulator: ChannelSimulator) -> Syncer:
        simulator.channel("conda-forge").publish(package("zlib"))
        syncer.environment |= {
            "INSTALLERS": "miniforge",
            "MINIFORGE_URL": f"{simulator.url}/release",
        }
        return syncer

    def here(self, syncer: Syncer) -> dict[str, bytes]:
        mirror_dir: Path = syncer.volumes.mirror_dir
        assert broken_installers(mirror_dir, "miniforge") == []
        return published(mirror_dir, "miniforge")

    def test_a_release_is_followed(self, syncer: Syncer, simulator: ChannelSimulator) -> None:
        self.put(simulator, content("first"))
        assert syncer.run(SUBDIRS="linux-64 win-64").installers[0].status == "success"
        assert self.here(syncer) == {self.NAME: content("first")}
        with simulator.recording() as seen:
            assert syncer.run(SUBDIRS="linux-64 win-64").installers[0].unchanged
        asked = [(one.path, one.status) for one in seen if one.path.startswith("/release")]
        assert asked == [(f"/release/{self.NAME}.sha256", 304)]
        self.put(simulator, content("second"))
        assert syncer.run(SUBDIRS="linux-64 win-64").installers[0].downloaded == 1
        assert self.here(syncer) == {self.NAME: content("second")}

    def test_there_is_no_release(self, syncer: Syncer, simulator: ChannelSimulator) -> None:
        answer = syncer.command("--once")
        assert answer.code == 3
        assert f"{self.NAME}.sha256 was asked for" in answer.out
        assert "check MINIFORGE_URL" in answer.out
        nothing = syncer.command("--once", INSTALLER_INCLUDE="Miniforge2-*")
        assert nothing.code == 3
        assert "SUBDIRS and INSTALLER_INCLUDE leave no platform" in nothing.out

    def test_a_mirror_of_this_mirror(
        self, syncer: Syncer, simulator: ChannelSimulator, tmp_path: Path
    ) -> None:
        """What is published here is an upstream like the one it came from."""
        self.put(simulator, content("first"))
        syncer.run()
        current = syncer.volumes.mirror_dir / "installers/miniforge/current"
        with ChannelSimulator() as ours:
            ours.channel("conda-forge").publish(package("zlib"))
            for path in current.iterdir():
                ours.put_file(f"/miniforge/{path.name}", path.read_bytes())
                ours.put_file(f"/archive/{path.name}", path.read_bytes())
            ours.put_file("/miniconda/", (current / "index.html").read_bytes())
            ours.put_file(f"/miniconda/{self.NAME}", content("first"))
            (tmp_path / "second").mkdir()
            second = Syncer(
                ours, type(syncer.volumes)(tmp_path / "second/m", tmp_path / "second/s")
            )
            second.volumes.mirror_dir.mkdir()
            run = second.run(
                INSTALLERS="archive miniconda miniforge", MINIFORGE_URL=f"{ours.url}/miniforge"
            )
        assert [one.status for one in run.installers] == ["success"] * 3
        for kind in ("archive", "miniconda", "miniforge"):
            assert published(second.volumes.mirror_dir, kind) == {self.NAME: content("first")}
