"""The writer: an index from the committed records, without ``conda index``.

``conda index`` decodes and encodes every record several times, whatever has changed. Here records
are copied as the texts that they are, and only names of which anything changed since they were last
written are decoded. It writes what the engine would (``tests/engine/index/test_writer.py`` compares
every output), but for two pages for browsers, which would be too large for them.

Guaranteed: a name whose rows are unchanged keeps its shard, byte by byte. Nothing is noted for the
next run before ``Written.note``, which is called after verification.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexer.base.errors import RefusedRecordsError
from indexer.base.repodata import CHANNELDATA, REPODATA, RUN_EXPORTS, decode
from indexer.engines import envelope
from indexer.engines.complete import envelope_of, write, write_current
from indexer.engines.own import channeldata, current
from indexer.engines.own.oracle import Oracle, is_of_v3, packed, unpacked
from indexer.engines.revisions import Tally
from indexer.engines.sections import Sections, compacted
from indexer.generations import shards
from indexer.generations.generation import Draft
from indexer.records.known_names import Fingerprint, KnownAnswer, KnownEntry, KnownName, KnownNames
from indexer.records.listing import Listing
from indexer.records.rows import NAMELESS, Row, Rows
from volume.program.stop import Stop
from volume.sections import OLD_SECTIONS, V3_SECTIONS, WHEELS

log = logging.getLogger("indexer.engines.own.writer")

_RUN_EXPORTS_VERSION = 1
_CHECK_EVERY = 5000  # rows between two looks at whether to stop
_NOTHING = packed([])

Decoded = tuple[str, str, dict[str, Any], dict[str, Any]]
"""Section, filename, record and run_exports of a row."""


@dataclass(slots=True)
class Written:
    """What was written and is new, to be noted when it has been verified."""

    names: dict[str, list[KnownName]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    answers: dict[str, list[KnownAnswer]] = field(default_factory=dict)
    gone_answers: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    entries: list[KnownEntry] = field(default_factory=list)
    gone_entries: set[str] = field(default_factory=set)

    def note(self, known: KnownNames) -> None:
        """Remember it for the next run.

        Raises:
            VolumeError: the state volume refuses.
        """
        with known.transaction():
            for subdir, names in self.names.items():
                known.note(subdir, names, self.gone[subdir])
            for subdir, answers in self.answers.items():
                known.note_answers(subdir, answers, self.gone_answers[subdir])
            known.note_entries(self.entries, self.gone_entries)


@dataclass(slots=True)
class _Subdir:
    """One subdir while it is written: by name, its filenames and what is known of it.

    ``tally`` counts its records of revision 3.
    """

    subdir: str
    folder: Path
    filenames: dict[str, list[str]] = field(default_factory=dict)
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    names: dict[str, KnownName] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


class Writer:
    """Writes one draft."""

    def __init__(
        self, draft: Draft, listing: Listing, rows: Rows, known: KnownNames, stop: Stop
    ) -> None:
        self._draft = draft
        self._listing = listing
        self._rows = rows
        self._known = known
        self._stop = stop
        self._written = Written()
        self._refused: dict[tuple[str, str], str] = {}

    def write(self, now: float) -> Written:
        """Write everything that ``conda index`` would; ``now`` dates the shards' index.

        Raises:
            VolumeError: a volume refuses.
            StateError: the ledger is damaged.
            RefusedRecordsError: all records that no index can hold; write it without them.
        """
        created_at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = {subdir: self._write_subdir(subdir, created_at) for subdir in self._listing.subdirs}
        if self._refused:
            raise RefusedRecordsError(self._refused)
        self._write_channeldata(found)
        return self._written

    def _write_subdir(self, subdir: str, created_at: str) -> dict[str, KnownName]:
        self._stop.check()
        one = _Subdir(subdir, self._draft.folder / subdir)
        around = envelope_of(self._listing, self._rows, subdir)
        self._copy_records(one, around)
        self._write_shards(one, around, created_at)
        self._write_current(one, around)
        return one.names

    def _copy_records(self, one: _Subdir, around: dict[str, Any]) -> None:
        """``repodata.json`` and ``run_exports.json``, and which rows belong to which name."""
        repodata, exports = Sections(one.folder / REPODATA), Sections(one.folder / RUN_EXPORTS)
        exports_info = {"subdir": one.subdir, "version": _RUN_EXPORTS_VERSION}
        with (
            repodata.opened(lambda: envelope.frame(around, one.tally)),
            exports.opened(lambda: envelope.frame({"info": exports_info}, Tally())),
        ):
            for count, row in enumerate(self._rows.scan(one.subdir)):
                if count % _CHECK_EVERY == 0:
                    self._stop.check()
                if row.name is None:
                    self._refuse(one, row, NAMELESS)
                    continue
                try:
                    record, exported = compacted(row.record), compacted(row.run_exports)
                except ValueError as error:
                    self._refuse(one, row, error)
                    continue
                repodata.add(row.section, row.key, record)
                if row.is_v3:
                    one.tally.add(row.indexed)
                if (section := row.artifacts_section) is not None:
                    exports.add(section, row.filename, f'{{"run_exports":{exported}}}')
                if row.name not in one.filenames:
                    one.filenames[row.name] = []
                    one.fingerprints[row.name] = Fingerprint()
                listed = one.filenames[row.name]
                if not listed or listed[-1] != row.filename:
                    listed.append(row.filename)
                one.fingerprints[row.name].add(row)

    def _refuse(self, one: _Subdir, row: Row, why: object) -> None:
        self._refused[one.subdir, row.filename] = f"no index can hold its record: {why}"

    # -- by name ---------------------------------------------------------------------------------

    def _write_shards(self, one: _Subdir, around: dict[str, Any], created_at: str) -> None:
        before = {known.name: known for known in self._known.names(one.subdir)}
        present = shards.names(one.folder)
        fresh: list[KnownName] = []
        for name in sorted(one.filenames):
            known, fingerprint = before.get(name), one.fingerprints[name].digest()
            is_known = known is not None and known.fingerprint == fingerprint
            if known is None or not is_known or known.shard + shards.SUFFIX not in present:
                self._stop.check()
                known = self._write_name(one, name, fingerprint, present)
                fresh.append(known)
            one.names[name] = known
        digests = {name: known.shard for name, known in one.names.items()}
        info = envelope.info_of(around, one.tally)
        write(one.folder / shards.INDEX, shards.pack_index(info, digests, created_at))
        self._written.names[one.subdir] = fresh
        self._written.gone[one.subdir] = before.keys() - one.names.keys()

    def _write_name(
        self, one: _Subdir, name: str, fingerprint: bytes, present: set[str]
    ) -> KnownName:
        rows: list[Row] = []
        records: list[Decoded] = []
        for row in self._rows.get(one.subdir, one.filenames[name]):
            if row.name != name:
                continue  # its artifact's other record, which says another
            try:
                record, exported = decode(row.record), decode(row.run_exports)
            except ValueError as error:
                self._refuse(one, row, error)
                continue
            rows.append(row)
            records.append((row.section, row.filename, record, exported))
        digest, data = shards.pack(records)
        if digest + shards.SUFFIX not in present:
            write(one.folder / (digest + shards.SUFFIX), data)
        return KnownName(
            name=name,
            fingerprint=fingerprint,
            shard=digest,
            newest=_newest(records, OLD_SECTIONS),
            newest_v3=_newest(records, V3_SECTIONS.keys() - {WHEELS}),
            facts=_facts(rows, records),
        )

    # -- current_repodata.json -------------------------------------------------------------------

    def _write_current(self, one: _Subdir, around: dict[str, Any]) -> None:
        """What ``conda index`` chooses of the old sections, and by the same rule of revision 3."""
        oracles = {
            is_v3: Oracle(one.subdir, self._rows, one.filenames, one.names, self._stop, is_v3=is_v3)
            for is_v3 in (False, True)
        }
        for known in self._known.answers(one.subdir):
            oracles[is_of_v3(known)].remember(known)
        newest = {
            False: {name: known.newest for name, known in one.names.items()},
            True: {name: known.newest_v3 for name, known in one.names.items()},
        }
        chosen = {
            is_v3: current.choose(
                {name: unpacked(text) for name, text in newest[is_v3].items() if text != _NOTHING},
                oracle.ask,
                oracle.ask_older,
            )
            for is_v3, oracle in oracles.items()
        }
        self._written.answers[one.subdir] = [*oracles[False].fresh, *oracles[True].fresh]
        self._written.gone_answers[one.subdir] = {*oracles[False].gone, *oracles[True].gone}
        write_current(one.folder, self._rows, one.subdir, around, chosen)

    # -- channeldata.json ------------------------------------------------------------------------

    def _write_channeldata(self, found: dict[str, dict[str, KnownName]]) -> None:
        before = {known.name: known for known in self._known.entries()}
        entries: dict[str, str] = {}
        for name in sorted({name for names in found.values() for name in names}):
            by_subdir = {subdir: names[name] for subdir, names in found.items() if name in names}
            fingerprint = _joint_fingerprint(by_subdir)
            known = before.get(name)
            if known is None or known.fingerprint != fingerprint:
                facts = {subdir: json.loads(one.facts) for subdir, one in by_subdir.items()}
                entry = envelope.compact(channeldata.entry(facts))
                known = KnownEntry(name, fingerprint, entry)
                self._written.entries.append(known)
            if known.entry != "null":
                entries[name] = known.entry
        self._written.gone_entries = before.keys() - {
            name for names in found.values() for name in names
        }
        packages = ",".join(f"{json.dumps(name)}:{entry}" for name, entry in entries.items())
        head = f'{{"channeldata_version":{channeldata.VERSION},"packages":{{'
        tail = f'}},"subdirs":{envelope.compact(list(self._listing.subdirs))}}}\n'
        write(self._draft.folder / CHANNELDATA, f"{head}{packages}{tail}".encode())


def _newest(records: list[Decoded], sections: Container[str]) -> str:
    """The candidates for ``current_repodata.json``."""
    listed = [(filename, record) for section, filename, record, _ in records if section in sections]
    if not listed:
        return _NOTHING
    return packed(current.newest(current.ranked(current.candidates(listed))))


def _facts(rows: list[Row], records: list[Decoded]) -> str:
    """What its versions say for ``channeldata.json``: of an artifact with two records the first."""
    of_artifacts = {
        row.filename: (row, record, exported)
        for row, (_, _, record, exported) in zip(rows, records, strict=True)
        if not row.is_twin
    }
    listed = [(filename, record) for filename, (_, record, _) in of_artifacts.items()]
    told = (
        channeldata.facts(record, exported, map(json.loads, row.inside))
        for row, record, exported in map(
            of_artifacts.__getitem__, channeldata.newest_builds(listed)
        )
    )
    return json.dumps(list(told))


def _joint_fingerprint(by_subdir: dict[str, KnownName]) -> bytes:
    return b"".join(
        subdir.encode() + b"\0" + by_subdir[subdir].fingerprint for subdir in sorted(by_subdir)
    )
