"""Verification: a generation is compared with what is committed before anybody sees it.

Guaranteed of a generation that passes: every record equals the committed one, field by field, in
its section of ``repodata.json``, of the shards and of ``current_repodata.json`` (a subset), and
what ``info`` counts is what is there; run_exports are those that are known; compressed variants
decode to the same bytes; every shard that is new has the hash in its name; no address leads away
from this mirror; every artifact that is new since the published generation is there with its size.
Known differences of the shards, and no others: hashes are binary, ``run_exports`` is added
(CEP 21).
Its cost follows the change where what is unchanged is proven: a record by its text (``walk``), a
shard by being the published file itself, made of rows with the same fingerprint.
Not guaranteed: the artifacts' bytes, which the syncer verified when it staged them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.base.errors import RefusedRecordsError
from indexer.base.repodata import (
    CURRENT,
    REPODATA,
    RUN_EXPORTS,
    decode,
)
from indexer.engines.revisions import Tally
from indexer.records.known_names import Fingerprint
from indexer.records.rows import NAMELESS, Row
from indexer.verify.check import Check, Names, difference
from indexer.verify.info_verification import RELATIONS, verify_info
from indexer.verify.listed import listed
from indexer.verify.shard_verification import verify_shards
from indexer.verify.variant_verification import verify_variants
from indexer.verify.walk import Walk
from volume.program.stop import Stop
from volume.sections import filename_of

_CHECK_EVERY = 5000  # rows between two looks at whether to stop


def verify(check: Check, stop: Stop) -> None:
    """Compare a draft with what it must hold.

    Raises:
        VerificationError: naming the first thing that is wrong.
        RefusedRecordsError: there are records that no index can hold.
    """
    for subdir in check.listing.subdirs:
        stop.check()
        names, info = _verify_documents(check, subdir, stop)
        stop.check()
        verify_shards(check, subdir, names, info, stop)
        stop.check()
        _verify_current(check, subdir)
        _verify_artifacts(check, subdir)
    verify_variants(check, stop)
    check.channeldata()


def _verify_documents(check: Check, subdir: str, stop: Stop) -> tuple[Names, dict[str, Any]]:
    """``repodata.json``, whose ``info`` is returned too, and ``run_exports.json``.

    In one pass over what is committed.
    """
    folder = check.draft.folder / subdir
    tally = Tally()
    filenames: dict[str, list[str]] = {}
    fingerprints: dict[str, Fingerprint] = {}
    refused: dict[tuple[str, str], str] = {}
    with (
        _walking(check, subdir, folder / REPODATA) as repodata,
        _walking(check, subdir, folder / RUN_EXPORTS) as exports,
    ):
        for count, row in enumerate(check.rows.scan(subdir)):
            if count % _CHECK_EVERY == 0:
                stop.check()
            repodata.step(row.section, row.key, row.record)
            check.record_address(subdir, row)
            if row.is_v3:
                tally.add(row.indexed)
            if (section := row.artifacts_section) is not None:
                exports.step(section, row.filename, f'{{"run_exports":{row.run_exports}}}')
            problem = _problem(row) if check.known is None else None
            if row.name is None or problem is not None:
                refused[subdir, row.filename] = (
                    problem or f"no index can hold its record: {NAMELESS}"
                )
                continue
            if row.name not in filenames:
                filenames[row.name] = []
                fingerprints[row.name] = Fingerprint()
            of_name = filenames[row.name]
            if not of_name or of_name[-1] != row.filename:
                of_name.append(row.filename)
            fingerprints[row.name].add(row)
        if refused:
            raise RefusedRecordsError(refused)
        if repodata.has_arrived:
            info = repodata.head["info"]
            document = {**repodata.tail, **repodata.head}
            check.addresses(subdir, REPODATA, document, spared=RELATIONS)
        else:
            info = _verify_repodata(check, subdir)
        verify_info(check, subdir, REPODATA, info, tally)
        if exports.has_arrived:
            check.addresses(subdir, RUN_EXPORTS, {**exports.tail, **exports.head})
        else:
            _verify_run_exports(check, subdir)
    return Names(filenames, {name: one.digest() for name, one in fingerprints.items()}), info


def _problem(row: Row) -> str | None:
    """Why no index can hold a record, which our own writer found out when it wrote it."""
    try:
        decode(row.record)
        decode(row.run_exports)
    except ValueError as error:
        return f"no index can hold its record: {error}"
    return None


@contextlib.contextmanager
def _walking(check: Check, subdir: str, path: Path) -> Iterator[Walk]:
    try:
        walk = Walk(path, lambda found, expected: bool(found == expected))
    except (OSError, ValueError) as error:
        raise check.fail(subdir, f"{path.name} can't be read: {error}") from error
    with walk:
        yield walk


def _verify_repodata(check: Check, subdir: str) -> dict[str, Any]:
    """The same by decoding everything: for a document in another form, and to find the words."""
    repodata = check.load(subdir, REPODATA)
    check.addresses(subdir, REPODATA, repodata, spared=RELATIONS)
    found = listed(check, subdir, REPODATA, repodata)
    missing: list[str] = []
    for row in check.rows.scan(subdir):
        record = found.pop((row.section, row.key), None)
        if record is None:
            missing.append(row.filename)
        elif record != (expected := json.loads(row.record)):
            raise check.fail(subdir, f"{REPODATA}: {difference(row.filename, expected, record)}")
    check.sets(subdir, REPODATA, missing, [filename_of(*one) for one in found])
    return _info(check, subdir, REPODATA, repodata)


def _info(check: Check, subdir: str, where: str, document: dict[str, Any]) -> dict[str, Any]:
    info = document.get("info")
    if not isinstance(info, dict):
        raise check.fail(subdir, f"{where} has no info")
    return info


def _verify_run_exports(check: Check, subdir: str) -> None:
    document = check.load(subdir, RUN_EXPORTS)
    check.addresses(subdir, RUN_EXPORTS, document)
    given: dict[str, Any] = {**document["packages"], **document["packages.conda"]}
    missing: list[str] = []
    for row in check.rows.scan(subdir):
        if row.artifacts_section is None:
            continue
        if row.filename not in given:
            missing.append(row.filename)
        elif given.pop(row.filename) != {"run_exports": json.loads(row.run_exports) or {}}:
            raise check.fail(subdir, f"{RUN_EXPORTS} has others of {row.filename} than are known")
    check.sets(subdir, RUN_EXPORTS, missing, given)


def _verify_current(check: Check, subdir: str) -> None:
    current = check.load(subdir, CURRENT)
    info = _info(check, subdir, CURRENT, current)
    check.addresses(subdir, CURRENT, current, spared=RELATIONS)
    found, tally = listed(check, subdir, CURRENT, current), Tally()
    filenames = {filename_of(section, key) for section, key in found}
    rows = {(row.section, row.key): row for row in check.rows.get(subdir, filenames)}
    for one, record in found.items():
        if one not in rows or json.loads(rows[one].record) != record:
            raise check.fail(subdir, f"{CURRENT} has another record of {filename_of(*one)}")
        if rows[one].is_v3:
            tally.add(rows[one].indexed)
    verify_info(check, subdir, CURRENT, info, tally)


def _verify_artifacts(check: Check, subdir: str) -> None:
    """Each artifact where a client's request ends: the generation first, then ``channels/``."""
    here = check.draft.folder / subdir
    there = check.mirror.artifacts(check.draft.channel, subdir)
    for filename, size, home in check.rows.committed(subdir, after_serial=check.serial):
        folder = here if home == "replaced" else there
        _verify_size(check, subdir, folder / filename, size)
    for local in check.listing.cache.accepted(subdir):
        _verify_size(check, subdir, here / local.file.filename, local.file.size)


def _verify_size(check: Check, subdir: str, path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise check.fail(
            subdir,
            f"{path.name} is committed but not in {path.parent} ({error.strerror};"
            " 'syncer verify' fetches it again)",
        ) from error
    if size != expected:
        raise check.fail(subdir, f"{path.name} has {size} bytes and its record says {expected}")
