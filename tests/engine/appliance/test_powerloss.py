"""The short form of `python -m benchmarks.powerloss`: a few cuts, with a fixed seed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.powerloss.disks import KINDS, problem
from benchmarks.powerloss.run import Options, powerloss

SEED = 3
CUTS = 4


@pytest.mark.parametrize("is_apart", [False, True], ids=["one filesystem", "two filesystems"])
def test_after_a_power_cut_nothing_is_broken_lost_or_back(conda_exe: Path, is_apart: bool) -> None:
    problems = {kind: problem(kind) for kind in reversed(KINDS)}
    usable = [kind for kind, text in problems.items() if text is None]
    if not usable:
        pytest.skip(f"power can't be cut here: {next(iter(problems.values()))}")
    memory = Path("/dev/shm")
    folder = memory if os.access(memory, os.W_OK) else None
    try:
        journal = powerloss(Options(usable[0], is_apart, CUTS, SEED, conda_exe, folder))
    except RuntimeError as error:  # a container has the devices, but may not mount
        pytest.skip(f"power can't be cut here: {error}")
    found = [finding.document() for finding in journal.findings]
    assert found == [], json.dumps(found, indent=1)
    assert journal.counts()["cuts"] == CUTS
