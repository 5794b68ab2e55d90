"""Sharded repodata (CEP 16), as an upstream publishes it.

Guaranteed: hashes are bytes in shards, as CEP 16 has them, and run_exports are in the records
(CEP 21). Equal records give equal shards.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec  # and not msgpack, which the image of the demo's upstream does not have
import zstandard

Record = dict[str, Any]


def packed(document: Any) -> bytes:
    """A document as shards and their index are stored."""
    return zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(document))


def sharded(
    info: Record,
    sections: Mapping[str, Mapping[str, Record]],
    v3: Mapping[str, Mapping[str, Record]],
    removed: Sequence[str],
    run_exports: Mapping[str, Mapping[str, list[str]]],
) -> dict[str, bytes]:
    """The shard index and the shards below `shards/`, by path below the subdir."""
    shards: dict[str, Record] = {}
    for section, records in sections.items():
        for filename, record in sorted(records.items()):
            shard = shards.setdefault(
                record["name"], {"packages": {}, "packages.conda": {}, "removed": []}
            )
            exports = {"run_exports": dict(run_exports.get(filename, {}))}
            shard[section][filename] = {**_in_bytes(record), **exports}
    for extension, records in v3.items():
        for key, record in sorted(records.items()):
            shard = shards.setdefault(
                record["name"], {"packages": {}, "packages.conda": {}, "removed": []}
            )
            exports = {"run_exports": dict(run_exports.get(f"{key}.{extension}", {}))}
            listed = shard.setdefault("v3", {}).setdefault(extension, {})
            listed[key] = {**_in_bytes(record), **exports}
    for filename in removed:
        name = filename.rsplit("-", 2)[0]
        if name in shards:
            shards[name]["removed"].append(filename)
    bodies = {name: packed(shard) for name, shard in shards.items()}
    digests = {name: hashlib.sha256(body) for name, body in bodies.items()}
    index = {
        "info": info,
        "version": 1,
        "shards": {name: digest.digest() for name, digest in digests.items()},
    }
    files = {
        f"shards/{digests[name].hexdigest()}.msgpack.zst": body for name, body in bodies.items()
    }
    return {"repodata_shards.msgpack.zst": packed(index), **files}


def _in_bytes(record: Record) -> Record:
    return {
        key: bytes.fromhex(value) if key in {"sha256", "md5"} else value
        for key, value in record.items()
    }
