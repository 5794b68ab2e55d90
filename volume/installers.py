"""Published installers: one collection for each kind, with its ``.files.json``.

Guaranteed: as a collection is published whole, ``-latest-`` names and their hashes can't disagree.
Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from volume.collection import current_number
from volume.errors import NameRefusedError, StateError
from volume.layout import Mirror
from volume.names import check_installer_name

KINDS = ("archive", "miniconda", "miniforge")
FILES_JSON = ".files.json"  # the name and format of Anaconda's own machine-readable listings

_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}


@dataclass(frozen=True, slots=True)
class Installer:
    """One published installer; ``mtime`` is upstream's, or when it came here."""

    filename: str
    sha256: str
    md5: str
    size: int
    mtime: float


def files_json(installers: dict[str, Installer]) -> str:
    """The text of ``.files.json``."""
    document = {
        one.filename: {"md5": one.md5, "mtime": one.mtime, "sha256": one.sha256, "size": one.size}
        for one in installers.values()
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def read(mirror: Mirror, kind: str) -> dict[str, Installer]:
    """What is published, by filename; empty if nothing is.

    Raises:
        StateError: the published ``.files.json`` can't be understood.
    """
    collection = mirror.installers(kind)
    number = current_number(collection)
    if number is None:
        return {}
    path = collection.generation(number) / FILES_JSON
    try:
        return _installers(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NameRefusedError) as error:
        raise StateError(
            f"{path} can't be understood ({error!r}); the next sync hashes the files beside it and"
            " writes it again"
        ) from error


def _installers(path: Path) -> dict[str, Installer]:
    found = {}
    for filename, entry in json.loads(path.read_bytes()).items():
        for name, pattern in _HEX.items():
            if not pattern.fullmatch(entry[name]):
                raise ValueError(f"{filename}: {entry[name]!r} is not a {name}")
        found[filename] = Installer(
            check_installer_name(filename),
            entry["sha256"],
            entry["md5"],
            int(entry["size"]),
            float(entry["mtime"]),
        )
    return found
