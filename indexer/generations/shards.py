"""Shards: content-addressed files, one per package name, and the index that names them (CEP 16).

A shard has the sections of a repodata.json, that of revision 3 only if it has records there
(CEP 48). It has no ``info``: what is counted of a revision stands in the index.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import zstandard

from volume.sections import V3, V3_SECTIONS, key_of

INDEX = "repodata_shards.msgpack.zst"
SUFFIX = ".msgpack.zst"

SHARED = frozenset({"channel_relations", "repodata_revisions"})
"""What ``info`` of a shard index says just as that of the repodata.json (CEP 42, CEP 48)."""

_VERSION = 1
_KEYS = frozenset({"info", "version", "shards"})
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_SHARD = re.compile(r"[0-9a-f]{64}\.msgpack\.zst")


class MalformedShardError(Exception):
    """A file is not a shard or shard index; never leaves the indexer."""


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """``shards`` maps a package name to the sha256 of its shard, in hex; ``beside`` is all else."""

    info: dict[str, Any]
    version: int
    shards: dict[str, str]
    beside: dict[str, Any]

    @property
    def undated(self) -> object:
        """What clients act on: two indexes that differ in their date only are equal."""
        info = {key: value for key, value in self.info.items() if key != "created_at"}
        return info, self.version, self.shards, self.beside


def is_shard(filename: str) -> bool:
    """Whether this is the name of a shard."""
    return _SHARD.fullmatch(filename) is not None


def names(folder: Path) -> set[str]:
    """The filenames of all shards in a folder."""
    try:
        listed = os.listdir(folder)  # noqa: PTH208 - names are all we need of many thousands
        return {name for name in listed if is_shard(name)}
    except FileNotFoundError:
        return set()


def inodes(folder: Path) -> dict[str, int]:
    """The inode of every shard in a folder, by filename."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.inode() for entry in entries if is_shard(entry.name)}
    except FileNotFoundError:
        return {}


def read_index(folder: Path) -> ShardIndex:
    """The shard index of a subdir.

    Raises:
        MalformedShardError: it is missing or can't be understood.
    """
    try:
        document = _decode((folder / INDEX).read_bytes())
        return ShardIndex(
            info=document["info"],
            version=document["version"],
            shards={name: digest.hex() for name, digest in document["shards"].items()},
            beside={key: document[key] for key in document.keys() - _KEYS},
        )
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise MalformedShardError(f"{INDEX} can't be understood: {error!r}") from error


def read(folder: Path, digest: str, *, check_hash: bool) -> dict[str, Any]:
    """One shard.

    Raises:
        MalformedShardError: it is missing, damaged, or not what its name says.
    """
    try:
        data = (folder / f"{digest}{SUFFIX}").read_bytes()
        if check_hash and hashlib.sha256(data).hexdigest() != digest:
            raise MalformedShardError(f"shard {digest[:12]} does not have the hash in its name")
        return _decode(data)
    except (OSError, ValueError) as error:
        raise MalformedShardError(f"shard {digest[:12]} can't be read: {error}") from error


def pack(records: Iterable[tuple[str, str, dict[str, Any], dict[str, Any]]]) -> tuple[str, bytes]:
    """Make the shard of one name; return its sha256 in hex and its bytes.

    Args:
        records: section, filename, record and run_exports of each record, in the order of the
            filenames.
    """
    shard: dict[str, Any] = {"packages": {}, "packages.conda": {}}
    for section, filename, record, run_exports in records:
        value = packed(record, run_exports)
        if section in V3_SECTIONS:
            kinds = shard.setdefault(V3, {})
            listed = kinds.setdefault(section.removeprefix(f"{V3}."), {})
            listed[key_of(section, filename)] = value
        else:
            shard[section][filename] = value
    data = _encode(shard)
    return hashlib.sha256(data).hexdigest(), data


def pack_index(info: Mapping[str, Any], shards: Mapping[str, str], created_at: str) -> bytes:
    """Make the index of a subdir's shards; their addresses are relative to it.

    Args:
        info: that of the subdir's repodata.json; ``SHARED`` keys of it are said here too.
        shards: by name, the sha256 of its shard, in hex.
        created_at: the date of the index.
    """
    said = {
        "base_url": "", "shards_base_url": "", "created_at": created_at, "subdir": info["subdir"],
    }  # fmt: skip
    shared = {key: info[key] for key in sorted(SHARED) if key in info}
    digests = {name: bytes.fromhex(digest) for name, digest in shards.items()}
    return _encode({"version": _VERSION, "info": {**said, **shared}, "shards": digests})


def packed(record: dict[str, Any], run_exports: Any) -> dict[str, Any]:
    """A record of repodata.json as a shard has it: run_exports in it, hashes in binary (CEP 16)."""
    value = {**record, "run_exports": run_exports}
    for key in ("sha256", "md5"):
        if isinstance(text := value.get(key), str) and _HEX.fullmatch(text):
            value[key] = bytes.fromhex(text)
    return value


def _encode(document: dict[str, Any]) -> bytes:
    # Higher levels gain nothing on documents this small.
    packed: bytes = msgpack.packb(document)
    return zstandard.ZstdCompressor(level=3).compress(packed)


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A shard's record as repodata.json has it: hashes in hex, no run_exports (CEP 21)."""
    kept = {key: value for key, value in record.items() if key != "run_exports"}
    for key in ("sha256", "md5"):
        if isinstance(kept.get(key), bytes):
            kept[key] = kept[key].hex()
    return kept


def read_back(record: dict[str, Any]) -> dict[str, Any]:
    """A record of repodata.json as it comes out of a shard: what is a hash in lower case."""
    return plain(packed(record, None))


def _decode(data: bytes) -> dict[str, Any]:
    try:
        unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        document = msgpack.unpackb(unpacked, strict_map_key=False)
    except (zstandard.ZstdError, msgpack.UnpackException, RecursionError) as error:
        raise ValueError(repr(error)) from error
    if not isinstance(document, dict):
        raise ValueError("not a map")
    return document
