"""State documents: small JSON files with one writer each.

Guaranteed: a reader sees a whole document or none. Each carries ``schema``; a number that this
version does not know is an error, a missing file means "never". A document that only tells of the
last run is begun anew if it is damaged (``recall``): no run ends for what was said of the last one.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from volume.disk import files
from volume.disk.files import make_directory, replace
from volume.errors import DamagedDocumentError, StateError

_LOG = logging.getLogger(__name__)

SCHEMA = 1


def read(path: Path) -> dict[str, Any] | None:
    """The document at ``path``, or None if it was never written.

    Raises:
        DamagedDocumentError: it is not what any version wrote.
        StateError: it can't be read, or was written by a newer version.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} can't be read ({error}); restore it or remove it") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise _damaged(path, "it has no schema")
    if document["schema"] != SCHEMA:
        raise StateError(
            f"{path} has schema {document['schema']!r} and this version knows {SCHEMA};"
            " run the version that wrote it, or a newer one"
        )
    return document


def recall(path: Path) -> dict[str, Any] | None:
    """What its own writer said last, or None if that was never, or is damaged (which is said).

    Raises:
        StateError: it can't be read, or was written by a newer version.
    """
    try:
        return read(path)
    except DamagedDocumentError as error:
        _LOG.warning("%s; what it said is forgotten, and the next run writes it anew", error)
        return None


def _damaged(path: Path, why: object) -> DamagedDocumentError:
    return DamagedDocumentError(f"{path} can't be read ({why}); restore it or remove it")


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
