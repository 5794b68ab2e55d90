"""A conda channel in memory: the upstream that tests publish to.

Guaranteed: what `document` returns for the index variants of a subdir agrees (one state of the
channel), changes within `editing` become visible together, equal content keeps its ETag, and
Last-Modified grows with every change by a clock that only changes move. Nothing is checked: records
may lie about their file, and names may be hostile; that is what tests need.
"""

import bz2
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

from tests.support.upstream.http_messages import Resource
from tests.support.upstream.packages import Package, Record, section_of
from tests.support.upstream.shards import sharded

CLOCK_START = 1_767_225_600  # 2026-01-01
CLOCK_STEP = 60
INDEX_VARIANTS = ("json", "zst", "bz2")


class Clock:
    """Time of the simulated upstream: it stands still until something is published."""

    def __init__(self) -> None:
        self.now = CLOCK_START

    def advance(self, seconds: int = CLOCK_STEP) -> int:
        self.now += seconds
        return self.now


@dataclass(slots=True)
class Subdir:
    """What one subdir publishes, and its rendered documents."""

    records: dict[str, dict[str, Record]] = field(
        default_factory=lambda: {"packages": {}, "packages.conda": {}}
    )
    v3: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Records of revision 3 (CEP 48) by extension, without its dot, and key."""
    info: dict[str, Any] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Resource] = field(default_factory=dict)
    run_exports: dict[str, Mapping[str, list[str]]] = field(default_factory=dict)
    changed: int = CLOCK_START
    rendered: dict[str, Resource] = field(default_factory=dict)


class Channel:
    """One channel of the simulated upstream; made by `ChannelSimulator.channel`."""

    def __init__(self, name: str, clock: Clock, lock: threading.RLock) -> None:
        self.name = name
        self.variants: set[str] = set(INDEX_VARIANTS)
        """Index variants that are served; the others are 404."""
        self.serves_run_exports = True
        self.serves_channeldata = True
        self.serves_shards = False
        self.shard_info: dict[str, Any] = {"base_url": "", "shards_base_url": "./shards/"}
        self.subdirs: dict[str, Subdir] = {"noarch": Subdir()}
        self._files: dict[str, Resource] = {}
        self._clock = clock
        self._lock = lock

    # -- changes ------------------------------------------------------------------------------

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Let several changes become visible to clients at once."""
        with self._lock:
            yield

    def publish(self, *packages: Package, revision: int = 1) -> None:
        """Add packages, or give a published name new bytes and a new record.

        With `revision=3` they are listed under `v3` alone.
        """
        with self._lock:
            for package in packages:
                subdir = self._changing(package.subdir)
                subdir.artifacts[package.filename] = memory_resource(package.data, self._clock.now)
                if revision == 3:
                    self.put_v3(package.subdir, package.filename, dict(package.record))
                else:
                    subdir.records[package.section][package.filename] = dict(package.record)
                subdir.run_exports[package.filename] = package.run_exports or {}
                if package.filename in subdir.removed:
                    subdir.removed.remove(package.filename)

    def remove(self, subdir: str, filename: str, *, keep_artifact: bool = False) -> None:
        """Take a record out of the index, and its artifact off the server."""
        with self._lock:
            state = self._changing(subdir)
            state.records[section_of(filename)].pop(filename, None)
            extension, key = v3_place(filename)
            state.v3.get(extension, {}).pop(key, None)
            state.removed.append(filename)
            if not keep_artifact:
                del state.artifacts[filename]

    def hotfix(self, subdir: str, filename: str, **changes: Any) -> None:
        """Change a published record and leave its artifact alone; None removes a field."""
        with self._lock:
            records = self._changing(subdir).records[section_of(filename)]
            merged = {**records[filename], **changes}
            records[filename] = {key: value for key, value in merged.items() if value is not None}

    def put_record(
        self, subdir: str, filename: str, record: Any, *, section: str | None = None
    ) -> None:
        """Publish a record of any shape under any name, with no artifact behind it."""
        with self._lock:
            records = self._changing(subdir).records
            records.setdefault(section or section_of(filename), {})[filename] = record

    def put_v3(self, subdir: str, filename: str, record: Any) -> None:
        """List an artifact, or what is none, under `v3` with a record of any shape."""
        extension, key = v3_place(filename)
        with self._lock:
            self._changing(subdir).v3.setdefault(extension, {})[key] = record

    def drop_v3(self, subdir: str, filename: str) -> None:
        """List an artifact under `v3` no more; what else lists it stays."""
        extension, key = v3_place(filename)
        with self._lock:
            del self._changing(subdir).v3[extension][key]

    def twin(self, subdir: str, filename: str, **changes: Any) -> None:
        """List an artifact under `v3` too, with changes to its record; None removes a field."""
        with self._lock:
            merged = {**self.subdirs[subdir].records[section_of(filename)][filename], **changes}
            record = {key: value for key, value in merged.items() if value is not None}
            self.put_v3(subdir, filename, record)

    def move_to_v3(self, subdir: str, filename: str) -> None:
        """List an artifact under `v3` alone, with the record that it has."""
        with self._lock:
            record = self._changing(subdir).records[section_of(filename)].pop(filename)
            self.put_v3(subdir, filename, record)

    def put_info(self, subdir: str, **keys: Any) -> None:
        """Say more in `info`, of repodata.json and of the shard index."""
        with self._lock:
            self._changing(subdir).info.update(keys)

    def put_artifact(self, subdir: str, filename: str, data: bytes) -> None:
        """Serve these bytes under this name, whatever the index says."""
        with self._lock:
            state = self._changing(subdir)
            state.artifacts[filename] = memory_resource(data, self._clock.now)

    def drop_artifact(self, subdir: str, filename: str) -> None:
        """Let the index go on naming a file that is 404."""
        with self._lock:
            del self.subdirs[subdir].artifacts[filename]

    def put_section(self, subdir: str, name: str, content: Any) -> None:
        """Add a top-level section to repodata.json, e.g. `v3`, or replace one."""
        with self._lock:
            self._changing(subdir).extra[name] = content

    def put_file(self, path: str, data: bytes) -> None:
        """Serve any file below the channel, e.g. notices.json, or in place of a document."""
        with self._lock:
            self._files[path] = memory_resource(data, self._clock.advance())

    def drop_file(self, path: str) -> None:
        """Serve no such file any more; a document that it took the place of is there again."""
        with self._lock:
            del self._files[path]

    # -- views --------------------------------------------------------------------------------

    def records(self, subdir: str) -> dict[str, Record]:
        """All published records of a subdir by file name: what a mirror has to serve."""
        with self._lock:
            state = self.subdirs[subdir]
            return {
                name: record
                for section in state.records.values()
                for name, record in section.items()
            }

    def listed(self, subdir: str) -> dict[tuple[str, str], Any]:
        """Every record of a subdir by its section and key: `("v3.conda", "a-1-0")`."""
        with self._lock:
            state = self.subdirs[subdir]
            sections = {**state.records, **{f"v3.{name}": all_ for name, all_ in state.v3.items()}}
            return {
                (section, key): record
                for section, records in sections.items()
                for key, record in records.items()
            }

    def artifact(self, subdir: str, filename: str) -> bytes:
        """The published bytes of an artifact."""
        body = self.subdirs[subdir].artifacts[filename].body
        assert isinstance(body, bytes)
        return body

    def document(self, path: str) -> Resource | None:
        """What the server has at this path below the channel."""
        with self._lock:
            if path in self._files:
                return self._files[path]
            if path == "channeldata.json" and self.serves_channeldata:
                changed = max(state.changed for state in self.subdirs.values())
                return memory_resource(dump(self._channeldata()), changed)
            subdir, _, filename = path.partition("/")
            state = self.subdirs.get(subdir)
            if state is None:
                return None
            if filename in state.artifacts:
                return state.artifacts[filename]
            if not state.rendered:
                state.rendered = self._render(subdir, state)
            return state.rendered.get(filename) if self._is_served(filename) else None

    # -- rendering ----------------------------------------------------------------------------

    def _changing(self, subdir: str) -> Subdir:
        state = self.subdirs.setdefault(subdir, Subdir())
        state.changed = self._clock.advance()
        state.rendered = {}
        return state

    def _is_served(self, filename: str) -> bool:
        if filename.startswith("run_exports.json"):
            return self.serves_run_exports
        if filename.endswith(".msgpack.zst"):
            return self.serves_shards
        return filename.removeprefix("repodata.").removeprefix("json.") in self.variants

    def _render(self, subdir: str, state: Subdir) -> dict[str, Resource]:
        v3 = {"v3": state.v3} if state.v3 else {}
        extra = {"info": info_of(subdir, state), **v3, **state.extra}
        repodata = dump(repodata_document(subdir, state.records, state.removed, extra))
        run_exports = dump(run_exports_document(subdir, state))
        bodies = {
            "repodata.json": repodata,
            "repodata.json.zst": compress_zst(repodata),
            "repodata.json.bz2": bz2.compress(repodata, 1),
            "run_exports.json": run_exports,
            "run_exports.json.zst": compress_zst(run_exports),
        }
        if self.serves_shards:
            info = {"created_at": str(state.changed), **self.shard_info, **info_of(subdir, state)}
            bodies |= sharded(info, state.records, state.v3, state.removed, state.run_exports)
        return {name: memory_resource(body, state.changed) for name, body in bodies.items()}

    def _channeldata(self) -> Record:
        packages: dict[str, Record] = {}
        for name, state in sorted(self.subdirs.items()):
            v3 = (section for section in state.v3.values() if isinstance(section, dict))
            for section in (*state.records.values(), *v3):
                for record in section.values():
                    if isinstance(record, dict) and "name" in record:
                        entry = packages.setdefault(record["name"], {"subdirs": []})
                        entry["subdirs"] = sorted({*entry["subdirs"], name})
                        entry["summary"] = f"{record['name']}, made for tests"
                        entry["version"] = record.get("version")
        return {"channeldata_version": 1, "packages": packages, "subdirs": sorted(self.subdirs)}


def v3_place(filename: str) -> tuple[str, str]:
    """The extension and the key under `v3` of what has this file name."""
    if filename.endswith(".tar.bz2"):
        return "tar.bz2", filename.removesuffix(".tar.bz2")
    key, _, extension = filename.rpartition(".")
    return extension, key


def info_of(subdir: str, state: Subdir) -> Record:
    """The `info` that repodata.json and the shard index have in common."""
    return {"subdir": subdir, **state.info}


def repodata_document(
    subdir: str,
    records: Mapping[str, Mapping[str, Record]],
    removed: list[str],
    extra: Mapping[str, Any],
) -> Record:
    """A repodata.json of upstream's shape."""
    return {
        "info": {"subdir": subdir},
        "packages": {},
        "packages.conda": {},
        **records,
        "removed": sorted(removed),
        "repodata_version": 1,
        **extra,
    }


def run_exports_document(subdir: str, state: Subdir) -> Record:
    """A run_exports.json (CEP 12): every record is named, with an empty entry if it has none."""
    document: Record = {"info": {"subdir": subdir, "version": 1}}
    for section in ("packages", "packages.conda"):
        document[section] = {
            filename: {"run_exports": dict(state.run_exports.get(filename, {}))}
            for filename in sorted(state.records[section])
        }
    if state.v3:
        document["v3"] = {
            extension: {
                key: {"run_exports": dict(state.run_exports.get(f"{key}.{extension}", {}))}
                for key in sorted(records)
            }
            for extension, records in state.v3.items()
            if isinstance(records, dict)  # else a test has put it there
        }
    return document


def dump(document: Record) -> bytes:
    """JSON as upstreams write it. Order is kept: a test may publish in any order."""
    return json.dumps(document, indent=1).encode()


def compress_zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def memory_resource(data: bytes, modified: int) -> Resource:
    """A resource with a strong ETag made from its content."""
    return Resource(data, len(data), f'"{hashlib.sha256(data).hexdigest()[:32]}"', modified)


def older(resource: Resource, *, seconds: int = 86_400) -> Resource:
    """The same document with an earlier Last-Modified."""
    return replace(resource, modified=resource.modified - seconds)
