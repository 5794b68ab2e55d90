"""What can be fuzzed: a parser, what must hold of what it accepts, and its corpus."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.fuzz.mutation import HTML_TOKENS, JSON_TOKENS
from syncer.conda.repodata import Index, parse
from syncer.conda.shards import ShardIndex, assemble
from syncer.conda.wheel_record import with_wheels
from syncer.errors import IndexRejectedError, ListingRejectedError
from syncer.installers.changes import plan
from syncer.installers.installer_filter import InstallerFilter
from syncer.installers.listings import checksums, files_json, table
from syncer.installers.listings.listed import InstallerListing
from syncer.planning.plan import plan_subdir
from volume.installers import Installer
from volume.installers import files_json as text_of
from volume.names import check_installer_name, parse_artifact

_CORPORA = Path(__file__).resolve().parents[2] / "tests" / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One parser. ``exercise`` returns whether a document was accepted; any other exception than
    a rejection is a finding."""

    name: str
    exercise: Callable[[bytes], bool]
    tokens: Sequence[bytes]
    names: Sequence[str]

    @property
    def corpus(self) -> Path:
        return _CORPORA / self.name


def exercise_repodata(data: bytes) -> bool:
    """Read and plan a repodata.json, and the shard that holds the same."""
    try:
        index = parse(data, "linux-64")
    except IndexRejectedError:
        return False
    _check_index(index)
    _check_index(with_wheels(index))
    try:
        shard = msgspec.msgpack.encode(json.loads(data))
    except (ValueError, OverflowError, RecursionError):
        return True  # msgpack has no such value
    with contextlib.suppress(IndexRejectedError):
        made = assemble(ShardIndex({"subdir": "linux-64"}, {}), [("a", shard)], "here")
        _check_index(parse(made.repodata, "linux-64"))
    return True


def _check_index(index: Index) -> None:
    """Each artifact is listed once; what is wanted of it has all its records, or says why not."""
    plan = plan_subdir(index, {})
    entries = {entry.filename: entry for entry in index.entries}
    assert len(entries) == len(index.entries)
    named = {refused.filename for refused in plan.refused}
    for one in plan.new:
        parse_artifact(one.filename)
        entry = entries.pop(one.filename)
        kept = [text.encode() for text in (one.record, one.twin) if text is not None]
        assert kept == list(map(bytes, entry.records)) or one.filename in named
    assert entries.keys() <= named


def exercise_listing(data: bytes) -> bool:
    """Read a listing of installers in every way, plan from it, and check what came out."""
    accepted = False
    for read in (files_json.parse, table.parse):
        try:
            listing = read(data, "here")
        except ListingRejectedError:
            continue
        accepted = True
        _check(listing)
    try:
        checksums.parse(data, "Miniforge3-Linux-x86_64.sh", "here")
    except ListingRejectedError:
        return accepted
    return True


def _check(listing: InstallerListing) -> None:
    choice = InstallerFilter(("linux-64", "win-64", "osx-arm64"))
    planned = plan(listing, choice, {})
    names = [row.filename for row in listing.installers]
    assert len(set(names)) == len(names)
    for row in listing.installers:
        check_installer_name(row.filename)
        assert (row.sha256 or row.md5) and row.about >= 0
        assert row.sha256 is None or len(row.sha256) == 64
        # What is listed can be published again.
        installer = Installer(row.filename, "0" * 64, "0" * 32, row.size or 1, row.mtime or 0.0)
        text_of({row.filename: installer})
    wanted = {row.filename for group in planned.downloads for row in group}
    assert wanted <= set(names)


TARGETS = (
    Target(
        "repodata", exercise_repodata, JSON_TOKENS, ("a-1-0.conda", "a-1-0", "v3", "conda", "whl")
    ),
    Target("listing", exercise_listing, HTML_TOKENS, ("Miniconda3-latest-Linux-x86_64.sh",)),
)
