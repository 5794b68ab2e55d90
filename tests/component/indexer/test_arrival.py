"""`INDEXED_TIMESTAMP=arrival`: since when an artifact is here, where upstream does not say."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.base.repodata import records_in
from indexer.generations import shards
from indexer.generations.chosen import release, rollback
from tests.support.mirror.committed import ENTERED, CommittedMirror, row
from tests.support.mirror.indexed import IndexedMirror, volumes
from tests.support.upstream.packages import package
from volume import generations
from volume.sections import v3_section_of

SUBDIR = "linux-64"
A, B, C, D = (f"{name}-1.0-0.conda" for name in "abcd")
HERE = int(ENTERED * 1000)
THEIRS = 1_600_000_000_000


def mirror(committed: CommittedMirror, timestamps: str, engine: str = "own") -> IndexedMirror:
    made = volumes(committed.mirror, committed.state, "no conda", engine=engine,
                   indexed_timestamp=timestamps, clock=time.time)  # fmt: skip
    return IndexedMirror(committed, made)


@pytest.fixture
def committed(tmp_path: Path) -> CommittedMirror:
    """`b` has a record in each revision, `c` one in the new one alone, `d` says when itself."""
    made = CommittedMirror.below(tmp_path)
    records = {name: package(name[0]).record for name in (A, B)}
    said = {**package("d").record, "indexed_timestamp": THEIRS}
    made.commit_records(SUBDIR, {**records, D: said}, twins={B: records[B], D: said})
    made.commit_records(SUBDIR, {C: package("c").record}, section_of=v3_section_of)
    return made


def moments(indexed: IndexedMirror) -> dict[str, Any]:
    """By filename, the same in every section of every variant; None where nothing is said."""
    found: dict[str, Any] = {}
    documents = [
        indexed.repodata(SUBDIR, name)
        for name in ("repodata.json", "repodata.json.zst", "repodata.json.bz2",
                     "current_repodata.json")
    ]  # fmt: skip
    folder = indexed.current / SUBDIR
    documents += [
        shards.read(folder, digest, check_hash=True)
        for digest in shards.read_index(folder).shards.values()
    ]
    for document in documents:
        for _, key, record in records_in(document):
            filename = f"{key.removesuffix('.conda')}.conda"
            moment = record.get("indexed_timestamp")
            assert found.setdefault(filename, moment) == moment
    return found


def counted(indexed: IndexedMirror) -> list[Any]:
    """What every document and the shard index say of revision 3."""
    folder = indexed.current / SUBDIR
    infos = [indexed.repodata(SUBDIR, name)["info"]
             for name in ("repodata.json", "current_repodata.json")]  # fmt: skip
    said = [info["repodata_revisions"]["v3"] for info in (*infos, shards.read_index(folder).info)]
    assert said[0] == said[1] == said[2]
    return [said[0].get(key) for key in ("n_packages", "oldest", "newest")]


def test_it_is_off_unless_asked_for(committed: CommittedMirror) -> None:
    indexed = mirror(committed, "upstream")
    indexed.index()
    assert moments(indexed) == {A: None, B: None, C: None, D: THEIRS}
    assert counted(indexed) == [3, THEIRS, THEIRS]


def test_upstreams_word_goes_first(committed: CommittedMirror) -> None:
    indexed = mirror(committed, "arrival")
    indexed.index()
    assert moments(indexed) == {A: HERE, B: HERE, C: HERE, D: THEIRS}
    assert counted(indexed) == [3, THEIRS, HERE]
    assert not indexed.index().is_new


def test_there_and_back(committed: CommittedMirror) -> None:
    off, on = mirror(committed, "upstream"), mirror(committed, "arrival")
    off.index()
    before = off.records(SUBDIR)
    assert on.index().is_new
    assert moments(on)[A] == HERE
    assert off.index().is_new
    assert off.records(SUBDIR) == before
    assert moments(off)[A] is None
    assert not off.index().is_new


def test_a_hotfix_keeps_it_and_a_word_of_upstreams_replaces_it(committed: CommittedMirror) -> None:
    indexed = mirror(committed, "arrival")
    indexed.index()
    fixed = {**package("a").record, "depends": ["b"]}
    committed.hotfix(SUBDIR, A, fixed)
    indexed.index()
    assert moments(indexed)[A] == HERE
    committed.hotfix(SUBDIR, A, {**fixed, "indexed_timestamp": THEIRS})
    indexed.index()
    assert moments(indexed)[A] == THEIRS
    committed.hotfix(SUBDIR, A, fixed)
    indexed.index()
    assert moments(indexed)[A] == HERE


def test_bytes_that_come_again_were_here_before(committed: CommittedMirror) -> None:
    """Repaired, or withdrawn and listed again."""
    indexed = mirror(committed, "arrival")
    record = package("a").record
    later = replace(row(SUBDIR, A, record), entered=ENTERED + 1e6)
    committed.retire(SUBDIR, A)
    committed.commit_rows([later])
    indexed.index()
    assert moments(indexed)[A] == HERE
    other = replace(later, record=json.dumps({**record, "sha256": "0" * 64}), sha256="0" * 64)
    committed.commit_rows([other])
    indexed.index()
    assert moments(indexed)[A] == HERE + 10**9


def test_a_setting_ends_no_rollback(committed: CommittedMirror) -> None:
    off, on = mirror(committed, "upstream"), mirror(committed, "arrival")
    off.index()
    committed.hotfix(SUBDIR, A, {**package("a").record, "depends": ["b"]})
    off.index()
    rollback(off.volumes, committed.channel)
    assert not on.index().is_new
    assert generations.current_number(committed.mirror, committed.channel) == 1
    release(off.volumes, committed.channel)
    assert on.index().is_new
    assert moments(on)[A] == HERE
