"""What upstream's repodata says beside its records, as JSON texts to carry along. Pure.

Guaranteed: nothing in it lists artifacts, as these would not be here; nothing in it counts them, as
a mirror has others; and it is the same whether it was read from repodata.json or a shard index.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from volume import limits
from volume.ledger.schema import DOCUMENT

REVISIONS = "repodata_revisions"
"""The key of ``info`` that says what each revision of the document holds (CEP 48)."""
COUNTED = frozenset({"n_packages", "oldest", "newest"})
"""What is said of a revision in one document or shard: an index of other records counts anew."""

# Where artifacts are listed, or will be: other formats beside ``packages``, and later revisions.
_LISTS = re.compile(r"packages\..*|v[0-9]+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Envelope:
    """``kept`` are texts by key, an ``info`` key is ``info.<key>``; ``left_out`` says why."""

    kept: dict[str, str]
    left_out: dict[str, str]


def read(document: dict[str, msgspec.Raw], info: dict[str, msgspec.Raw]) -> Envelope:
    """The envelope of a document, given without the sections that are mirrored.

    Raises:
        ValueError: a text is no UTF-8.
    """
    kept: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for key, raw in document.items():
        # What the ledger keeps documents under can't be a section's name too.
        if key == "repodata_version" or key.startswith((DOCUMENT, "info.")):
            continue
        if (problem := _too_large(raw) or _listing(key, raw)) is not None:
            left_out[key] = problem
        else:
            kept[key] = bytes(raw).decode()
    for key, raw in info.items():
        # These two are ours to say: where we serve it, and which subdir it is.
        if key in {"base_url", "subdir"}:
            continue
        name = f"info.{key}"
        if (problem := _too_large(raw)) is not None:
            left_out[name] = problem
        elif key == REVISIONS:
            try:
                kept[name] = _uncounted(raw)
            except (ValueError, RecursionError) as error:
                left_out[name] = f"it is no map of revisions (CEP 48): {error}"
        else:
            kept[name] = bytes(raw).decode()
    return Envelope(kept, left_out)


def _too_large(raw: msgspec.Raw) -> str | None:
    if len(raw) <= limits.BESIDE_SIZE:
        return None
    return f"it has {len(raw):,} bytes, and {limits.BESIDE_SIZE:,} are the most"


def _listing(key: str, raw: msgspec.Raw) -> str | None:
    """What is wrong with a section that may list artifacts in a way that nobody knows here."""
    if _LISTS.fullmatch(key) is None or bytes(raw).strip(b"{} \t\r\n") == b"":
        return None
    return "what upstream lists there is not known to this version, and not mirrored: left out"


def _uncounted(raw: msgspec.Raw) -> str:
    revisions = msgspec.json.decode(raw, type=dict[str, dict[str, Any]])
    said = {
        name: {key: value for key, value in revision.items() if key not in COUNTED}
        for name, revision in revisions.items()
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
