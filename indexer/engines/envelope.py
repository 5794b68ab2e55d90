"""The envelope: what repodata holds beside the records, as upstream has it.

``conda index`` writes an envelope of its own and knows nothing of upstream's. Pure: texts in, texts
out. Nothing absolute comes through: a client must never be sent past this mirror, so ``base_url``
and ``shards_base_url`` are dropped. What speaks of artifacts is cut down to those listed here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from typing import Any

from indexer.base.errors import EngineError
from indexer.base.repodata import decode

log = logging.getLogger("indexer.engines.envelope")

_OURS = frozenset({"repodata_version", "packages", "packages.conda"})
_ADDRESSES = frozenset({"base_url", "shards_base_url", "subdir"})
JOINT = b'},"packages.conda":{'

_EXTENSIONS = {"conda": ".conda", "tar.bz2": ".tar.bz2"}


def compact(document: Any) -> str:
    """JSON as the engine writes it: one line, keys in order."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def envelope(other_keys: dict[str, str], subdir: str, listed: Collection[str]) -> dict[str, Any]:
    """Everything but the records, for a subdir that lists these filenames."""
    info: dict[str, Any] = {"subdir": subdir}
    sections: dict[str, Any] = {"removed": []}
    for key, text in other_keys.items():
        try:
            value = decode(text)
        except ValueError as error:
            log.warning("%s: upstream's %s is left out: %s", subdir, key, error)
            continue
        if key.startswith("info."):
            name = key.removeprefix("info.")
            if name not in _ADDRESSES:
                info[name] = value
        elif key == "removed" and isinstance(value, list):
            sections[key] = [filename for filename in value if filename not in listed]
        elif key == "signatures" and isinstance(value, dict):
            sections[key] = {name: value[name] for name in value if name in listed}
        elif key == "v3" and isinstance(value, dict):
            sections[key] = _listed_revision(value, listed)
        elif key not in _OURS and not key.startswith("packages"):
            # An unknown section of packages would list artifacts that are not here.
            sections[key] = value
    return {"info": info, "repodata_version": 1, **sections}


def _listed_revision(v3: dict[str, Any], listed: Collection[str]) -> dict[str, Any]:
    """CEP 48: sections by kind of artifact, keyed by name without extension; no wheels here."""
    return {
        kind: {
            stem: record for stem, record in v3.get(kind, {}).items() if stem + extension in listed
        }
        for kind, extension in _EXTENSIONS.items()
        if isinstance(v3.get(kind, {}), dict)
    }


def cut(around: dict[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    """The part of an envelope that a document of these filenames alone has."""
    part = {key: around[key] for key in ("info", "repodata_version", "removed")}
    if "signatures" in around:
        signatures = around["signatures"]
        part["signatures"] = {key: signatures[key] for key in signatures if key in chosen}
    return part


def frame(wanted: dict[str, Any]) -> tuple[bytes, bytes]:
    """What stands before the first record and after the last one; between the sections: ``JOINT``.

    Keys are in order, as ``info`` and ``packages`` come before all others that upstreams write.
    """
    head = f'{{"info":{compact(wanted["info"])},"packages":{{'
    rest = {key: value for key, value in wanted.items() if key != "info"}
    return head.encode(), (f"}},{compact(rest)[1:]}" if rest else "}}").encode()


def put_around(engine_output: bytes, subdir: str, wanted: dict[str, Any]) -> bytes:
    """Exchange the engine's envelope for ours, without decoding the records in it.

    Raises:
        EngineError: the output does not look as it does in the version that we know.
    """
    head = f'{{"info":{compact({"subdir": subdir})},"packages":'.encode()
    tail = b',"removed":[],"repodata_version":1}'
    if not (engine_output.startswith(head) and engine_output.endswith(tail)):
        raise EngineError(
            f"conda index wrote an unknown form of repodata.json for {subdir};"
            " use the image as built, or run tests/engine"
        )
    rest = {key: value for key, value in wanted.items() if key != "info"}
    return b"".join(
        (
            f'{{"info":{compact(wanted["info"])},"packages":'.encode(),
            memoryview(engine_output)[len(head) : -len(tail)],
            b"," + compact(rest).encode()[1:],
        )
    )
