"""Candidates for tests of selection: small ones by hand, real ones from repodata files."""

import bz2
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from syncer.conda.record import Candidate
from syncer.conda.record import candidate as read
from syncer.conda.repodata import Entry, parse
from volume.names import parse_artifact
from volume.sections import old_section_of, v3_section_of


def candidate(
    stem: str,
    *depends: str,
    channel: str = "conda-forge",
    subdir: str = "linux-64",
    extension: str = ".conda",
    is_v3: bool = False,
    twin: Mapping[str, Any] | None = None,
    **more: Any,
) -> Candidate:
    """An artifact `name-version-build`; `more` is further keys of its record.

    It is listed in revision 3 alone with `is_v3`; with `twin` too, with these keys changed.
    """
    filename = stem + extension
    name = parse_artifact(filename)
    record = {
        "name": name.name, "version": name.version, "build": name.build, "build_number": 0,
        "depends": list(depends), "size": 1, "subdir": subdir, **more,
    }  # fmt: skip
    raw = msgspec.Raw(json.dumps(record).encode())
    section = v3_section_of(filename) if is_v3 else old_section_of(filename)
    second = None if twin is None else msgspec.Raw(json.dumps({**record, **twin}).encode())
    return read(channel, subdir, Entry(filename, section, raw, second))


def stems(keys: Iterable[tuple[str, str, str]]) -> list[str]:
    """`name-version-build` of each, sorted."""
    return sorted(filename.removesuffix(".conda") for _, _, filename in keys)


def real(folder: Path, channel: str, *subdirs: str) -> list[Candidate]:
    """Every record of a channel's repodata files below a folder."""
    found = []
    for subdir in subdirs:
        index = parse(_repodata(folder / subdir), subdir)
        found += [read(channel, subdir, entry) for entry in index.entries]
    return found


def _repodata(folder: Path) -> bytes:
    packed = folder / "repodata.json.bz2"
    if packed.exists():
        return bz2.decompress(packed.read_bytes())
    body = (folder / "repodata.json.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)
