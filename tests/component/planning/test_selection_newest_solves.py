"""Newest versions against rattler's solver: what the whole channel solves, the rest still does."""

import random
from pathlib import Path

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import key
from syncer.planning.selection.newest import limit
from tests.support.clients.solver import WholeChannel
from tests.support.upstream.candidates import real

NAMES = 40


def test_what_a_real_channel_solves_its_three_newest_versions_solve(
    realdata: Path, tmp_path: Path
) -> None:
    records = real(
        realdata / "repodata" / "conda-forge-2017-12", "conda-forge", "linux-64", "noarch"
    )
    by_subdir: dict[str, list[Candidate]] = {}
    for one in records:
        by_subdir.setdefault(one.subdir, []).append(one)
    dropped = limit(by_subdir, versions=3, builds=0).dropped
    kept = [one for one in records if key(one) not in dropped]
    assert len(kept) < 0.8 * len(records)
    (tmp_path / "whole").mkdir()
    (tmp_path / "kept").mkdir()
    whole = WholeChannel(tmp_path / "whole", records)
    limited = WholeChannel(tmp_path / "kept", kept)
    names = random.Random(2017).sample(sorted({one.facts.name for one in records}), NAMES)
    solvable = [name for name in names if whole.solve([name]) is not None]
    assert len(solvable) > NAMES / 4
    assert [name for name in solvable if limited.solve([name]) is None] == []
