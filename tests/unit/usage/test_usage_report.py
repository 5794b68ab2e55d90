"""Answers: by package, and nothing is unused that was not watched for long enough."""

from pathlib import Path

from syncer.ops.usage import Answer, describe
from syncer.usage import report
from syncer.usage.counts import Counts, Place
from tests.unit.usage.test_usage_counts import DAY, NOW, request
from volume.ledger.artifact import Artifact


def artifact(name: str, *, entered: float = 0.0, size: int = 1000) -> Artifact:
    return Artifact(
        "noarch", f"{name}-1-0.conda", "packages.conda", size, "0" * 64, b"", "{}", "channels",
        entered, "",
    )  # fmt: skip


def test_what_nobody_asked_for(tmp_path: Path) -> None:
    with Counts(tmp_path / "usage.db", now=NOW) as counts:
        counts.add(
            [request("old"), request("used", moment=NOW + 40 * DAY),
             request("wish", 404, moment=NOW + 40 * DAY)],
            Place(),
        )  # fmt: skip
        here = [artifact("old"), artifact("used"), artifact("new", entered=NOW + 35 * DAY)]
        assert report.unused(counts, "c", here, days=30, now=NOW + 29 * DAY) is None
        later = NOW + 41 * DAY
        unused = report.unused(counts, "c", here, days=30, now=later)
        assert unused == (report.Unused("c", "noarch", "old-1-0.conda", 1000),)
        found = report.of(counts, ["c"], days=30, now=later)
        (channel,) = found.channels
        assert [one.name for one in channel.used] == ["used"]
        assert [one.name for one in channel.missing] == ["wish"]
        said = describe(Answer(found, {"c": unused}), later)
        assert "not asked for in 30 days: 1 artifact, 1.0 kB" in said
        assert "if INCLUDE had too: wish" in said
        said = describe(Answer(found, {"c": unused}, {"c"}), later)
        assert "INCLUDE" not in said  # all is mirrored: with INCLUDE=wish nothing else would be
        assert "--explain wish" in said


def test_a_channel_that_is_not_mirrored_is_named(tmp_path: Path) -> None:
    with Counts(tmp_path / "usage.db", now=NOW) as counts:
        counts.add([request("a", 404)], Place())
        found = report.of(counts, ["conda-forge"], days=30, now=NOW)
        assert [one.channel for one in found.channels] == ["conda-forge", "c"]
        said = describe(Answer(found, {"conda-forge": None}), NOW)
        assert "c (not mirrored): 0 requests" in said
        assert "with: CHANNELS=c" in said
