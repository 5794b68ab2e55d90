"""What an index is made of: its documents, the sections of repodata, and records. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from volume import limits
from volume.sections import SECTIONS, V3, V3_SECTIONS

REPODATA = "repodata.json"
CURRENT = "current_repodata.json"
RUN_EXPORTS = "run_exports.json"
CHANNELDATA = "channeldata.json"

NOTICES, PATCHES = "notices.json", "patch_instructions.json"
DOCUMENTS = frozenset({NOTICES, PATCHES})
"""Upstream's own, published as they are: of the channel (CEP 6), and of each subdir."""

VARIANTS = {REPODATA: (".zst", ".bz2"), CURRENT: (".zst", ".bz2"), RUN_EXPORTS: (".zst",)}
"""By which variants clients ask: rattler and mamba .zst, old conda .bz2."""

Record = dict[str, Any]
"""One package record, as JSON has it: the wire format itself, so not a class."""


def records_in(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Section, key and record of each record in a repodata.json or shard.

    Raises:
        AttributeError: a section is no map.
    """
    v3 = document.get(V3, {})
    for section in SECTIONS:
        is_v3 = section in V3_SECTIONS
        found = v3.get(section.removeprefix(f"{V3}."), {}) if is_v3 else document.get(section, {})
        for key, record in found.items():
            yield section, key, record


def decode(text: str) -> Any:
    """A JSON text's value, which every document of an index can hold.

    Raises:
        ValueError: it is no JSON, or not what JSON and msgpack can both say: an endless number, an
            integer of more than 64 bits, half a character, or values too deep within values.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it has values too deep within values") from error
    if text.count("{") + text.count("[") > limits.NESTING and _depth(value) > limits.NESTING:
        raise ValueError(f"it has values more than {limits.NESTING} deep within values")
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()  # half a character can't be encoded
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"it has an integer of {len(text)} digits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it has the number {text[:20]}, which is endless")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"it has {text}, which is no JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_int=_whole, parse_constant=_refuse)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [
            inner for one in level for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth
