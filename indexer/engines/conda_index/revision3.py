"""Records of revision 3, added to what ``conda index`` wrote (CEP 48).

conda-index 0.13 writes either the old sections or, by an option that is experimental, revision 3
with *all* records in it. So it is shown what the old sections list, and the records of revision 3
are added here as they are. Tested for equality with our own writer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from indexer.base.repodata import decode
from indexer.engines import envelope
from indexer.engines.complete import write
from indexer.engines.own import channeldata, current
from indexer.engines.own.current import CurrentCandidate
from indexer.engines.revisions import Tally
from indexer.engines.sections import compacted
from indexer.generations import shards
from indexer.generations.generation import Draft
from indexer.records.rows import Row, Rows
from volume.sections import V3_SECTIONS, WHEELS


class Revision3:
    """Revision 3 of one subdir; all of its records are in memory."""

    def __init__(self, rows: Rows, subdir: str) -> None:
        self._rows = rows
        self._subdir = subdir
        self._records = list(rows.of_v3(subdir))
        self.tally = Tally()
        for row in self._records:
            self.tally.add(row.indexed)

    def sections(self) -> tuple[bytes, ...]:
        """The records of each section as a document has them; none if there is no record.

        Raises:
            ValueError: no index can hold one.
        """
        if not self._records:
            return ()
        return tuple(
            ",".join(
                f"{json.dumps(row.key)}:{compacted(row.record)}"
                for row in self._records
                if row.section == section
            ).encode()
            for section in envelope.ORDER
            if section in V3_SECTIONS
        )

    def current(self) -> set[str]:
        """The filenames of those that ``current_repodata.json`` lists.

        Raises:
            ValueError: no index can hold one.
        """
        groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for row in self._records:
            if row.section == WHEELS:
                continue  # who takes wheels reads all
            groups.setdefault(row.name or "", []).append((row.filename, decode(row.record)))
        ranked: dict[str, list[CurrentCandidate]] = {
            name: current.ranked(current.candidates(group)) for name, group in groups.items()
        }
        newest = {name: current.newest(group) for name, group in ranked.items() if group}
        return current.choose(
            newest,
            lambda name, text: current.answer(ranked[name], text),
            lambda name, version: current.featureless(ranked[name], version),
        )

    def add_run_exports(self, path: Path) -> None:
        """Add those of artifacts that conda-index was not shown, by filename (CEP 12).

        Raises:
            ValueError: no index can hold them.
        """
        unseen = [
            (section, row)
            for row in self._records
            if (section := row.artifacts_section) is not None
        ]
        if not unseen:
            return
        document = json.loads(path.read_bytes())
        for section, row in unseen:
            document[section][row.filename] = {"run_exports": decode(row.run_exports)}
        write(path, envelope.compact(document).encode())

    def add_shards(self, draft: Draft, folder: Path, info: Mapping[str, Any]) -> None:
        """Write the shards of these names anew, with all of their records, and the index.

        Args:
            info: that of the subdir's repodata.json.

        Raises:
            ValueError: no index can hold one.
        """
        if not self._records and shards.SHARED.isdisjoint(info):
            return
        index = shards.read_index(folder)
        digests = dict(index.shards)
        by_name: dict[str, list[str]] = {row.name: [] for row in self._records if row.name}
        for row in self._rows.scan(self._subdir):
            if row.name in by_name and by_name[row.name][-1:] != [row.filename]:
                by_name[row.name].append(row.filename)
        for name, filenames in by_name.items():
            rows = (row for row in self._rows.get(self._subdir, filenames) if row.name == name)
            digest, data = shards.pack(
                (row.section, row.filename, decode(row.record), decode(row.run_exports))
                for row in rows
            )
            if name in digests and digests[name] != digest:
                _forget(draft, folder / (digests[name] + shards.SUFFIX))
            if not (folder / (digest + shards.SUFFIX)).exists():
                write(folder / (digest + shards.SUFFIX), data)
            digests[name] = digest
        created_at = str(index.info["created_at"])
        named = dict(sorted(digests.items()))
        write(folder / shards.INDEX, shards.pack_index(info, named, created_at))


def _forget(draft: Draft, shard: Path) -> None:
    """Remove a shard that the engine wrote for nobody; one that is published stays."""
    published = draft.base / shard.relative_to(draft.folder) if draft.base is not None else None
    if published is None or not published.exists():
        shard.unlink(missing_ok=True)


def add_channeldata(path: Path, rows: Rows, subdirs: Iterable[str]) -> None:
    """Let artifacts that conda-index was not shown speak for their names too.

    Raises:
        ValueError: no index can hold a record.
    """
    subdirs = list(subdirs)
    names = {row.name for subdir in subdirs for row in rows.of_v3(subdir) if not row.is_twin}
    if not names:
        return
    told: dict[str, dict[str, list[channeldata.Facts]]] = {}
    for subdir in subdirs:
        by_name: dict[str, dict[str, Row]] = {}
        for row in rows.scan(subdir):
            if row.name in names and row.name is not None and not row.is_twin:
                by_name.setdefault(row.name, {})[row.filename] = row
        for name, found in by_name.items():
            told.setdefault(name, {})[subdir] = _facts(found)
    document = json.loads(path.read_bytes())
    for name, by_subdir in told.items():
        entry = channeldata.entry(by_subdir)
        if entry is not None:
            document["packages"][name] = entry
    write(path, (envelope.compact(document) + "\n").encode())


def _facts(found: dict[str, Row]) -> list[channeldata.Facts]:
    records = {filename: decode(row.record) for filename, row in found.items()}
    return [
        channeldata.facts(
            records[filename],
            decode(found[filename].run_exports),
            map(json.loads, found[filename].inside),
        )
        for filename in channeldata.newest_builds(records.items())
    ]
