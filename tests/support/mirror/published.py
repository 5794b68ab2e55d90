"""A published generation made by hand, for what only reads generations; no `conda index` needed.

Guaranteed: what the site reads is there as the indexer leaves it: shards and their index,
channeldata, the generation's document, the link. Not guaranteed: other index files, or artifacts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # it ships no types
import zstandard

from tests.support.upstream.packages import Record
from volume import generations
from volume.generations import Generation, Published
from volume.layout import Mirror, State

Records = Mapping[str, Mapping[str, Record]]
"""By subdir and filename."""

CREATED = 1_795_343_400.0


def record(name: str, version: str = "1.0", build: str = "0", **fields: object) -> Record:
    """A record with what the site shows."""
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": [],
        "size": 20_000,
        "sha256": hashlib.sha256(f"{name} {version} {build}".encode()).hexdigest(),
        "license": "MIT",
        "timestamp": 1_700_000_000_000,
        **fields,
    }


def by_filename(*records: Record, ending: str = ".conda") -> dict[str, Record]:
    """Records under the filenames that they belong to."""
    return {
        f"{found['name']}-{found['version']}-{found['build']}{ending}": found for found in records
    }


def publish(
    mirror: Mirror,
    state: State,
    channel: str,
    records: Records,
    *,
    number: int = 1,
    created: float = CREATED,
    summaries: Mapping[str, str] | None = None,
) -> Generation:
    """Publish a generation of a channel."""
    folder = mirror.generation(channel, number)
    for subdir, found in records.items():
        mirror.artifacts(channel, subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir).mkdir(parents=True)
        _write_shards(folder / subdir, subdir, found)
    packages = {name: {"summary": text} for name, text in (summaries or {}).items()}
    (folder / "channeldata.json").write_text(json.dumps({"packages": packages}))
    moment = datetime.fromtimestamp(created, UTC)
    generation = Generation(
        number=number,
        serial=number,
        local="",
        snapshot=moment.strftime("%Y%m%dT%H%M%SZ"),
        created=created,
        engine="made by hand",
        subdirs={
            subdir: Published(len(found), sum(int(one["size"]) for one in found.values()))
            for subdir, found in records.items()
        },
    )
    generations.write(mirror, channel, generation)
    current = mirror.current(channel)
    current.unlink(missing_ok=True)
    current.symlink_to(folder.name)
    return generation


def _write_shards(folder: Path, subdir: str, records: Mapping[str, Record]) -> None:
    shards: dict[str, dict[str, dict[str, Record]]] = {}
    for filename, found in records.items():
        section = "packages.conda" if filename.endswith(".conda") else "packages"
        shard = shards.setdefault(found["name"], {"packages": {}, "packages.conda": {}})
        shard[section][filename] = found
    digests = {}
    compressor = zstandard.ZstdCompressor(level=1)
    for name, shard in shards.items():
        data = compressor.compress(msgpack.packb(shard))
        digest = hashlib.sha256(data)
        (folder / f"{digest.hexdigest()}.msgpack.zst").write_bytes(data)
        digests[name] = digest.digest()
    index = {"info": {"subdir": subdir}, "version": 1, "shards": digests}
    packed = compressor.compress(msgpack.packb(index))
    (folder / "repodata_shards.msgpack.zst").write_bytes(packed)
