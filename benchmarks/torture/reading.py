"""What one faithful client checks, and what it excuses.

Guaranteed: an excuse is a fact, not a hope. Either the published link was swapped while the client
looked (its inode tells, also if it came back to the same generation), or the generation that the
client goes by is not kept any more (its document is gone).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests

from benchmarks.torture import person
from benchmarks.torture.keep_alive import Answer, KeepAlive
from benchmarks.torture.known import Known, record_key
from benchmarks.torture.upstream import DENIED, SUBDIRS
from tests.support.clients.faithful_reader import (
    FaithfulReader,
    Inconsistent,
    PublishedIndex,
    from_bz2,
    from_msgpack,
    from_plain,
    from_zst,
)
from volume.generations import number_of
from volume.layout import Mirror, State

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "repodata.json": from_plain, "repodata.json.zst": from_zst, "repodata.json.bz2": from_bz2,
    "current_repodata.json": from_plain, "repodata_shards.msgpack.zst": from_msgpack,
    "run_exports.json": from_plain, "run_exports.json.zst": from_zst,
}  # fmt: skip
# Words of FaithfulReader that a swap between two of its requests explains.
EXPLAINED = ("differs", "differ:", "has unknown", "run_exports of", "lacks a", "changed during")


@dataclass(frozen=True, slots=True)
class Seen:
    """An index that the client goes by: of which generation, and in which state of the link."""

    generation: int
    swap: object
    subdir: str
    index: PublishedIndex


@dataclass
class Client:
    """One client of one channel. ``report`` takes kind, place and fact of an inconsistency."""

    url: str
    mirror: Mirror
    state: State
    known: Known
    dice: random.Random
    report: Callable[[str, str, str], None]
    channel: str
    counts: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._http = KeepAlive(int(self.url.rpartition(":")[2]))
        self._seen: deque[Seen] = deque(maxlen=6)
        self._revisions: dict[int, tuple[int, str]] = {}
        self._moments: dict[tuple[str, str], object] = {}

    def turn(self) -> None:
        """Look at everything once."""
        seen = self._read_index(self.dice.choice(SUBDIRS))
        if seen is not None:
            self._seen.append(seen)
            for filename in self._some(seen.index, 10):
                self._check_artifact(seen, filename)
        for _ in range(6):
            if self._seen:
                older = self.dice.choice(self._seen)
                for filename in self._some(older.index, 1):
                    self._check_artifact(older, filename)
                    self._check_in_snapshot(older, filename)
        for _ in range(8):
            self._poll(self.dice.choice(SUBDIRS), self.dice.choice(list(DECODERS)))
        self._read_snapshot()

    # -- the published index -----------------------------------------------------------------

    def _read_index(self, subdir: str) -> Seen | None:
        before = self._swap()
        if before is None:
            return None  # nothing is published yet
        number = self._current()
        try:
            index = self._faithful(self.url, subdir)
        except Inconsistent as error:
            overtaken = self._swap() != before and any(word in str(error) for word in EXPLAINED)
            self._judge("overtaken" if overtaken else None, "I2", subdir, str(error))
            return None
        if number is None or self._swap() != before:
            self.excused["overtaken"] += 1
            return None
        self.counts["indexes"] += 1
        self._check_records(subdir, index)
        self._check_revision(number, subdir, index)
        return Seen(number, before, subdir, index)

    def _faithful(self, url: str, subdir: str) -> PublishedIndex:
        reader = FaithfulReader(url, session=cast(requests.Session, self._http))
        try:
            return reader.read(self.channel, subdir)
        finally:
            self.counts["reads"] += reader.reads

    def _check_records(self, subdir: str, index: PublishedIndex) -> None:
        for filename, record in index.records.items():
            if record["name"] == DENIED:
                self.report("policy", f"{index.url}{filename}", "it is denied, and listed")
            is_mine = self.channel == person.CHANNEL
            theirs = self._without_moment(filename, record) if is_mine else record
            if not self.known.has_record(f"{subdir}/{filename}", record_key(theirs)):
                self.report("I4", f"{index.url}{filename}", f"never upstream's record: {record}")

    def _without_moment(self, filename: str, record: dict[str, Any]) -> dict[str, Any]:
        """A hand-filled package's record as it was made, and since when it is there: for ever."""
        moment = record.get("indexed_timestamp")
        first = self._moments.setdefault((filename, record["sha256"]), moment)
        if not isinstance(moment, int) or moment != first:
            self.report("I4", filename, f"published since {first}, then since {moment}")
        return {key: value for key, value in record.items() if key != "indexed_timestamp"}

    def _check_revision(self, number: int, subdir: str, index: PublishedIndex) -> None:
        """One generation is one state of upstream, and a later one is none of an earlier time."""
        record = index.records.get("tick-1.0-0.conda")
        if record is None:
            return
        mine = (int(record["timestamp"]), index.etag)
        known = self._revisions.setdefault(number, mine)
        if known != mine:
            self.report("I2", index.url, f"generation {number} changed: {known} then {mine}")
        for other, (revision, _) in self._revisions.items():
            if (other < number and revision > mine[0]) or (other > number and revision < mine[0]):
                fact = f"generation {number} has revision {mine[0]}, {other} has {revision}"
                self.report("I6", index.url, fact)

    def _poll(self, subdir: str, name: str) -> None:
        if self._swap() is None:
            return
        url = f"{self.url}/{self.channel}/{subdir}/{name}"
        answer = self._get(url)
        if answer is None:
            return
        try:
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            DECODERS[name](answer.content)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not whole
            self.report("I3", url, f"{error!r} in {len(answer.content)} bytes")

    # -- artifacts ---------------------------------------------------------------------------

    def _check_artifact(self, seen: Seen, filename: str) -> None:
        """At the plain URL: the record's bytes; after a swap also newer ones; never nothing."""
        answer = self._get(f"{seen.index.url}{filename}")
        if answer is None:
            return
        record, excuse = seen.index.records[filename], None
        sha256 = hashlib.sha256(answer.content).hexdigest()
        if answer.status_code == 200 and sha256 == record["sha256"]:
            self.counts["artifacts"] += 1
            return
        if self._swap() != seen.swap:
            if answer.status_code == 404 and not self._is_kept(seen.generation):
                excuse = "expired"
            if answer.status_code == 404 and self.channel == person.CHANNEL:
                excuse = "taken away"  # a person's own deed; older generations serve it still
            if answer.status_code == 200 and self.known.has_bytes(
                f"{seen.subdir}/{filename}", sha256
            ):
                excuse = "replaced"
        fact = f"{answer.status_code}, sha256 {sha256}, {len(answer.content)} bytes; "
        fact += f"generation {seen.generation} lists {record['sha256']}, {record['size']} bytes"
        self._judge(excuse, "I1", f"{seen.index.url}{filename}", fact)

    def _check_in_snapshot(self, seen: Seen, filename: str) -> None:
        """At the snapshot's URL: the record's bytes, as long as the generation is kept."""
        time = self._snapshots().get(seen.generation)
        if time is not None:
            url = f"{self.url}/snapshots/{time}/{self.channel}/{seen.subdir}/{filename}"
            self._check_snapshot_artifact(seen.generation, url, seen.index.records[filename])

    def _check_snapshot_artifact(self, number: int, url: str, record: dict[str, Any]) -> None:
        answer = self._get(url)
        if answer is None:
            return
        sha256 = hashlib.sha256(answer.content).hexdigest()
        if answer.status_code == 200 and sha256 == record["sha256"]:
            self.counts["snapshot artifacts"] += 1
            return
        excuse = None if self._is_kept(number) else "not kept"
        fact = f"{answer.status_code}, sha256 {sha256}, {len(answer.content)} bytes;"
        fact += f" generation {number} lists {record['sha256']}"
        self._judge(excuse, "I1", url, fact)

    def _read_snapshot(self) -> None:
        """A kept generation's whole index, and some of its artifacts."""
        snapshots = self._snapshots()
        if not snapshots:
            return
        number, time = self.dice.choice(list(snapshots.items()))
        subdir = self.dice.choice(SUBDIRS)
        try:
            index = self._faithful(f"{self.url}/snapshots/{time}", subdir)
        except Inconsistent as error:
            excuse = None if self._is_kept(number) else "not kept"
            self._judge(excuse, "I2", f"snapshot {time}", str(error))
            return
        self.counts["snapshots"] += 1
        for filename in self._some(index, 4):
            url = f"{index.url}{filename}"
            self._check_snapshot_artifact(number, url, index.records[filename])

    # -- installers --------------------------------------------------------------------------

    def read_installer(self) -> None:
        """Of a listing some file is what the listing says, unless both were exchanged meanwhile."""
        folder = f"{self.url}/miniconda"
        for _ in range(3):
            listing = self._get(f"{folder}/.files.json")
            if listing is None or listing.status_code != 200:
                return  # nothing is published yet
            name, entry = self.dice.choice(sorted(json.loads(listing.content).items()))
            answer = self._get(f"{folder}/{name}")
            if answer is None:
                return
            sha256 = hashlib.sha256(answer.content).hexdigest()
            if answer.status_code == 200 and sha256 == entry["sha256"]:
                self.counts["installers"] += 1
                return
            again = self._get(f"{folder}/.files.json")
            if again is None or again.content == listing.content:
                fact = f"{answer.status_code}, sha256 {sha256}, listed {entry['sha256']}"
                self.report("I1", f"{folder}/{name}", fact)
                return
            self.excused["overtaken"] += 1

    # -- facts -------------------------------------------------------------------------------

    def _get(self, url: str) -> Answer | None:
        self.counts["reads"] += 1
        try:
            answer = self._http.get(url)
        except (OSError, http.client.HTTPException) as error:
            self.report("I3", url, f"{error!r}")
            self._http = KeepAlive(int(self.url.rpartition(":")[2]))
            return None
        if answer.status_code not in {200, 404}:
            self.report("I1", url, f"status {answer.status_code}")
        return answer

    def _judge(self, excuse: str | None, kind: str, where: str, fact: str) -> None:
        if excuse is None:
            self.report(kind, where, fact)
        else:
            self.excused[excuse] += 1

    def _some(self, index: PublishedIndex, most: int) -> list[str]:
        names = list(index.records)
        return self.dice.sample(names, min(most, len(names)))

    def _swap(self) -> object:
        """Which swap of the link is in force: every one makes a new link."""
        try:
            status = os.lstat(self.mirror.current(self.channel))
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_ctime_ns

    def _current(self) -> int | None:
        return number_of(self.mirror.current(self.channel).readlink().name)

    def _is_kept(self, number: int) -> bool:
        return self.mirror.generation_document(self.channel, number).exists()

    def _snapshots(self) -> dict[int, str]:
        found = {}
        try:
            for entry in os.scandir(self.mirror.snapshots(self.channel)):
                if not entry.name.startswith("."):
                    number = number_of(Path(entry.path).readlink().name)
                    if number is not None and self._is_kept(number):
                        found[number] = entry.name
        except FileNotFoundError:
            pass
        return found
