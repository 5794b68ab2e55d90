"""The envelope: what repodata holds beside the records, as upstream has it.

``conda index`` writes an envelope of its own and knows nothing of upstream's. Pure: texts in, texts
out. No address comes through that would send a client past this mirror (``base.addresses``), and
relations to other channels are checked. What speaks of artifacts is cut down to those listed here,
and what counts them counts anew. What is left out is named.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from indexer.base.addresses import leads_away, without_escapes
from indexer.base.errors import EngineError
from indexer.base.repodata import decode
from indexer.engines import revisions
from indexer.engines.revisions import Tally
from volume import relations
from volume.sections import OLD_SECTIONS, V3, V3_SECTIONS

log = logging.getLogger("indexer.engines.envelope")

_OURS = frozenset({"repodata_version", "packages", "packages.conda", V3})
_CHECKED = frozenset({revisions.KEY, relations.KEY})

ORDER = (*OLD_SECTIONS, *sorted(V3_SECTIONS))
"""The sections in the order in which a document has them: its keys are in order."""

HEAD_END = b',"packages":{'
JOINT = b'},"packages.conda":{'
V3_BEGIN = b'"v3":{"conda":{'
V3_JOINT = b'},"tar.bz2":{'
WHEELS_JOINT = b'},"whl":{'
"""What stands before each section, in that order."""


def compact(document: Any) -> str:
    """JSON as the engine writes it: one line, keys in order."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def envelope(
    other_keys: dict[str, str], channel: str, subdir: str, listed: Collection[str]
) -> dict[str, Any]:
    """Everything but the records, for a subdir that lists these filenames.

    What ``info`` says of revisions is not counted yet: ``frame`` does that, for each document.
    """

    def refuse(key: str, why: object) -> None:
        log.warning("%s/%s: upstream's %s is left out: %s", channel, subdir, key, why)

    info: dict[str, Any] = {"subdir": subdir}
    sections: dict[str, Any] = {"removed": []}
    for key, text in other_keys.items():
        try:
            value = decode(text)
        except ValueError as error:
            refuse(key, error)
            continue
        if key.startswith("info."):
            name = key.removeprefix("info.")
            if name == revisions.KEY:
                value = revisions.carried(value, partial(refuse, f"{key}, in part,"))
            elif name == relations.KEY:
                value = relations.carried(value, channel, partial(refuse, f"{key}, in part,"))
            if name != "subdir" and (value or name not in _CHECKED):
                info[name] = value
        elif key == "removed" and isinstance(value, list):
            sections[key] = [one for one in value if isinstance(one, str) and one not in listed]
        elif key == "signatures" and isinstance(value, dict):
            sections[key] = {name: value[name] for name in value if name in listed}
        elif key not in _OURS and not key.startswith("packages"):
            # An unknown section of packages would list artifacts that are not here.
            sections[key] = value
    sections["removed"] = [one for one in sections["removed"] if not leads_away(one)]
    info, of_info = without_escapes(info, spared=frozenset({relations.KEY}))
    sections, beside = without_escapes(sections)
    for path in (*(("info", *path) for path in of_info), *beside):
        refuse(".".join(path), "it would lead clients off this mirror")
    return {"info": info, "repodata_version": 1, **sections}


def cut(around: dict[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    """The part of an envelope that a document of these filenames alone has."""
    part = {key: around[key] for key in ("info", "repodata_version", "removed")}
    if "signatures" in around:
        signatures = around["signatures"]
        part["signatures"] = {key: signatures[key] for key in signatures if key in chosen}
    return part


def info_of(wanted: dict[str, Any], tally: Tally) -> dict[str, Any]:
    """An envelope's ``info`` in a document, or a set of shards, with these records."""
    info = {key: value for key, value in wanted["info"].items() if key != revisions.KEY}
    said = revisions.counted(wanted["info"].get(revisions.KEY, {}), tally)
    return {**info, revisions.KEY: said} if said else info


def frame(wanted: dict[str, Any], tally: Tally) -> tuple[bytes, ...]:
    """What stands before, between and after the sections: one piece more than there are.

    Those of revision 3 are there if there are records in them. Keys are in order, as ``info`` and
    ``packages`` come before all others that upstreams write.
    """
    head = f'{{"info":{compact(info_of(wanted, tally))}'.encode() + HEAD_END
    rest = {key: value for key, value in wanted.items() if key != "info"}
    if not tally.records:
        return head, JOINT, f"}}{_inner(rest)}}}".encode()
    smaller = _inner({key: rest[key] for key in rest if key < V3})
    greater = _inner({key: rest[key] for key in rest if key > V3})
    return (
        head, JOINT, f"}}{smaller},".encode() + V3_BEGIN, V3_JOINT, WHEELS_JOINT,
        f"}}}}{greater}}}".encode(),
    )  # fmt: skip


def _inner(keys: dict[str, Any]) -> str:
    """Keys within a document, with a comma before them if there are any."""
    return f",{compact(keys)[1:-1]}" if keys else ""


def put_around(engine_output: bytes, subdir: str, pieces: Sequence[bytes], *v3: bytes) -> bytes:
    """Exchange the engine's envelope for ours, without decoding the records in it.

    Args:
        pieces: what ``frame`` says.
        v3: the records of the sections of revision 3, if the frame has them.

    Raises:
        EngineError: the output does not look as it does in the version that we know.
    """
    head = f'{{"info":{compact({"subdir": subdir})}'.encode() + HEAD_END
    tail = b'},"removed":[],"repodata_version":1}'
    if not (engine_output.startswith(head) and engine_output.endswith(tail)):
        raise EngineError(
            f"conda index wrote an unknown form of repodata.json for {subdir};"
            " use the image as built, or run tests/engine"
        )
    first, _, *others = pieces
    body = memoryview(engine_output)[len(head) : -len(tail)]
    rest = itertools.chain.from_iterable(itertools.zip_longest(others, v3, fillvalue=b""))
    return b"".join((first, body, *rest))
