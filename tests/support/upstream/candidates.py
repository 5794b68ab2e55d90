"""Candidates for tests of selection: small ones by hand, real ones from repodata files."""

import bz2
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from syncer.conda.record import Candidate, facts
from syncer.conda.repodata import Entry, parse
from volume.names import parse_artifact
from volume.sections import old_section_of


def candidate(
    stem: str,
    *depends: str,
    channel: str = "conda-forge",
    subdir: str = "linux-64",
    extension: str = ".conda",
    **more: Any,
) -> Candidate:
    """A record of `name-version-build`; `more` is further keys of it."""
    name = parse_artifact(stem + extension)
    record = {
        "name": name.name, "version": name.version, "build": name.build, "build_number": 0,
        "depends": list(depends), "size": 1, "subdir": subdir, **more,
    }  # fmt: skip
    raw = msgspec.Raw(json.dumps(record).encode())
    entry = Entry(stem + extension, old_section_of(stem + extension), raw)
    return Candidate(channel, subdir, entry, facts(entry))


def stems(keys: Iterable[tuple[str, str, str]]) -> list[str]:
    """`name-version-build` of each, sorted."""
    return sorted(filename.removesuffix(".conda") for _, _, filename in keys)


def real(folder: Path, channel: str, *subdirs: str) -> list[Candidate]:
    """Every record of a channel's repodata files below a folder."""
    found = []
    for subdir in subdirs:
        index = parse(_repodata(folder / subdir), subdir)
        found += [Candidate(channel, subdir, entry, facts(entry)) for entry in index.entries]
    return found


def _repodata(folder: Path) -> bytes:
    packed = folder / "repodata.json.bz2"
    if packed.exists():
        return bz2.decompress(packed.read_bytes())
    body = (folder / "repodata.json.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)
