"""What must hold on the volumes, read by code of its own.

Guaranteed: nothing here goes through the programs' own code where a mistake in it would hide
itself: hashes are of the bytes on disk, and artifacts are looked for where nginx looks.
"""

from __future__ import annotations

import bz2
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.mirror.indexed import unpack
from tests.support.mirror.tree import Volumes, files, ledger_problems
from tests.support.upstream.packages import Record

SECTIONS = ("packages", "packages.conda")
HOMES = ("channels", "retired")
ARTIFACTS = (".conda", ".tar.bz2")


def at_once(volumes: Volumes, channel: str, has_bytes: Callable[[str, str], bool]) -> Iterator[str]:
    """What is wrong at this instant: I1, I2 and I3. Nothing may be, at any instant.

    Args:
        has_bytes: whether ``subdir/filename`` ever had these bytes, by sha256.
    """
    index = volumes.mirror_dir / "index" / channel
    snapshots = index / "snapshots"
    links = [index / "current", *(snapshots.iterdir() if snapshots.is_dir() else ())]
    for generation in sorted({link.resolve() for link in links if link.exists()}):
        for path in sorted(generation.glob("*/repodata.json")):
            yield from _unresolved(volumes, channel, generation, path)
            yield from _disagreeing(path)
    for home in HOMES:
        for name, digest in files(volumes.mirror_dir / home / channel).items():
            if name.endswith(ARTIFACTS) and not has_bytes(name, digest):
                yield f"I3: {home}/{channel}/{name} has bytes that nobody published: {digest}"


def _unresolved(volumes: Volumes, channel: str, generation: Path, path: Path) -> Iterator[str]:
    subdir = path.parent.name
    where = f"{generation.name}/{subdir}"
    try:
        records = records_of(path)
    except ValueError as error:
        yield f"I1: {where}/repodata.json is no index: {error}"
        return
    places = (generation, *(volumes.mirror_dir / home / channel for home in HOMES))
    for filename, record in records.items():
        found = next((one for one in (place / subdir / filename for place in places)
                      if one.is_file()), None)  # fmt: skip
        if found is None:
            yield f"I1: {where} lists {filename}, which is a 404"
            continue
        data = found.read_bytes()
        if (len(data), hashlib.sha256(data).hexdigest()) != (record["size"], record["sha256"]):
            yield f"I1: {where} lists {filename} with {record['size']} bytes, served: {len(data)}"


def _disagreeing(path: Path) -> Iterator[str]:
    plain = path.read_bytes()
    for suffix, decode in ((".zst", unpack), (".bz2", bz2.decompress)):
        variant = path.with_name(path.name + suffix)
        try:
            is_same = decode(variant.read_bytes()) == plain
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the same
            yield f"I2: {variant} can't be read: {error!r}"
            continue
        if not is_same:
            yield f"I2: {variant} differs from {path.name}"


def records_of(path: Path) -> dict[str, Record]:
    """All records of a repodata.json."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    return {name: record for section in SECTIONS for name, record in document[section].items()}


def published(volumes: Volumes, channel: str) -> dict[str, Record]:
    """``subdir/filename`` -> record of what is published now."""
    current = volumes.mirror_dir / "index" / channel / "current"
    return {
        f"{path.parent.name}/{name}": record
        for path in sorted(current.glob("*/repodata.json"))
        for name, record in records_of(path).items()
    }


def differences(what: str, found: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """What is there too much, is lacking, or is another one; one line each."""
    said = {name: "is back, or never was" for name in found.keys() - wanted.keys()}
    said |= {name: "is lacking" for name in wanted.keys() - found.keys()}
    said |= {
        name: f"is {found[name]} instead of {wanted[name]}"
        for name in found.keys() & wanted.keys()
        if found[name] != wanted[name]
    }
    return [f"{what}: {name} {fact}" for name, fact in sorted(said.items())]


def at_rest(volumes: Volumes, channel: str) -> list[str]:
    """Whether ledger and files are the same, and nothing is left over, after an undisturbed run."""
    problems = [f"ledger: {problem}" for problem in ledger_problems(volumes, channel)]
    for root in (volumes.mirror_dir, volumes.state_dir):
        problems += [f"left over: {path}" for path in root.rglob(".*.tmp")]
    staging = volumes.mirror_dir / "staging" / channel
    problems += [f"left over: {path}" for path in staging.rglob("*") if path.is_file()]
    return problems
