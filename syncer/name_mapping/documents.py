"""The two kinds of documents of the name mapping: whether one is what pixi reads. Pure.

Their forms are those that pixi's ``pypi_mapping`` reads in 2026; other keys are let be.
"""

from __future__ import annotations

from typing import Any

import msgspec

COMPRESSED = "compressed-v0/compressed_mapping.json"
"""The path of what maps names."""
OF_ARTIFACT = "hash-v0"
"""The folder of what maps artifacts, each by its sha256 in hex."""


def names_of(body: bytes) -> int:
    """How many names the mapping has; each is null, a name, or a list of names.

    Raises:
        ValueError: it is no such mapping.
    """
    found = _read(body)
    for name, mapped in found.items():
        if mapped is not None and not isinstance(mapped, str) and not _are_texts(mapped):
            raise ValueError(f"{name!a:.60} is mapped to {mapped!a:.60}, which is no name")
    if not found:
        raise ValueError("it maps no name")
    return len(found)


def check_artifact(body: bytes) -> None:
    """See if this says what an artifact is called on PyPI.

    Raises:
        ValueError: it does not.
    """
    found = _read(body)
    for key in ("conda_name", "package_name"):
        if not isinstance(found.get(key), str):
            raise ValueError(f"its {key} is no text")
    for key in ("pypi_normalized_names", "direct_url"):
        if found.get(key) is not None and not _are_texts(found[key]):
            raise ValueError(f"its {key} are no texts")
    versions = found.get("versions")
    if versions is not None and not (
        isinstance(versions, dict) and all(isinstance(one, str) for one in versions.values())
    ):
        raise ValueError("its versions are no texts")


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)  # as strict as pixi: UTF-8, and no NaN
    except RecursionError as error:
        raise ValueError("it has too many levels") from error
    if not isinstance(found, dict):
        raise ValueError("it is no map")
    return found


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
