"""The garbage collector's rest: seldom while a program runs, never again when it ends."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc
from volume.program import collector

try:
    with collector.at_rest():
        assert gc.isenabled() and gc.get_threshold()[0] > 10_000
        assert gc.get_freeze_count() == 0
        {last}
finally:
    print(gc.get_freeze_count() > 1000)
"""


@pytest.mark.parametrize("last", ["pass", "raise SystemExit(0)"])
def test_it_rests_until_the_end_and_at_the_end(last: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(last=last)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
