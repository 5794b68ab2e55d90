"""The short form of `python -m benchmarks.torture`: some seconds of it, with a fixed seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.torture.run import Goal, Options, torture
from tests.support.clients.nginx import executable

SEED = 4
SECONDS = 12.0
LIMIT = 120.0  # seconds; a busy machine starts few programs, and kills fewer


def test_clients_see_nothing_inconsistent_and_everything_converges(conda_exe: Path) -> None:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    journal = torture(
        Options(Goal(seconds=SECONDS, kills=1, limit=LIMIT), SEED, conda_exe, readers=1)
    )
    found = [finding.document() for finding in journal.findings]
    assert found == [], json.dumps(found, indent=1)
    counts = journal.counts()
    counted = ("kills", "indexes", "artifacts", "generations", "solves", "changes")
    for name in (*counted, "installers", "changes by hand"):
        assert counts[name] > 0, counts
