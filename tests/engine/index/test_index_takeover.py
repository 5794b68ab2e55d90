"""What people added where 0.1.0 wanted it: it moves to local/, and nothing else does."""

import os
import shutil
import time
from pathlib import Path

import pytest

from indexer.base.errors import MissingLedgerError
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.former import put_back
from tests.support.mirror.indexed import LATER, IndexedMirror, volumes
from tests.support.upstream.packages import package

SUBDIR = "linux-64"


@pytest.fixture
def indexed(conda_exe: Path, tmp_path: Path) -> IndexedMirror:
    committed = CommittedMirror.below(tmp_path, "our/tools")
    return IndexedMirror(
        committed, volumes(committed.mirror, committed.state, conda_exe, clock=time.time)
    )


def drop(indexed: IndexedMirror, filename: str, data: bytes) -> Path:
    """Put a file where 0.1.0 wanted it."""
    path = indexed.committed.artifacts(SUBDIR) / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_channel_without_an_upstream_moves_and_is_said_once(
    indexed: IndexedMirror, caplog: pytest.LogCaptureFixture
) -> None:
    committed = indexed.committed
    for one in (package("a"), package("b", subdir="noarch")):
        committed.add_local(one)
    committed.add_local_bytes(SUBDIR, "bad-1.0-0.conda", b"x")
    indexed.index(later=LATER)
    put_back(committed)
    served = indexed.current / SUBDIR / "a-1.0-0.conda"
    assert served.samefile(committed.artifacts(SUBDIR) / "a-1.0-0.conda")
    assert not indexed.index(later=LATER).is_new  # nothing changed for anybody
    moved = committed.local(SUBDIR) / "a-1.0-0.conda"
    assert moved.read_bytes() == package("a").data
    assert not moved.samefile(served)  # whoever writes into it changes nothing that is served
    assert (committed.local(SUBDIR) / "bad-1.0-0.conda").exists()
    assert not committed.artifacts(SUBDIR).exists()
    assert indexed.check_artifacts() == 2
    assert caplog.text.count("moved 3 files of your own") == 1
    indexed.index(later=LATER)
    assert caplog.text.count("files of your own") == 1


def test_what_was_added_beside_mirrored_ones_moves_too(indexed: IndexedMirror) -> None:
    committed = indexed.committed
    committed.commit(package("theirs"))
    committed.add_local(package("ours"))
    indexed.index(later=LATER)
    put_back(committed)
    stray = drop(indexed, "stray-1.0-0.conda", package("stray").data)
    indexed.index(later=LATER)
    assert (committed.local(SUBDIR) / "ours-1.0-0.conda").exists()
    assert not (committed.artifacts(SUBDIR) / "ours-1.0-0.conda").exists()
    assert (committed.artifacts(SUBDIR) / "theirs-1.0-0.conda").exists()
    assert stray.exists()  # nobody knows it: it is the syncer's to sweep
    assert set(indexed.records(SUBDIR)) == {"theirs-1.0-0.conda", "ours-1.0-0.conda"}
    assert indexed.check_artifacts() == 2


def test_whoever_still_uses_the_old_place_is_served_nothing_unchecked(
    indexed: IndexedMirror,
) -> None:
    drop(indexed, "a-1.0-0.conda", package("a").data)
    junk = drop(indexed, "junk-1.0-0.conda", os.urandom(2000))
    assert indexed.index().generation is None  # it may still be being written
    assert junk.exists()
    indexed.index(later=LATER)
    assert set(indexed.records(SUBDIR)) == {"a-1.0-0.conda"}
    assert not junk.exists()
    with pytest.raises(FileNotFoundError):
        indexed.artifact(SUBDIR, junk.name)


def test_what_a_lost_state_had_committed_is_nobodys_own(indexed: IndexedMirror) -> None:
    committed = indexed.committed
    committed.commit(package("theirs"))
    indexed.index(later=LATER)
    shutil.rmtree(committed.state.channels)
    with pytest.raises(MissingLedgerError):
        indexed.index(later=LATER)
    assert (committed.artifacts(SUBDIR) / "theirs-1.0-0.conda").exists()
    assert not committed.mirror.local_folder(committed.channel).exists()
    # Nor what it had committed and not published yet, which is older than the new state volume.
    shutil.rmtree(committed.mirror.index(committed.channel))
    os.utime(committed.state.instance, (time.time() + 60, time.time() + 60))
    assert indexed.index(later=LATER).generation is None
    assert (committed.artifacts(SUBDIR) / "theirs-1.0-0.conda").exists()
