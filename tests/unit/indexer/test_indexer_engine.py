"""How a run of the engine that fails is understood, with a stand-in for conda."""

from __future__ import annotations

import sys
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


def test_an_odd_record_ends_it_at_once(tmp_path: Path) -> None:
    engine = failing(tmp_path, "echo TypeError: no such thing; exit 1")
    assert runs(engine, tmp_path) == 1
    with pytest.raises(EngineError) as caught:
        engine.index(tmp_path / "root", tmp_path / "output", ["noarch"], "conda-forge")
    assert not isinstance(caught.value, EngineStoppedError)  # our own writer goes on


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("echo MemoryError; exit 1", "more than .* GB of memory"),
        (
            f"{sys.executable} -c 'x = bytearray(1 << 33)' 2>&1 || exit 1",
            "more than .* GB of memory",
        ),
        ("kill -XCPU $$", "keeps it busy"),
        ("test $(ulimit -t) != unlimited && kill -XCPU $$", "was busy for 120 s"),
    ],
)
def test_it_takes_no_more_than_its_records_can_need(words: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        failing(tmp_path, words).index(
            tmp_path / "root", tmp_path / "output", ["noarch"], "conda-forge"
        )
    assert not isinstance(caught.value, EngineStoppedError)


@pytest.mark.parametrize(
    "words",
    [
        "kill -KILL $$",
        'echo "OSError: [Errno 28] No space left on device"; exit 1',
        'echo "sqlite3.OperationalError: database or disk is full"; exit 1',
    ],
)
def test_what_the_machine_refuses_costs_no_output(words: str, tmp_path: Path) -> None:
    """An index without current_repodata.json was published after a kill of the engine alone."""
    engine = failing(tmp_path, words)
    assert runs(engine, tmp_path) == 1
    with pytest.raises(EngineStoppedError):
        engine.index(tmp_path / "root", tmp_path / "output", ["noarch"], "conda-forge")
