"""A state document is whole or absent, and tells its version."""

from pathlib import Path

import pytest

from volume.disk import documents
from volume.errors import StateError


def test_a_document_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    assert documents.read(path) is None
    documents.write(path, {"text": "ä\u2028", "list": [1, None]})
    assert documents.read(path) == {"schema": 1, "text": "ä\u2028", "list": [1, None]}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"schema": 1'])
def test_a_damaged_document_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(StateError, match=str(path)):
        documents.read(path)


def test_a_newer_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"schema": 2}')
    with pytest.raises(StateError, match="newer"):
        documents.read(path)


def test_a_document_in_place_of_which_there_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=str(tmp_path)):
        documents.read(tmp_path)
