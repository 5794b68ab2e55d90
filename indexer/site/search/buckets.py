"""One channel's search data: a file of all names, and the builds of each name in buckets. Pure.

A bucket is a function of the shards of its names, and is named by a digest of what went into it: an
unchanged one keeps its name, so its file need not be written, read by anybody, or fetched again.
The names file lists the buckets' digests, so a page can't mix two generations.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rattler import Version

from indexer.base.matchspec import MalformedError, version_order
from volume.names import EXTENSIONS

_LAST_SECOND = 253402300799  # of the year 9999
FORMAT = 1
MOST_BUILDS = 1000
"""Builds of one name that are listed, the newest; it keeps a bucket to some 100 kB."""

_BUILDS_IN_BUCKET = 250
_FEWEST_BUCKETS, _MOST_BUCKETS = 16, 4096
_WELL_KNOWN = [
    "jq",
    "ripgrep",
    "zstd",
    "fd-find",
    "bat",
    "fzf",
    "just",
    "python",
    "curl",
    "git",
    "make",
    "numpy",
]

Entry = dict[str, Any]
"""What a bucket says of one name, as JSON has it: the wire format itself, so not a class."""


@dataclass(frozen=True, slots=True)
class Build:
    """One record of one name; ``entered`` is when it came in, if that is known."""

    subdir: str
    filename: str
    record: Mapping[str, Any]
    entered: float | None


def bucket_count(builds: int) -> int:
    """How many buckets a channel of so many builds has: a power of four, so it changes rarely."""
    count = _FEWEST_BUCKETS
    while count < _MOST_BUCKETS and count * _BUILDS_IN_BUCKET < builds:
        count *= 4
    return count


def bucket_of(name: str, count: int) -> int:
    """The bucket of a name: FNV-1a of 32 bits, as ``search.js`` has it, modulo the count."""
    found = 0x811C9DC5
    for byte in name.encode():
        found = ((found ^ byte) * 0x01000193) & 0xFFFFFFFF
    return found % count


def digest(count: int, inputs: Iterable[tuple[str, ...]]) -> str:
    """The name of a bucket that is made of these inputs."""
    text = json.dumps([FORMAT, count, sorted(inputs)], ensure_ascii=False)
    return short_digest(text.encode())


def short_digest(data: bytes) -> str:
    """Enough of a hash to name a file by its content."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def entry(builds: Sequence[Build], summary: str) -> Entry:
    """What a bucket says of one name: its builds, newest version first."""
    versions = {_word(build.record.get("version")) for build in builds}
    order = {version: rank for rank, version in enumerate(sorted(versions, key=_by_age))}
    ordered = sorted(
        builds,
        key=lambda build: (
            -order[_word(build.record.get("version"))],
            -_number(build.record.get("build_number")),
            build.subdir,
            build.filename,
        ),
    )
    return {
        "summary": summary,
        "builds": [_row(build) for build in ordered[:MOST_BUILDS]],
        "more": max(len(ordered) - MOST_BUILDS, 0),
    }


def _by_age(version: str) -> tuple[bool, Version | str]:
    """The order of versions; what is none counts as older than any."""
    try:
        return True, version_order(version)
    except MalformedError:
        return False, version


def _row(build: Build) -> list[Any]:
    """version, build, subdir, ending, size, licence, built, came in (seconds, 0 if unknown)."""
    record = build.record
    ending = next((one for one in EXTENSIONS if build.filename.endswith(one)), "")
    return [
        _word(record.get("version")),
        _word(record.get("build")),
        build.subdir,
        ending,
        _number(record.get("size")),
        _word(record.get("license")),
        _moment(record.get("timestamp")),
        int(build.entered or 0),
    ]


def bucket(entries: Mapping[str, Entry]) -> bytes:
    """The bytes of a bucket."""
    return _json({"format": FORMAT, "names": dict(sorted(entries.items()))})


def names(buckets: Sequence[str], entries: Iterable[tuple[str, str, int]]) -> bytes:
    """The bytes of the names file: of each name its newest version and number of builds."""
    ordered = sorted(entries)
    return _json(
        {
            "format": FORMAT,
            "buckets": list(buckets),
            "names": [name for name, _, _ in ordered],
            "versions": [version for _, version, _ in ordered],
            "builds": [count for _, _, count in ordered],
        }
    )


def newest(found: Entry) -> tuple[str, int]:
    """A name's newest version, and how many builds it has."""
    builds = found["builds"]
    return (builds[0][0] if builds else "", len(builds) + found["more"])


def well_known(present: Container[str]) -> str | None:
    """A small tool that many know, for examples, if there is one."""
    return next((name for name in _WELL_KNOWN if name in present), None)


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"  # half a surrogate pair, which JSON can hold and UTF-8 can't
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: Any) -> int:
    """Seconds since the epoch; 0 for what no browser takes for a moment."""
    timestamp = _number(value)
    # Some old records are in seconds, all others in milliseconds.
    seconds = timestamp // 1000 if timestamp > 100_000_000_000 else timestamp
    return seconds if 0 < seconds <= _LAST_SECOND else 0


def _number(value: Any) -> int:
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
