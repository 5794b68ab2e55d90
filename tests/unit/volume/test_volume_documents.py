"""A state document is whole or absent, and tells its version."""

from collections.abc import Callable
from pathlib import Path

import pytest

from volume.disk import documents
from volume.errors import DamagedDocumentError, StateError


def test_a_document_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    assert documents.read(path) is None
    documents.write(path, {"text": "ä\u2028", "list": [1, None]})
    assert documents.read(path) == {"schema": 1, "text": "ä\u2028", "list": [1, None]}


DAMAGED = [
    b"", b"{", b"{}", b"[]", b"null", b"\xff", b'{"schema": 1', b'{"schema": "1"}', b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_document_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(DamagedDocumentError, match=str(path)):
        documents.read(path)


@pytest.mark.parametrize("content", DAMAGED)
def test_what_was_said_of_the_last_run_is_forgotten_with_a_word(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.json"
    assert documents.recall(path) is None
    path.write_bytes(content)
    assert documents.recall(path) is None
    assert str(path) in caplog.text
    documents.write(path, {"text": "anew"})
    assert documents.recall(path) == {"schema": 1, "text": "anew"}


@pytest.mark.parametrize("read", [documents.read, documents.recall])
def test_a_newer_document_is_refused(
    tmp_path: Path, read: Callable[[Path], dict[str, object] | None]
) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"schema": 2}')
    with pytest.raises(StateError, match="newer"):
        read(path)


def test_a_document_in_place_of_which_there_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=str(tmp_path)):
        documents.read(tmp_path)
