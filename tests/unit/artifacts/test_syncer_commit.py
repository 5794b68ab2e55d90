"""Commit: what the ledger says of where an artifact came from."""

import hashlib
from pathlib import Path

import pytest

from syncer.artifacts.commit import Committer
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Staged, Task
from syncer.conda.wanted import Wanted
from tests.support.mirror.tree import Volumes

CHANNEL, SUBDIR, FILENAME = "team", "noarch", "a-1-0.conda"
CONTENT = b"the bytes of a"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", ""),  # found on the volume, and nobody knows any more where it was from
        (f"file:///mnt/team/{FILENAME}", f"file:///mnt/team/{FILENAME}"),
        (f"/mnt/disk/{FILENAME}", f"/mnt/disk/{FILENAME}"),
        (f"https://me:secret@up.invalid/{FILENAME}", f"https://***@up.invalid/{FILENAME}"),
        (f"https://up.invalid/t/se-cret/{FILENAME}", f"https://up.invalid/t/***/{FILENAME}"),
    ],
)
def test_an_artifact_keeps_its_source_without_secrets(
    tmp_path: Path, source: str, said: str
) -> None:
    volumes = Volumes(tmp_path / "mirror", tmp_path / "state")
    digest = b"12345678"
    staged = volumes.mirror.staged(CHANNEL, SUBDIR, FILENAME, digest)
    staged.parent.mkdir(parents=True)
    staged.write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    wanted = Wanted(SUBDIR, FILENAME, "packages.conda", len(CONTENT), sha256, None, digest, "{}")
    with LedgerWriter.create(volumes.state.ledger(CHANNEL)) as ledger:
        committer = Committer(Store(volumes.mirror, CHANNEL), ledger, now=lambda: 0.0)
        committer.commit([Staged(Task(CHANNEL, wanted, ()), sha256, len(CONTENT), source)])
        (committed,) = ledger.artifacts(SUBDIR)
        (event,) = ledger.history()
    assert (committed.source, event.source) == (said, said)
