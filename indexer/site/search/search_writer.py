"""Writes a channel's search data from its published generation.

Guaranteed: the names file and every bucket that it lists are on the volume before ``update``
returns, durably; a file never changes under its name. What a page may still refer to stays for a
day. The cost follows the change: a bucket is made anew only if a shard of one of its names changed.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.base.repodata import records_in
from indexer.generations import shards
from indexer.site.search import buckets
from indexer.site.search.buckets import Build, Entry
from volume.disk import files
from volume.generations import Generation
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger
from volume.sections import filename_of

log = logging.getLogger("indexer.site.search")

_DAY = 86400.0
_LONGEST_SUMMARY = 300
_OLDEST_KEPT = 20  # names files; an hour of busy publication is less


@dataclass(frozen=True, slots=True)
class Search:
    """One channel's search data: what it was made of, its names file, and what to show for it.

    ``left`` are names files that a page may still refer to, and since when they are old.
    """

    generation: int
    snapshot: str
    file: str
    names: int
    example: str | None
    left: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Shard:
    """Where a name's records are: the subdir, and the hash of its shard there."""

    subdir: str
    digest: str


class SearchWriter:
    """Writes the search data of one generation of one channel."""

    def __init__(
        self,
        mirror: Mirror,
        state: State,
        channel: str,
        generation: Generation,
        check: Callable[[], None],
    ) -> None:
        """``check`` is called now and then; what it raises ends the work."""
        self._generation = generation
        self._source = mirror.generation(channel, generation.number)
        self._target = mirror.search(channel)
        self._ledger_path = state.ledger(channel)
        self._check = check

    def update(self, previous: Search | None, *, now: float) -> Search:
        """Write what is missing, and remove what nobody can refer to any more.

        Raises:
            shards.MalformedShardError: the generation's shards can't be read.
            VolumeError: the mirror volume refuses.
            StateError: the ledger is damaged.
        """
        found = self._shards()
        summaries = self._summaries()
        builds = sum(published.artifacts for published in self._generation.subdirs.values())
        count = buckets.bucket_count(builds)
        members: list[list[str]] = [[] for _ in range(count)]
        for name in found:
            members[buckets.bucket_of(name, count)].append(name)
        files.make_directory(self._target)
        digests: list[str] = []
        has_written = False
        rows: list[tuple[str, str, int]] = []
        with contextlib.ExitStack() as stack:
            ledger = Ledger.read(self._ledger_path)
            if ledger is not None:
                stack.enter_context(ledger)
            for names in members:
                self._check()
                digest = buckets.digest(count, _inputs(names, found, summaries))
                entries = self._read(digest)
                if entries is None:
                    entries = {
                        name: self._entry(name, found[name], summaries.get(name, ""), ledger)
                        for name in names
                    }
                    path = self._target / _bucket_file(digest)
                    files.replace(path, buckets.bucket(entries), is_durable=False)
                    has_written = True
                digests.append(digest)
                rows += [(name, *buckets.newest(one)) for name, one in entries.items()]
        if has_written:
            files.sync_filesystem(self._target)  # one barrier for all of them
        data = buckets.names(digests, rows)
        file = f"names-{buckets.short_digest(data)}.json"
        if not (self._target / file).is_file():
            files.replace(self._target / file, data)
        left = _left(previous, file, now)
        self._sweep({file, *left})
        example = self._example(found)
        return Search(
            self._generation.number, self._generation.snapshot, file, len(rows), example, left
        )

    def _shards(self) -> dict[str, list[_Shard]]:
        """Every name of the generation."""
        found: dict[str, list[_Shard]] = {}
        for subdir in sorted(self._generation.subdirs):
            index = shards.read_index(self._source / subdir)
            for name, digest in index.shards.items():
                found.setdefault(name, []).append(_Shard(subdir, digest))
        return found

    def _summaries(self) -> dict[str, str]:
        """What upstream says that each package is, in a line."""
        try:
            document = json.loads((self._source / "channeldata.json").read_bytes())
            packages = document["packages"].items()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # older generations have none; the page does without
        return {
            name: " ".join(data["summary"].split())[:_LONGEST_SUMMARY]
            for name, data in packages
            if isinstance(data, dict) and isinstance(data.get("summary"), str)
        }

    def _read(self, digest: str) -> dict[str, Entry] | None:
        """A bucket that is there already; a damaged one counts as missing."""
        try:
            document = json.loads((self._target / _bucket_file(digest)).read_bytes())
            names: dict[str, Entry] = document["names"]
            for one in names.values():
                buckets.newest(one)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return names

    def _entry(
        self, name: str, places: Sequence[_Shard], summary: str, ledger: Ledger | None
    ) -> Entry:
        builds: list[Build] = []
        for place in places:
            for filename, record in self._records(place):
                known = ledger.artifact(place.subdir, filename) if ledger else None
                entered = known.entered if known else None
                builds.append(Build(place.subdir, filename, record, entered))
        return buckets.entry(builds, summary)

    def _records(self, place: _Shard) -> Iterable[tuple[str, Mapping[str, object]]]:
        """Artifacts by filename, each with one record: the first, if it has several."""
        shard = shards.read(self._source / place.subdir, place.digest, check_hash=False)
        found: dict[str, Mapping[str, object]] = {}
        for section, key, record in records_in(shard):
            found.setdefault(filename_of(section, key), record)
        return found.items()

    def _example(self, found: Mapping[str, Sequence[_Shard]]) -> str | None:
        """A package that most people can install from this channel alone."""
        usual = {name: [one for one in at if _is_usual(one.subdir)] for name, at in found.items()}
        places = {name: at for name, at in usual.items() if at} or found
        known = buckets.well_known(places)
        if known is not None:
            return known
        return next((name for name, at in sorted(places.items()) if self._is_standalone(at)), None)

    def _is_standalone(self, places: Sequence[_Shard]) -> bool:
        return all(
            str(need).startswith("__")
            for place in places
            for _, record in self._records(place)
            for need in _needs(record)
        )

    def _sweep(self, kept: set[str]) -> None:
        """Remove names files but these, and the buckets that none of them lists."""
        wanted = set(kept)
        for file in kept:
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                document = json.loads((self._target / file).read_bytes())
                wanted.update(map(_bucket_file, document["buckets"]))
        for path in sorted(self._target.iterdir()):
            if path.name not in wanted:
                files.unlink(path)


def _is_usual(subdir: str) -> bool:
    return subdir in {"linux-64", "noarch"}


def _needs(record: Mapping[str, object]) -> list[object]:
    found = record.get("depends")
    return found if isinstance(found, list) else []


def _inputs(
    names: Iterable[str], found: Mapping[str, Sequence[_Shard]], summaries: Mapping[str, str]
) -> Iterable[tuple[str, ...]]:
    for name in names:
        yield name, summaries.get(name, ""), *(f"{at.subdir}/{at.digest}" for at in found[name])


def _bucket_file(digest: object) -> str:
    return f"bucket-{digest}.json"


def _left(previous: Search | None, file: str, now: float) -> dict[str, float]:
    if previous is None:
        return {}
    left = {**previous.left, previous.file: now}
    left.pop(file, None)
    young = sorted(
        ((since, old) for old, since in left.items() if now - since < _DAY), reverse=True
    )
    return {old: since for since, old in young[:_OLDEST_KEPT]}


def is_complete(folder: Path, found: Search) -> bool:
    """Whether the names file is still there; nobody but us removes any."""
    return (folder / found.file).is_file()
