"""Published wheels: one collection, with a list of its own and a simple index beside the files.

A wheel here is a file of a Python package index that a lock file names: a wheel, or an sdist.
Guaranteed: each lies under its own hash (blake2b-256), and its address has that, as on the public
index's file host; so two files of one name are two files, and an address never gets other bytes.
Times are seconds since the epoch, sizes are bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from volume.collection import current_number
from volume.errors import NameRefusedError, StateError
from volume.layout import Mirror
from volume.names import check_wheel_name

PYPI = "pypi"
"""What the collection is called: in paths, in ``--allow-wipe`` and where people read of it."""
WHEELS_JSON = ".wheels.json"  # hidden by the web server, as all dotfiles

_SCHEMA = 1
_HEX = re.compile(r"[0-9a-f]{64}")
PROJECT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""A normalised name (PEP 503): a folder of the index."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One published wheel or sdist.

    ``project`` is its normalised name; ``metadata`` the sha256 of its METADATA, which lies beside
    it, None where there is none; ``dropped`` is since when no lock file names it: it is in no index
    then, and downloadable until its time is over.
    """

    filename: str
    project: str
    version: str
    sha256: str
    blake2b: str
    size: int
    requires_python: str = ""
    metadata: str | None = None
    dropped: float | None = None

    @property
    def path(self) -> str:
        """Its place in the collection: one folder each, as each costs time when it goes."""
        return f"packages/{self.blake2b}/{self.filename}"

    @property
    def address(self) -> str:
        """Its place below ``/pypi/``: that of the public index; the web server knows the way."""
        digits = self.blake2b
        return f"packages/{digits[:2]}/{digits[2:4]}/{digits[4:]}/{self.filename}"

    @property
    def metadata_path(self) -> str:
        """Where its METADATA is (PEP 658)."""
        return f"{self.path}.metadata"


def wheels_json(wheels: Iterable[Wheel]) -> str:
    """The text of the list."""
    rows = [asdict(one) for one in sorted(wheels, key=lambda one: one.path)]
    return json.dumps({"schema": _SCHEMA, "wheels": rows}, indent=1, sort_keys=True) + "\n"


def read(mirror: Mirror) -> dict[str, Wheel]:
    """What is published, by path; empty if nothing is.

    Raises:
        StateError: the published list can't be understood.
    """
    number = current_number(mirror.wheels)
    if number is None:
        return {}
    path = mirror.wheels.generation(number) / WHEELS_JSON
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != _SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        return {one.path: one for one in map(_wheel, document["wheels"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NameRefusedError) as error:
        raise StateError(
            f"{path} can't be understood ({error!r}); the next sync hashes the files beside it and"
            " writes it again"
        ) from error


def _wheel(row: Mapping[str, Any]) -> Wheel:
    one = Wheel(**row)
    check_wheel_name(one.filename)
    hashes = [one.sha256, one.blake2b, *([] if one.metadata is None else [one.metadata])]
    if not all(_HEX.fullmatch(digits) for digits in hashes):
        raise ValueError(f"{one.filename}: a hash is none")
    if not PROJECT.fullmatch(one.project) or int(one.size) != one.size or one.size < 0:
        raise ValueError(f"{one.filename}: {one.project!r}, {one.size!r} bytes")
    if not isinstance(one.version, str) or not isinstance(one.requires_python, str):
        raise ValueError(f"{one.filename}: {one.version!r}, {one.requires_python!r}")
    if one.dropped is not None and not isinstance(one.dropped, int | float):
        raise ValueError(f"{one.filename}: dropped {one.dropped!r}")
    return one


def listed(wheels: Iterable[Wheel]) -> list[Wheel]:
    """Those that the index lists."""
    return [one for one in wheels if one.dropped is None]
