"""What is ours in a mirrored record, `url` and an arrival: the same whoever writes the index."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.mirror.committed import ENTERED, CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, volumes
from tests.support.upstream.packages import package
from volume.sections import v3_section_of

SUBDIR = "linux-64"
A, B, C = (f"{name}-1.0-0.conda" for name in "abc")
EVIL = "https://evil.invalid/x"


@pytest.fixture(params=["conda-index", "own"])
def engine(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def mirror(
    committed: CommittedMirror, conda: Path, engine: str, timestamps: str = "upstream"
) -> IndexedMirror:
    made = volumes(committed.mirror, committed.state, conda, engine=engine,
                   indexed_timestamp=timestamps, clock=time.time)  # fmt: skip
    return IndexedMirror(committed, made)


def seen(indexed: IndexedMirror) -> list[tuple[Any, Any]]:
    """`url` and `indexed_timestamp` of a, b and c, equal in every variant."""
    found = []
    for name in ("repodata.json", "repodata.json.zst", "repodata.json.bz2",
                 "current_repodata.json"):  # fmt: skip
        document = indexed.repodata(SUBDIR, name)
        records = {**document["packages.conda"], C: document["v3"]["conda"]["c-1.0-0"]}
        found.append([(record.get("url"), record.get("indexed_timestamp"))
                      for _, record in sorted(records.items())])  # fmt: skip
    assert all(one == found[0] for one in found)
    for filename, record in indexed.shards(SUBDIR).items():
        assert record == {**indexed.records(SUBDIR)[filename], "run_exports": {}}
    return found[0]


def test_every_variant_says_the_same(conda_exe: Path, tmp_path: Path, engine: str) -> None:
    committed = CommittedMirror.below(tmp_path)
    a, b, c = (package(name).record for name in "abc")
    own = {"url": EVIL, "indexed_timestamp": 5}
    committed.commit_records(SUBDIR, {A: {**a, "url": EVIL}, B: {**b, **own}})
    committed.commit_records(SUBDIR, {C: {**c, "url": "sub/c"}}, section_of=v3_section_of)
    off = mirror(committed, conda_exe, engine)
    on = mirror(committed, conda_exe, engine, "arrival")
    off.index()
    assert seen(off) == [(A, None), (B, 5), (C, None)]
    on.index()
    here = int(ENTERED * 1000)
    assert seen(on) == [(A, here), (B, 5), (C, here)]
    assert not on.index().is_new
    committed.hotfix(SUBDIR, B, b)
    on.index()
    assert seen(on) == [(A, here), (None, here), (C, here)]
    off.index()
    assert seen(off) == [(A, None), (None, None), (C, None)]
