"""Verification: a generation is compared with what is committed before anybody sees it.

Guaranteed of a generation that passes: every record equals the committed one, field by field, in
``repodata.json``, in the shards and in ``current_repodata.json`` (a subset, where there is one);
compressed variants decode to the same bytes; every shard that is new has the hash in its name; no
address leads away from this mirror; every artifact that is new since the published generation is
there with its size.
Known differences of the shards, and no others: hashes are binary, ``run_exports`` is added
(CEP 21).
Not guaranteed: the artifacts' bytes, which the syncer verified when it staged them.
"""

from __future__ import annotations

import bz2
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from indexer import generation, shards
from indexer.complete import CHANNELDATA, CURRENT, REPODATA, RUN_EXPORTS, VARIANTS
from indexer.errors import VerificationError
from indexer.generation import Draft
from indexer.listing import Listing, Record, section_of
from volume.layout import Mirror
from volume.stop import Stop

_BLOCK = 1 << 20
_NAMED = 3  # names quoted in a message


@dataclass(frozen=True, slots=True)
class Check:
    """What is verified against what; artifacts committed up to ``serial`` were seen before."""

    mirror: Mirror
    draft: Draft
    listing: Listing
    serial: int

    def fail(self, subdir: str, fact: str) -> VerificationError:
        return VerificationError(self.draft.channel, subdir, fact)


def verify(check: Check, stop: Stop) -> None:
    """Compare a draft with what it must hold.

    Raises:
        VerificationError: naming the first thing that is wrong.
    """
    for subdir in check.listing.subdirs:
        stop.check()
        _verify_repodata(check, subdir)
        stop.check()
        _verify_shards(check, subdir)
        stop.check()
        _verify_run_exports(check, subdir)
        _verify_variants(check, subdir)
        _verify_artifacts(check, subdir)
    if not (check.draft.folder / CHANNELDATA).is_file():
        raise check.fail("noarch", f"{CHANNELDATA} is missing")


def _load(check: Check, subdir: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads((check.draft.folder / subdir / name).read_bytes())
    except (OSError, ValueError) as error:
        raise check.fail(subdir, f"{name} can't be read: {error}") from error
    if not isinstance(document, dict):
        raise check.fail(subdir, f"{name} is not an object")
    return document


def _verify_repodata(check: Check, subdir: str) -> None:
    repodata = _load(check, subdir, REPODATA)
    _verify_addresses(check, subdir, REPODATA, repodata.get("info", {}))
    sections: dict[str, dict[str, Record]] = {
        name: repodata[name] for name in ("packages", "packages.conda")
    }
    missing: list[str] = []
    extra = {filename for records in sections.values() for filename in records}
    for filename, expected in check.listing.decoded(subdir):
        found = sections[section_of(filename)].get(filename)
        if found is None:
            missing.append(filename)
        elif found != expected:
            raise check.fail(subdir, f"{REPODATA}: {_difference(filename, expected, found)}")
        extra.discard(filename)
    _verify_sets(check, subdir, REPODATA, missing, sorted(extra))
    if (check.draft.folder / subdir / CURRENT).exists():
        _verify_current(check, subdir, sections)


def _verify_current(check: Check, subdir: str, sections: dict[str, dict[str, Record]]) -> None:
    current = _load(check, subdir, CURRENT)
    _verify_addresses(check, subdir, CURRENT, current.get("info", {}))
    for name, records in sections.items():
        for filename, record in current[name].items():
            if records.get(filename) != record:
                raise check.fail(subdir, f"{CURRENT} has another record of {filename}")


def _verify_sets(
    check: Check, subdir: str, where: str, missing: list[str], extra: list[str]
) -> None:
    for fact, filenames in (("lacks", missing), ("lists without reason", extra)):
        if filenames:
            shown = ", ".join(sorted(filenames)[:_NAMED])
            raise check.fail(subdir, f"{where} {fact} {len(filenames)} artifacts, such as {shown}")


def _difference(filename: str, expected: Record, found: Record) -> str:
    fields = sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
    return f"the record of {filename} differs from the committed one in {', '.join(fields)}"


def _verify_addresses(check: Check, subdir: str, where: str, info: dict[str, Any]) -> None:
    if info.get("subdir") != subdir:
        raise check.fail(subdir, f"{where} says that it is of subdir {info.get('subdir')!r}")
    for key in ("base_url", "shards_base_url"):
        value = info.get(key, "")
        if not isinstance(value, str) or "://" in value or value.startswith("/"):
            raise check.fail(subdir, f"{where} leads clients elsewhere: {key} is {value!r}")


def _verify_shards(check: Check, subdir: str) -> None:
    folder = check.draft.folder / subdir
    old = set() if check.draft.base is None else shards.names(check.draft.base / subdir)
    try:
        index = shards.read_index(folder)
        _verify_addresses(check, subdir, shards.INDEX, index.info)
        found: dict[str, Record] = {}
        for name, digest in index.shards.items():
            # What is published was verified when it was new.
            is_new = f"{digest}{shards.SUFFIX}" not in old
            shard = shards.read(folder, digest, check_hash=is_new)
            for section in ("packages", "packages.conda"):
                for filename, record in shard.get(section, {}).items():
                    if record.get("name") != name or section != section_of(filename):
                        raise check.fail(subdir, f"the shard of {name} lists {filename}")
                    found[filename] = shards.plain(record)
    except shards.MalformedShardError as error:
        raise check.fail(subdir, str(error)) from error
    missing: list[str] = []
    for filename, expected in check.listing.decoded(subdir):
        record = found.pop(filename, None)
        if record is None:
            missing.append(filename)
        elif record != _in_lower_case(expected):
            raise check.fail(subdir, f"shards: {_difference(filename, expected, record)}")
    _verify_sets(check, subdir, shards.INDEX, missing, list(found))


def _in_lower_case(record: Record) -> Record:
    """As a record comes back from a shard: hashes in lower case, run_exports aside."""
    plain = {key: value for key, value in record.items() if key != "run_exports"}
    for key in ("sha256", "md5"):
        if isinstance(plain.get(key), str):
            plain[key] = plain[key].lower()
    return plain


def _verify_run_exports(check: Check, subdir: str) -> None:
    document = _load(check, subdir, RUN_EXPORTS)
    given = document["packages"].keys() | document["packages.conda"].keys()
    listed = {filename for filename, _ in check.listing.records(subdir)}
    _verify_sets(check, subdir, RUN_EXPORTS, sorted(listed - given), sorted(given - listed))


def _verify_variants(check: Check, subdir: str) -> None:
    for name, endings in VARIANTS.items():
        relative = f"{subdir}/{name}"
        if not (check.draft.folder / relative).exists():
            continue  # whether it may be absent was decided above
        for ending in endings:
            is_published = all(
                generation.is_published(check.draft, path) for path in (relative, relative + ending)
            )
            if not is_published:
                plain, packed = (
                    check.draft.folder / path for path in (relative, relative + ending)
                )
                _verify_variant(check, subdir, plain, packed)


def _verify_variant(check: Check, subdir: str, plain: Path, packed: Path) -> None:
    try:
        with plain.open("rb") as expected, packed.open("rb") as raw:
            reader = (
                zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=False)
                if packed.suffix == ".zst"
                else bz2.BZ2File(raw)
            )
            with reader:
                while block := expected.read(_BLOCK):
                    if _read_fully(reader, len(block)) != block:
                        raise check.fail(subdir, f"{packed.name} differs from {plain.name}")
                if reader.read(1):
                    raise check.fail(subdir, f"{packed.name} is longer than {plain.name}")
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise check.fail(subdir, f"{packed.name} can't be read: {error}") from error


def _read_fully(reader: Any, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := reader.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _verify_artifacts(check: Check, subdir: str) -> None:
    """Each artifact where a client's request ends: the generation first, then ``channels/``."""
    here = check.draft.folder / subdir
    there = check.mirror.artifacts(check.draft.channel, subdir)
    ledger = check.listing.ledger
    if ledger is not None:
        for artifact in ledger.artifacts(subdir, after_serial=check.serial):
            folder = here if artifact.home == "replaced" else there
            _verify_size(check, subdir, folder / artifact.filename, artifact.size)
    for local in check.listing.memory.accepted(subdir):
        _verify_size(check, subdir, here / local.file.filename, local.file.size)


def _verify_size(check: Check, subdir: str, path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise check.fail(
            subdir, f"{path.name} is committed but not in {path.parent} ({error.strerror})"
        ) from error
    if size != expected:
        raise check.fail(subdir, f"{path.name} has {size} bytes and its record says {expected}")
