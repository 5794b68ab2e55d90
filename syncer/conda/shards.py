"""Sharded repodata (CEP 16): read, and put together as the repodata.json it stands for. Pure.

Guaranteed: the text depends on the shards alone, and a record in it is written as conda-index
writes it (keys in order, no blanks, hashes in hex), so that an artifact is not new because its
record was read another way. A record that can't be written so becomes null, which no plan accepts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from syncer.errors import IndexRejectedError
from volume import limits
from volume.sections import OLD_SECTIONS, V3, V3_SECTIONS, filename_of

INDEX = "repodata_shards.msgpack.zst"
SUFFIX = ".msgpack.zst"

_STAYS = "the published index stays as it is"
# Of a shard index, not of the repodata: where things are, and when this was written.
_OWN_INFO = frozenset({"base_url", "shards_base_url", "created_at"})


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """``shards`` maps a package name to the sha256 of its shard, in hex."""

    info: dict[str, Any]
    shards: dict[str, str]

    @property
    def shards_base_url(self) -> str | None:
        """Where the shards are, if not beside the index."""
        value = self.info.get("shards_base_url")
        return value if isinstance(value, str) and value else None

    def selected(self, names: Callable[[str], bool] | None) -> dict[str, str]:
        """The shards of these package names, in order."""
        return {
            name: self.shards[name] for name in sorted(self.shards) if names is None or names(name)
        }

    def signature(self, selected: dict[str, str]) -> bytes:
        """Equal means that the selected records are the same."""
        info = {key: value for key, value in self.info.items() if key != "created_at"}
        return _json([info, selected])


def parse(data: bytes | bytearray, where: str) -> ShardIndex:
    """Understand a shard index, uncompressed.

    Raises:
        IndexRejectedError: it is not one.
    """
    try:
        document = msgspec.msgpack.decode(data)
        info, shards = document["info"], document["shards"]
        if not isinstance(info, dict):
            raise TypeError("its info is not a map")
        found = {_name(name): _hash(value) for name, value in shards.items()}
    except (
        msgspec.MsgspecError, LookupError, TypeError, AttributeError, ValueError, RecursionError,
    ) as error:  # fmt: skip
        raise IndexRejectedError(f"{where} is not a shard index ({error}); {_STAYS}") from error
    return ShardIndex(info, found)


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is not a package name")
    return name


def _hash(value: object) -> str:
    digest = value if isinstance(value, bytes) else bytes.fromhex(str(value))
    if len(digest) != 32:
        raise ValueError("a shard's hash is no sha256")
    return digest.hex()


@dataclass(frozen=True, slots=True)
class Assembled:
    """A repodata.json, and the run_exports that the shards hold, as JSON texts (CEP 21).

    ``unread`` are sections of revision 3 that are no maps in one of the shards.
    """

    repodata: bytes
    run_exports: dict[str, str]
    unread: frozenset[str] = frozenset()


def assemble(
    index: ShardIndex, shards: Iterable[tuple[str, bytes | bytearray]], where: str
) -> Assembled:
    """Put shards together, given as package name and uncompressed content.

    A client that asks for a name reads the shard of that name. So what another shard says of its
    records counts only where that one says nothing.

    Raises:
        IndexRejectedError: one of them is no shard.
    """
    sections: dict[str, dict[str, bytes]] = {section: {} for section in OLD_SECTIONS}
    revision = _Revision()
    removed: set[str] = set()
    others: dict[str, Any] = {}
    run_exports: dict[str, str] = {}
    size = 0
    for name, data in shards:
        size += len(data)
        if size > limits.INDEX.unpacked:
            raise IndexRejectedError(
                f"{where}: its shards have more than {limits.INDEX.unpacked:,} bytes, which is no"
                f" index's size; {_STAYS}"
            )
        try:
            document = dict(msgspec.msgpack.decode(data))
            removed.update(map(_name, document.pop("removed", None) or ()))
            for section, records in sections.items():
                for filename, record in (document.pop(section, None) or {}).items():
                    if _name(filename) not in records or _is_of(name, record):
                        records[filename] = _record(filename, record, run_exports)
            revision.add(name, document.pop(V3, {}), run_exports)
            document.pop("info", None)  # of a shard: what it counts is counted anew
        except (
            msgspec.MsgspecError, TypeError, AttributeError, ValueError, RecursionError,
        ) as error:  # fmt: skip
            raise IndexRejectedError(f"{where}: not a shard ({error}); {_STAYS}") from error
        for key in sorted(document, key=str):
            _merge(others, str(key), document[key])
    info = {key: value for key, value in index.info.items() if key not in _OWN_INFO}
    if base_url := index.info.get("base_url"):
        info["base_url"] = base_url
    parts = [b'"info":' + _json_or_null(info)]
    parts += [_section(section, records) for section, records in sections.items()]
    if revision.formats:
        formats = (_section(*listed) for listed in sorted(revision.formats.items()))
        parts.append(_json(V3) + b":{" + b",".join(formats) + b"}")
    parts.append(b'"removed":' + _json(sorted(removed)))
    parts += [_json(key) + b":" + _json_or_null(others[key]) for key in sorted(others)]
    return Assembled(b"{" + b",".join(parts) + b"}", run_exports, frozenset(revision.unread))


class _Revision:
    """What shards hold under ``v3``: records by extension and key."""

    def __init__(self) -> None:
        self.formats: dict[str, dict[str, bytes]] = {}
        self.unread: set[str] = set()

    def add(self, name: str, content: object, run_exports: dict[str, str]) -> None:
        """That of the shard of a name; what is no map harms nothing else."""
        if not isinstance(content, dict):
            self.unread.update(V3_SECTIONS)
            return
        for extension, records in content.items():
            section = f"{V3}.{extension}"
            if not isinstance(records, dict):
                self.unread.add(section)
                continue
            known = self.formats.setdefault(str(extension), {})
            for key, record in ((str(one), records[one]) for one in records):
                if key not in known or _is_of(name, record):
                    known[key] = _record(filename_of(section, key), record, run_exports)


def _is_of(name: str, record: object) -> bool:
    """Whether it is a record of the package of that name."""
    return isinstance(record, dict) and record.get("name") == name


def _section(name: str, records: dict[str, bytes]) -> bytes:
    lines = b",".join(_json(key) + b":" + records[key] for key in sorted(records))
    return _json(name) + b":{" + lines + b"}"


def _record(filename: str, record: object, run_exports: dict[str, str]) -> bytes:
    if isinstance(record, dict) and "run_exports" in record:
        record = dict(record)
        text = _json_or_null(record.pop("run_exports"))
        if text != b"null":
            run_exports[filename] = text.decode()
    return _json_or_null(record)


def _merge(into: dict[str, Any], key: str, value: object) -> None:
    """Each shard holds its part of a section: maps are united, two levels deep.

    What is united into is a copy of ours, so that each shard costs what it has and not what all
    before it have.
    """
    known = into.get(key)
    if not (isinstance(known, dict) and isinstance(value, dict)):
        into[key] = (
            {inner: _own(content) for inner, content in value.items()}
            if isinstance(value, dict)
            else value
        )
        return
    for inner, content in value.items():
        place = known.get(inner)
        if isinstance(place, dict) and isinstance(content, dict):
            place.update(content)
        else:
            known[inner] = _own(content)


def _own(content: object) -> object:
    return dict(content) if isinstance(content, dict) else content


def _json_or_null(value: object) -> bytes:
    try:
        return _json(value)
    except (TypeError, ValueError, RecursionError):
        return b"null"


def _json(value: object) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_hex
    ).encode()


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no place in a record")
