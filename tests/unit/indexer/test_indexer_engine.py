"""How a run of the engine that fails is understood, with a stand-in for conda."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.base.errors import EngineError, EngineStoppedError
from indexer.engines.conda_index.engine import Engine
from volume.program.stop import Stop


def failing(folder: Path, words: str) -> Engine:
    """An engine that notes each of its runs and then fails in this way."""
    program = folder / "conda"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/runs\n{words}\n')
    program.chmod(0o755)
    return Engine(str(program), Stop(), folder / "engine.log")


def runs(engine: Engine, folder: Path) -> int:
    """Index, which fails; return how often the engine was run."""
    with pytest.raises(EngineError):
        engine.index(folder / "root", folder / "output", ["noarch"], "conda-forge")
    return len((folder / "runs").read_text().splitlines())


def test_an_odd_record_costs_outputs_and_not_the_index(tmp_path: Path) -> None:
    assert runs(failing(tmp_path, "echo TypeError: no such thing; exit 1"), tmp_path) == 3


@pytest.mark.parametrize(
    "words",
    [
        "kill -KILL $$",
        'echo "OSError: [Errno 28] No space left on device"; exit 1',
        "echo MemoryError; exit 1",
        'echo "sqlite3.OperationalError: database or disk is full"; exit 1',
    ],
)
def test_what_the_machine_refuses_costs_no_output(words: str, tmp_path: Path) -> None:
    """An index without current_repodata.json was published after a kill of the engine alone."""
    engine = failing(tmp_path, words)
    assert runs(engine, tmp_path) == 1
    with pytest.raises(EngineStoppedError):
        engine.index(tmp_path / "root", tmp_path / "output", ["noarch"], "conda-forge")
