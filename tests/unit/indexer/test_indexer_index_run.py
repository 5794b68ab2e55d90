"""The indexer's run document: whatever stands there, the next run reports as ever."""

import json
from pathlib import Path

import pytest

from indexer.story import index_run
from indexer.story.index_run import ChannelReport
from volume.layout import State

REPORT = ChannelReport("conda-forge", "success", 1.0, generation=3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff{",
        b"[" * 100_000,
        json.dumps({"schema": 1}).encode(),
        json.dumps({"schema": 1, "channels": 5}).encode(),
        json.dumps({"schema": 1, "channels": {"x": 5, "y": {"channel": "y"}}}).encode(),
    ],
)
def test_a_damaged_one_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    state = State(tmp_path)
    state.index_lock.parent.mkdir()
    state.index_run.write_bytes(content)
    assert index_run.read(state) == {}
    index_run.write(state, REPORT)
    assert index_run.read(state) == {"conda-forge": REPORT}
