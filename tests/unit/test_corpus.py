"""Every document that fuzzing ever kept is read or rejected, and nothing worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import CORPUS, exercise


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_a_document_of_the_corpus_is_survived(path: Path) -> None:
    exercise(path.read_bytes())
