"""Real repodata of many channels and years: all of it is understood, nothing of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncer.conda.body import decompress
from syncer.conda.repodata import parse
from syncer.planning.plan import plan_subdir

# What the folders hold, as their README counts it.
KNOWN = {
    "composite/linux-64/repodata.json.zst": 77_954,
    "conda-forge-2017-12/linux-64/repodata.json.bz2": 27_964,
    "conda-forge-2017-12/noarch/repodata.json.bz2": 547,
    "conda-forge-2017-12/osx-64/repodata.json.bz2": 27_339,
}


@pytest.mark.parametrize(("name", "records"), sorted(KNOWN.items()))
def test_every_real_record_can_be_planned(realdata: Path, name: str, records: int) -> None:
    path = realdata / "repodata" / name
    index = parse(decompress(path.read_bytes(), path.name, name), path.parent.name)
    plan = plan_subdir(index, {})
    assert plan.refused == ()
    assert len(plan.new) == records


def test_every_snapshot_of_a_real_series_can_be_planned(realdata: Path) -> None:
    paths = sorted((realdata / "repodata" / "series-main-noarch").glob("*.json.zst"))[::8]
    assert len(paths) >= 5
    for path in paths:
        index = parse(decompress(path.read_bytes(), path.name, path.name), "noarch")
        plan = plan_subdir(index, {})
        assert plan.refused == ()
        assert len(plan.new) > 4_000
