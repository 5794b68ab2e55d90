"""Verification of the shards: each one holds the committed records of its name, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from indexer.base.addresses import SHARDS_OWN
from indexer.base.errors import RefusedRecordsError
from indexer.base.repodata import Record
from indexer.generations import shards
from indexer.records.rows import TWO_NAMES, Row
from indexer.verify.check import Check, Names, difference
from indexer.verify.info_verification import RELATIONS, verify_shared
from indexer.verify.listed import listed
from volume.program.stop import Stop
from volume.sections import filename_of

_CHECK_EVERY = 500  # shards between two looks at whether to stop


def verify_shards(
    check: Check, subdir: str, names: Names, info: Mapping[str, Any], stop: Stop
) -> None:
    """Compare a subdir's shards with what is committed, and their index with an ``info``.

    Raises:
        VerificationError: naming the first thing that is wrong.
        RefusedRecordsError: there is a record that no index can hold.
    """
    try:
        index = shards.read_index(check.draft.folder / subdir)
        document = {**index.beside, "info": index.info}
        check.addresses(subdir, shards.INDEX, document, own=SHARDS_OWN, spared=RELATIONS)
        verify_shared(check, subdir, index.info, info)
        base = check.draft.base
        old = {} if base is None else shards.inodes(base / subdir)
        here = shards.inodes(check.draft.folder / subdir)
        proven = _proven(check, subdir, names)
        missing: list[str] = []
        extra: list[str] = []
        for count, (name, digest) in enumerate(index.shards.items()):
            if count % _CHECK_EVERY == 0:
                stop.check()
            filename = digest + shards.SUFFIX
            # The very file that is published was hashed when it was new.
            is_published = filename in old and here.get(filename) == old[filename]
            if is_published and digest == proven.get(name):
                continue
            folder = check.draft.folder / subdir
            shard = shards.read(folder, digest, check_hash=not is_published)
            _compare(check, subdir, name, shard, names, missing, extra)
    except shards.MalformedShardError as error:
        raise check.fail(subdir, str(error)) from error
    for name in names.filenames.keys() - index.shards.keys():
        missing += names.filenames[name]
    check.sets(subdir, shards.INDEX, missing, extra)


def _proven(check: Check, subdir: str, names: Names) -> dict[str, str]:
    """By name, the shard that was verified to hold rows with the fingerprint that they have now."""
    if check.known is None:
        return {}
    return {
        known.name: known.shard
        for known in check.known.names(subdir)
        if names.fingerprints.get(known.name) == known.fingerprint
    }


def _compare(
    check: Check,
    subdir: str,
    name: str,
    shard: dict[str, Any],
    names: Names,
    missing: list[str],
    extra: list[str],
) -> None:
    where = f"the shard of {name}"
    check.beside(subdir, where, shard)
    found = listed(check, subdir, where, shard)
    for one, record in found.items():
        if record.get("name") != name:
            _refuse_two_names(check, subdir, filename_of(*one))
            raise check.fail(subdir, f"the shard of {name} lists {filename_of(*one)}")
    for row in check.rows.get(subdir, names.filenames.get(name, ())):
        if row.name != name:
            continue  # its artifact's other record, which says another
        if (row.section, row.key) in found:
            _compare_record(check, subdir, row, found.pop((row.section, row.key)))
        else:
            missing.append(row.filename)
    extra += [filename_of(*one) for one in found]


def _refuse_two_names(check: Check, subdir: str, filename: str) -> None:
    """Leave out an artifact whose record says its name twice: who writes takes either.

    Raises:
        RefusedRecordsError: it is one.
    """
    for row in check.rows.get(subdir, [filename]):
        if json.loads(row.record).get("name") != row.name:
            reason = f"no index can hold its record: {TWO_NAMES}"
            raise RefusedRecordsError({(subdir, filename): reason})


def _compare_record(check: Check, subdir: str, row: Row, found: Record) -> None:
    record, run_exports = json.loads(row.record), json.loads(row.run_exports)
    if found == shards.packed(record, run_exports):
        return  # as nearly always: our own writer leaves no other way of saying it
    expected, plain = shards.read_back(record), shards.plain(found)
    if plain != expected:
        raise check.fail(subdir, f"shards: {difference(row.filename, expected, plain)}")
    if found.get("run_exports", {}) != (run_exports or {}):
        raise check.fail(
            subdir, f"shards: the run_exports of {row.filename} are not the known ones"
        )
