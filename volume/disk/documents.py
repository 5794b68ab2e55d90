"""State documents: small JSON files with one writer each.

Guaranteed: a reader sees a whole document or none. Each carries ``schema``; a number that this
version does not know is an error, a missing file means "never".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from volume.disk import files
from volume.disk.files import make_directory, replace
from volume.errors import StateError

SCHEMA = 1


def read(path: Path) -> dict[str, Any] | None:
    """The document at ``path``, or None if it was never written.

    Raises:
        StateError: it can't be read, or was written by a newer version.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StateError(f"{path} can't be read ({error}); restore it or remove it") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else None
        raise StateError(
            f"{path} has schema {found!r} and this version knows {SCHEMA};"
            " run the version that wrote it, or a newer one"
        )
    return document


def write(path: Path, document: dict[str, Any], *, is_durable: bool = True) -> None:
    """Write ``document``, whole or not at all; durably, unless it is only a cache.

    Raises:
        VolumeError: the state volume refused.
    """
    make_directory(path.parent)
    replace(path, _text(document), is_durable=is_durable)


def create(path: Path, document: dict[str, Any], *, by: str) -> bool:
    """Write ``document`` durably, unless there is one; of several who try at once one succeeds.

    Args:
        by: what tells the writer from every other one.

    Raises:
        VolumeError: the volume refused.
    """
    return files.create(path, _text(document), by=by)


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps({"schema": SCHEMA, **document}, indent=1, sort_keys=True) + "\n").encode()
