"""A record as it is published: upstream's, but for where its bytes are and, if asked for, when.

- ``url`` (draft CEP 151) says where upstream keeps an artifact. Here it lies beside the index under
  its filename, so that is what a ``url`` says here; a record without one stays without. That of a
  wheel which a channel lists (draft CEP 145) always has one, see ``volume.channel_wheels``.
- ``indexed_timestamp`` (CEP 47) is added where upstream has none, if ``INDEXED_TIMESTAMP=arrival``
  asks for it: the moment at which the bytes were first listed here.

Everybody who writes or verifies an index reads records by the SQL of this module, so no variant of
it differs. Guaranteed: where neither applies, the text is upstream's, letter by letter.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from indexer.base.addresses import may_have_address, right_address
from volume.names import WHEEL

_KEY = "indexed_timestamp"
_Value = str | bytes | int | float | None
"""What SQLite may hold in a column."""


def install(connection: sqlite3.Connection) -> None:
    """Let a connection understand ``published``."""
    connection.create_function("published_record", 3, as_published, deterministic=True)


def published(record: str, filename: str, entered: str | None) -> str:
    """The SQL of a record as it is published.

    Args:
        record, filename: SQL of upstream's record (a JSON text, maybe damaged) and of the
            artifact's filename.
        entered: SQL of when the artifact was first listed here, in seconds since the epoch; None if
            that is not to be said.
    """
    if entered is not None:
        return f"published_record({record}, {filename}, CAST({entered} * 1000 AS INTEGER))"
    # What needs no change is not handed over to Python: a channel has a million.
    return (
        f"CASE WHEN instr({record}, '\"url\"') OR instr({record}, '\\u00')"
        f" OR substr({filename}, {-len(WHEEL)}) = '{WHEEL}'"
        f" THEN published_record({record}, {filename}, NULL) ELSE {record} END"
    )


def as_published(record: _Value, filename: str, entered: int | None) -> _Value:
    """A record as it is published; ``entered`` is in milliseconds, None if it is not to be said.

    What is no JSON object stays as it is: whoever reads it refuses it.
    """
    if not isinstance(record, str):
        return record
    if not may_have_address(record, filename):
        if entered is None:
            return record
        if f'"{_KEY}"' not in record and record.startswith('{"') and record.endswith("}"):
            return f'{record[:-1]},"{_KEY}":{entered}}}'
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return record
    if not isinstance(found, dict):
        return record
    changes: dict[str, Any] = {}
    # Written anew also if it is right: the text may hold another one before it.
    if (address := right_address(found, filename)) is not None:
        changes["url"] = address
    if entered is not None and found.get(_KEY) is None:
        changes[_KEY] = entered
    return json.dumps({**found, **changes}, separators=(",", ":")) if changes else record
