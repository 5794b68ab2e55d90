"""A published generation, written by hand.

Guaranteed: the layout and the variants that the indexer publishes (DESIGN, sections 3 and 6), small
and consistent, so that nginx, clients and `FaithfulReader` can be tested without an indexer. Not
guaranteed: fidelity to `conda index` beyond what clients read.
"""

import bz2
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.support.upstream.channel import compress_zst, dump, repodata_document
from tests.support.upstream.packages import Package, Record

Sections = dict[str, dict[str, Record]]


def publish(mirror: Path, channel: str, packages: Iterable[Package], *, number: int = 1) -> Path:
    """Commit artifacts, write a generation that lists them and make it current."""
    subdirs: dict[str, list[Package]] = defaultdict(list, {"noarch": []})
    for package in packages:
        subdirs[package.subdir].append(package)
        folder = mirror / "channels" / channel / package.subdir
        folder.mkdir(parents=True, exist_ok=True)
        (folder / package.filename).write_bytes(package.data)
    generation = mirror / "index" / channel / f"gen-{number:06d}"
    for subdir, members in subdirs.items():
        folder = generation / subdir
        folder.mkdir(parents=True)
        for name, data in documents(subdir, members).items():
            (folder / name).write_bytes(data)
    (generation / "channeldata.json").write_bytes(
        dump({"channeldata_version": 1, "packages": {}, "subdirs": sorted(subdirs)})
    )
    following = generation.with_name("following")
    following.symlink_to(generation.name)
    following.rename(generation.with_name("current"))
    return generation


def documents(subdir: str, packages: Iterable[Package]) -> dict[str, bytes]:
    """Every index variant of a subdir, by file name."""
    records: Sections = {"packages": {}, "packages.conda": {}}
    exports: Record = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}
    by_name: dict[str, Sections] = defaultdict(lambda: {"packages": {}, "packages.conda": {}})
    for package in packages:
        run_exports = dict(package.run_exports or {})
        records[package.section][package.filename] = package.record
        exports[package.section][package.filename] = {"run_exports": run_exports}
        shard_record = {
            **package.record,
            "run_exports": run_exports,
            "md5": bytes.fromhex(package.record["md5"]),
            "sha256": bytes.fromhex(package.record["sha256"]),
        }
        by_name[package.record["name"]][package.section][package.filename] = shard_record
    repodata = dump(repodata_document(subdir, records, [], {}))
    run_exports_json = json.dumps(exports).encode()
    result = {
        "repodata.json": repodata,
        "repodata.json.zst": compress_zst(repodata),
        "repodata.json.bz2": bz2.compress(repodata),
        "current_repodata.json": repodata,
        "run_exports.json": run_exports_json,
        "run_exports.json.zst": compress_zst(run_exports_json),
    }
    digests = {}
    for name, sections in by_name.items():
        shard = compress_zst(msgspec.msgpack.encode(sections))
        digests[name] = hashlib.sha256(shard).digest()
        result[f"{digests[name].hex()}.msgpack.zst"] = shard
    index = {
        "version": 1,
        "info": {
            "subdir": subdir,
            "base_url": "",
            "shards_base_url": "",
            "created_at": "2026-01-01T00:00:00Z",
        },
        "shards": digests,
    }
    result["repodata_shards.msgpack.zst"] = compress_zst(msgspec.msgpack.encode(index))
    return result
