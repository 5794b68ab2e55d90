"""Every document that fuzzing ever kept is read or rejected, and nothing worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz.target import TARGETS, Target

DOCUMENTS = [(target, path) for target in TARGETS for path in sorted(target.corpus.iterdir())]


@pytest.mark.parametrize(
    ("target", "path"), DOCUMENTS, ids=[f"{one.name}/{path.name}" for one, path in DOCUMENTS]
)
def test_a_document_of_the_corpus_is_survived(target: Target, path: Path) -> None:
    target.exercise(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: str(target.name))
def test_a_corpus_has_documents_that_are_accepted_and_others(target: Target) -> None:
    accepted = {target.exercise(path.read_bytes()) for path in target.corpus.iterdir()}
    assert accepted == {True, False}
