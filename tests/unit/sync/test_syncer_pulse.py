"""A run document's time of change advances while the work gets on, and for nothing else."""

import os
from pathlib import Path

from syncer.sync.pulse import Pulse
from volume.program.stop import Stop


def test_a_beat_touches_the_document_at_most_once_a_minute(tmp_path: Path) -> None:
    document, now = tmp_path / "sync-run.json", 0.0
    document.write_text("{}")
    stop = Stop()
    with stop.beating(Pulse(document, clock=lambda: now).beat):
        os.utime(document, (1, 1))
        stop.check()
        assert document.stat().st_mtime > 1
        os.utime(document, (1, 1))
        now = 59.0
        stop.check()
        assert document.stat().st_mtime == 1
        now = 60.0
        stop.check()
        assert document.stat().st_mtime > 1
    os.utime(document, (1, 1))
    now = 1000.0
    stop.check()  # whoever has not the lock does not beat
    assert document.stat().st_mtime == 1


def test_nothing_is_made_where_there_was_no_run(tmp_path: Path) -> None:
    Pulse(tmp_path / "sync-run.json").beat()
    assert list(tmp_path.iterdir()) == []
