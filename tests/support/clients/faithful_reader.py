"""A client that believes nothing: reads everything a channel publishes and compares it.

Guaranteed: `read` returns only if every index variant of a subdir decodes to the same records (I2),
all read between two looks at an unchanged repodata.json; `check_artifact` fetches the bytes and
compares size and hash with the record (I1). Not guaranteed: that records are upstream's (I4):
compare `PublishedIndex.records` with them.
"""

import bz2
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
import zstandard

from tests.support.upstream.packages import Record

SECTIONS = ("packages", "packages.conda")
V3_PREFIX = "v3/"
ALL_VARIANTS = frozenset(
    (
        "repodata.json.zst",
        "repodata.json.bz2",
        "current_repodata.json",
        "repodata_shards.msgpack.zst",
        "run_exports.json",
        "run_exports.json.zst",
    )
)
READS_PER_INDEX = 50
SECONDS = 60


class Inconsistent(Exception):
    """Something published contradicts something else published."""


@dataclass(frozen=True, slots=True)
class PublishedIndex:
    """One subdir's index, as all its variants agree."""

    url: str
    etag: str
    repodata: Record
    run_exports: Record | None
    shard_names: Mapping[str, str]
    """Package name -> the hash of its shard; empty without a shard index."""

    @property
    def records(self) -> dict[str, Record]:
        """By filename; one of revision 3 by `v3/<filename>`."""
        return records_of(self.repodata)


@dataclass(slots=True)
class FaithfulReader:
    """Reads one mirror. Not for several threads at once."""

    base_url: str
    required: Collection[str] = ALL_VARIANTS
    """Variants that must be there; the others may be 404, never wrong."""
    reads: int = 0
    """Answers received so far."""
    session: requests.Session = field(default_factory=requests.Session)

    def read(self, channel: str, subdir: str) -> PublishedIndex:
        """Read all variants of a subdir's index.

        Raises:
            Inconsistent: they disagree, one is broken, or a required one is missing.
        """
        folder = f"{self.base_url}/{channel}/{subdir}/"
        for _ in range(READS_PER_INDEX):
            first = self._fetch(folder + "repodata.json")
            if first is None:
                raise Inconsistent(f"{folder}repodata.json is missing")
            etag = first.headers.get("ETag", "")
            problem: Inconsistent | None = None
            index: PublishedIndex | None = None
            try:
                index = self._read_variants(folder, etag, self._json(first.url, first.content))
            except Inconsistent as error:
                problem = error
            # A publication in between explains every difference: then look again.
            if not self._is_unchanged(folder, etag):
                continue
            if index is None:
                raise problem or AssertionError
            return index
        raise Inconsistent(f"{folder} changed during each of {READS_PER_INDEX} reads")

    def check_artifact(self, index: PublishedIndex, filename: str) -> bool:
        """Fetch an artifact and compare it with its record; False if the index has moved on.

        Raises:
            Inconsistent: it is missing or differs, and the index still lists it so.
        """
        record = index.records[filename]
        answer = self._fetch(urljoin(index.url, filename.removeprefix(V3_PREFIX)))
        problem = "is missing" if answer is None else difference(answer.content, record)
        if problem is None:
            return True
        if not self._is_unchanged(index.url, index.etag):
            return False
        raise Inconsistent(f"{index.url}{filename} {problem}")

    def check_artifacts(self, index: PublishedIndex) -> int:
        """Check every artifact of an index; returns how many."""
        return sum(self.check_artifact(index, filename) for filename in index.records)

    # -- one index ----------------------------------------------------------------------------

    def _read_variants(self, folder: str, etag: str, repodata: Record) -> PublishedIndex:
        self._refuse_absolute(folder, repodata.get("info", {}))
        for name, decode in (("repodata.json.zst", from_zst), ("repodata.json.bz2", from_bz2)):
            other = self._document(folder + name, decode)
            if other is not None and other != repodata:
                raise Inconsistent(
                    f"{folder}{name} differs: {describe(records_of(repodata), records_of(other))}"
                )
        self._check_current(folder, repodata)
        run_exports = self._read_run_exports(folder, repodata)
        shards = self._read_shards(folder, repodata, run_exports)
        return PublishedIndex(folder, etag, repodata, run_exports, shards)

    def _check_current(self, folder: str, repodata: Record) -> None:
        current = self._document(folder + "current_repodata.json", from_plain)
        if current is None:
            return
        records = records_of(repodata)
        for filename, record in records_of(current).items():
            if records.get(filename) != record:
                raise Inconsistent(f"{folder}current_repodata.json: {filename} differs")
        names = {record["name"] for record in records.values()}
        if {record["name"] for record in records_of(current).values()} != names:
            raise Inconsistent(f"{folder}current_repodata.json lacks a package name")

    def _read_run_exports(self, folder: str, repodata: Record) -> Record | None:
        plain = self._document(folder + "run_exports.json", from_plain)
        packed = self._document(folder + "run_exports.json.zst", from_zst)
        if plain is not None and packed is not None and plain != packed:
            raise Inconsistent(f"{folder}run_exports.json.zst differs from run_exports.json")
        found: Record | None = packed if plain is None else plain
        if found is not None:
            known = {name.removeprefix(V3_PREFIX) for name in records_of(repodata)}
            unknown = records_of(found).keys() - known
            if unknown:
                raise Inconsistent(f"{folder}run_exports.json has unknown {sorted(unknown)[:3]}")
        return found

    def _read_shards(
        self, folder: str, repodata: Record, run_exports: Record | None
    ) -> dict[str, str]:
        index = self._document(folder + "repodata_shards.msgpack.zst", from_msgpack)
        if index is None:
            return {}
        self._refuse_absolute(folder, index["info"])
        base = urljoin(folder, index["info"].get("shards_base_url", ""))
        collected: dict[str, Record] = {}
        exports = None if run_exports is None else records_of(run_exports)
        names = {}
        for name, digest in index["shards"].items():
            names[name] = digest.hex()
            url = f"{urljoin(base, digest.hex())}.msgpack.zst"
            answer = self._fetch(url)
            if answer is None:
                raise Inconsistent(f"the shard of {name} is missing: {url}")
            if hashlib.sha256(answer.content).digest() != digest:
                raise Inconsistent(f"the shard of {name} has another hash: {url}")
            for listed, packed in records_of(from_msgpack(answer.content)).items():
                record = record_of_shard(packed)
                if record["name"] != name:
                    raise Inconsistent(f"the shard of {name} lists {listed}: {url}")
                self._check_shard_run_exports(folder, listed, record, exports)
                collected[listed] = record
        expected = without_run_exports(records_of(repodata))
        if collected != expected:
            raise Inconsistent(f"{folder} shards differ: {describe(expected, collected)}")
        return names

    def _check_shard_run_exports(
        self, folder: str, listed: str, record: Record, exports: Mapping[str, Record] | None
    ) -> None:
        carried = record.pop("run_exports", None)
        if carried is None or exports is None:
            return
        filename = listed.removeprefix(V3_PREFIX)
        said = exports.get(filename, {}).get("run_exports", {})
        if carried != said:
            raise Inconsistent(f"{folder} run_exports of {filename}: {carried} != {said}")

    def _refuse_absolute(self, folder: str, info: Mapping[str, Any]) -> None:
        for name in ("base_url", "shards_base_url"):
            value = info.get(name) or ""
            if urlsplit(value).scheme or value.startswith("/"):
                raise Inconsistent(f"{folder} leads clients away: {name} is {value}")

    # -- fetching -----------------------------------------------------------------------------

    def _fetch(self, url: str) -> requests.Response | None:
        answer = self.session.get(url, headers={"Accept-Encoding": "identity"}, timeout=SECONDS)
        self.reads += 1
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise Inconsistent(f"{url} answers {answer.status_code}")
        return answer

    def _is_unchanged(self, folder: str, etag: str) -> bool:
        answer = self.session.get(
            folder + "repodata.json", headers={"If-None-Match": etag}, timeout=SECONDS
        )
        self.reads += 1
        return answer.status_code == 304

    def _document(self, url: str, decode: Callable[[bytes], Any]) -> Any:
        answer = self._fetch(url)
        if answer is None:
            if url.rpartition("/")[2] in self.required:
                raise Inconsistent(f"{url} is missing")
            return None
        try:
            return decode(answer.content)
        except (ValueError, OSError, zstandard.ZstdError) as error:
            raise Inconsistent(f"{url} can't be decoded: {error}") from error

    def _json(self, url: str, content: bytes) -> Record:
        try:
            return dict(json.loads(content))
        except ValueError as error:
            raise Inconsistent(f"{url} can't be decoded: {error}") from error


def records_of(document: Mapping[str, Any]) -> dict[str, Record]:
    """All records of a document with repodata's sections; `v3/<filename>` are of revision 3."""
    old = {
        filename: record
        for section in SECTIONS
        for filename, record in document.get(section, {}).items()
    }
    v3 = {
        f"{V3_PREFIX}{key}.{extension}": record
        for extension, records in document.get("v3", {}).items()
        for key, record in records.items()
    }
    return {**old, **v3}


def record_of_shard(packed: Record) -> Record:
    """A shard's record as repodata.json has it: hashes are bytes there, hex here (CEP 16)."""
    return {
        key: value.hex() if isinstance(value, bytes) else value for key, value in packed.items()
    }


def without_run_exports(records: Mapping[str, Record]) -> dict[str, Record]:
    """Records as far as repodata.json and shards have them in common (CEP 21)."""
    return {
        filename: {key: value for key, value in record.items() if key != "run_exports"}
        for filename, record in records.items()
    }


def difference(data: bytes, record: Record) -> str | None:
    """How bytes differ from their record, None if they don't."""
    if len(data) != record["size"]:
        return f"has {len(data)} bytes, its record says {record['size']}"
    algorithm = "sha256" if "sha256" in record else "md5"
    if hashlib.new(algorithm, data).hexdigest() != record[algorithm]:
        return f"has another {algorithm} than its record"
    return None


def describe(left: Mapping[str, Record], right: Mapping[str, Record]) -> str:
    """The first few file names whose records differ."""
    names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
    return f"{len(names)} records, e.g. {names[:3]}" if names else "other than in records"


def from_plain(data: bytes) -> Any:
    return json.loads(data)


def from_zst(data: bytes) -> Any:
    return json.loads(decompress_zst(data))


def from_bz2(data: bytes) -> Any:
    return json.loads(bz2.decompress(data))


def from_msgpack(data: bytes) -> Any:
    return msgspec.msgpack.decode(decompress_zst(data))


def decompress_zst(data: bytes) -> bytes:
    """Decompress whole frames, with or without a content size; refuse a cut one."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    plain = decompressor.decompress(data)
    if not decompressor.eof:
        raise zstandard.ZstdError("the stream ends early")
    return plain
