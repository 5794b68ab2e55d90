"""The indexer over a mirror that was committed by hand, and what a client finds afterwards.

Guaranteed: everything is read from the published tree by code of its own, as nginx would serve it:
the generation first, then `channels/`.
"""

import bz2
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import zstandard

from indexer.base.repodata import records_in
from indexer.base.settings import Settings
from indexer.base.volumes import Volumes
from indexer.story.index import Outcome, index_channel
from tests.support.mirror.committed import CommittedMirror
from tests.support.upstream.packages import Record
from volume.layout import Mirror, State
from volume.program.stop import Stop
from volume.sections import filename_of

LATER = 3600.0
"""Added to the clock, so that files which a test has just written count as settled."""


def volumes(
    mirror: Mirror,
    state: State,
    conda: Path | str,
    *,
    keep_generations: int = 5,
    keep_shards_days: float = 7.0,
    engine: str = "auto",
    indexed_timestamp: str = "upstream",
    clock: Callable[[], float],
) -> Volumes:
    """What the indexer's functions take."""
    settings = Settings(
        keep_generations=keep_generations,
        keep_shards_days=keep_shards_days,
        poll_seconds=0.1,
        log_level="debug",
        log_format="text",
        mirror_dir=mirror.root,
        state_dir=state.root,
        index_engine=engine,
        indexed_timestamp=indexed_timestamp,
        conda_exe=str(conda),
    )
    return Volumes(mirror, state, settings, Stop(), clock)


@dataclass(frozen=True, slots=True)
class IndexedMirror:
    """A committed mirror and its indexer."""

    committed: CommittedMirror
    volumes: Volumes

    def index(self, *, later: float = 0.0, wait_seconds: float = 0.0) -> Outcome:
        """Index the channel; `later` moves the clock."""
        clock = self.volumes.clock
        moved = replace(self.volumes, clock=lambda: clock() + later)
        return index_channel(moved, self.committed.channel, wait_seconds=wait_seconds)

    @property
    def current(self) -> Path:
        """The published generation's folder."""
        return self.committed.current.resolve()

    def repodata(self, subdir: str, name: str = "repodata.json") -> dict[str, Any]:
        """One decoded index document."""
        data = (self.current / subdir / name).read_bytes()
        if name.endswith(".zst"):
            data = unpack(data)
        elif name.endswith(".bz2"):
            data = bz2.decompress(data)
        document: dict[str, Any] = json.loads(data)
        return document

    def records(self, subdir: str, name: str = "repodata.json") -> dict[str, Record]:
        """All records of one variant."""
        document = self.repodata(subdir, name)
        return {**document["packages"], **document["packages.conda"]}

    def shards(self, subdir: str) -> dict[str, Record]:
        """All records in the shards, hashes in hex, with run_exports."""
        folder = self.current / subdir
        index = msgpack.unpackb(unpack((folder / "repodata_shards.msgpack.zst").read_bytes()))
        found: dict[str, Record] = {}
        for digest in index["shards"].values():
            data = (folder / f"{digest.hex()}.msgpack.zst").read_bytes()
            assert hashlib.sha256(data).digest() == digest
            shard = msgpack.unpackb(unpack(data))
            for section in ("packages", "packages.conda"):
                for filename, record in shard[section].items():
                    hashes = {key: record[key].hex() for key in ("sha256", "md5") if key in record}
                    found[filename] = {**record, **hashes}
        return found

    def artifact(self, subdir: str, filename: str) -> bytes:
        """The bytes that a client gets under an artifact's URL."""
        return served(self.committed, self.current, subdir, filename).read_bytes()

    def check_artifacts(self) -> int:
        """I1: every published record resolves to its bytes. Returns how many there are."""
        return check_artifacts(self.committed, self.current)


def served(committed: CommittedMirror, generation: Path, subdir: str, filename: str) -> Path:
    """Where nginx finds an artifact."""
    mirror, channel = committed.mirror, committed.channel
    for folder in (
        generation / subdir,
        mirror.artifacts(channel, subdir),
        mirror.retired(channel, subdir),
    ):
        if (folder / filename).exists():
            return folder / filename
    raise FileNotFoundError(filename)


def check_artifacts(committed: CommittedMirror, generation: Path) -> int:
    """Compare every artifact that a generation lists with its record."""
    count = 0
    for path in sorted(generation.glob("*/repodata.json")):
        document = json.loads(path.read_bytes())
        for section, key, record in records_in(document):
            filename = filename_of(section, key)
            data = served(committed, generation, path.parent.name, filename).read_bytes()
            assert len(data) == record["size"], filename
            assert hashlib.sha256(data).hexdigest() == record["sha256"], filename
            count += 1
    return count


def unpack(data: bytes) -> bytes:
    """Decode zstandard."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)
