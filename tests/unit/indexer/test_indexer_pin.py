"""`indexer pin-generation`, over generations that were written by hand."""

from pathlib import Path

import pytest

from indexer.generations import generation
from tests.support.mirror.generation import publish
from tests.support.mirror.written import Written
from tests.support.upstream.packages import package
from volume import generations, locks

CHANNEL = "conda-forge"
STAYS = (package("stays"),)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


class TestPin:
    @pytest.fixture
    def three(self, written: Written) -> Written:
        for _ in range(3):
            written.write(*STAYS)
        return written

    def pins(self, written: Written) -> list[int]:
        return [one.number for one in generations.kept(written.mirror, CHANNEL) if one.pinned]

    def test_a_pinned_generation_outlives_the_others(self, three: Written) -> None:
        said = three.run("pin-generation", CHANNEL, "1")
        assert said == "conda-forge: generation 1 is pinned, as /snapshots/20260101T000000Z\n"
        assert self.pins(three) == [1]
        lines = three.run("generations").splitlines()
        assert lines[0].rpartition("  ")[2] == "pinned"
        assert [row["pinned"] for row in three.json("generations")] == [True, False, False]
        generation.prune(three.mirror, CHANNEL, 1)
        assert [one.number for one in generations.kept(three.mirror, CHANNEL)] == [1, 3]
        assert (three.mirror.generation(CHANNEL, 1) / "linux-64/repodata.json").is_file()

    def test_a_released_one_goes_its_way(self, three: Written) -> None:
        three.run("pin-generation", CHANNEL, "1")
        assert "pinned no more" in three.run("pin-generation", CHANNEL, "1", "--release")
        assert self.pins(three) == []
        assert len(generations.kept(three.mirror, CHANNEL)) == 3
        generation.prune(three.mirror, CHANNEL, 1)
        assert [one.number for one in generations.kept(three.mirror, CHANNEL)] == [3]

    def test_the_published_one_is_the_default_and_snapshots_are_names(self, three: Written) -> None:
        document = three.json("pin-generation", CHANNEL)
        assert document == {
            "channel": CHANNEL, "generation": 3, "snapshot": "20260103T000000Z", "pinned": True,
        }  # fmt: skip
        three.run("pin-generation", CHANNEL, "20260102T000000Z")
        assert self.pins(three) == [2, 3]

    def test_a_pin_changes_nothing_else(self, three: Written) -> None:
        before = generations.kept(three.mirror, CHANNEL)
        three.run("pin-generation", CHANNEL, "2")
        three.run("pin-generation", CHANNEL, "2")
        three.run("pin-generation", CHANNEL, "2", "--release")
        assert generations.kept(three.mirror, CHANNEL) == before
        assert generations.current_number(three.mirror, CHANNEL) == 3

    def test_what_is_not_there_is_2(self, three: Written) -> None:
        assert "it keeps: 1, 2, 3" in three.run("pin-generation", CHANNEL, "4", expected=2)
        assert "no channel 'x'" in three.run("pin-generation", "x", expected=2)
        assert "usage:" in three.run("pin-generation", expected=2)
        publish(three.mirror.root, "bioconda", STAYS)
        three.mirror.current("bioconda").unlink()
        assert "no generation yet" in three.run("pin-generation", "bioconda", expected=2)

    def test_a_busy_channel_is_11(self, three: Written) -> None:
        with locks.Held(three.state.channel_lock(CHANNEL), role="somebody"):
            said = three.run("--wait", "0", "pin-generation", CHANNEL, expected=11)
        assert "somebody" in said
