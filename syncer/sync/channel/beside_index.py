"""What an upstream publishes beside its records: run_exports, channeldata, notices, others.

Fetched only when an index changed, and optional: a channel without them is a channel. Kept for
what is committed only, and compared with what is kept one document after the other: of a large
channel only what differs is in memory until the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncer.artifacts.document_tables import Channeldata, RunExports, Table
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.conda import entries
from syncer.conda.entries import Difference
from syncer.errors import UpstreamError
from syncer.planning.survey import Survey
from syncer.upstream.channel_upstream import ChannelUpstream
from syncer.upstream.fetched import Fetched
from volume.ledger.artifact import Compared
from volume.ledger.schema import DOCUMENT, ROOT

# Documents that clients and people may read as they are: of a subdir, and of the channel (CEP 6).
_OF_SUBDIR = ("patch_instructions.json",)
_OF_CHANNEL = ("notices.json",)

# The digest of no document: what came with shards is compared in every run that changes something.
_SHARDS = "shards"


class BesideIndex:
    """Those of one channel: first ``fetch``, then ``commit`` under the channel lock."""

    def __init__(
        self, upstream: ChannelUpstream, ledger: LedgerWriter, warn: Callable[[str], None]
    ) -> None:
        self._upstream = upstream
        self._ledger = ledger
        self._warn = warn
        self._sections: dict[str, dict[str, str]] = {}
        self._compared: list[tuple[Table, str, Difference]] = []
        self._fetched: list[tuple[Fetched, str]] = []

    def fetch(self, survey: Survey) -> None:
        """Ask upstream for what belongs to its indexes. Failures are warnings.

        What is committed between this and ``commit`` must be of the survey's plans.
        """
        planned: list[str] = []
        for plan in survey.plans:
            index = survey.indexes.get(plan.subdir)
            if index is None:  # the subdir is not mirrored any more
                self._sections[plan.subdir] = {}
                continue
            self._sections[index.subdir] = index.other_keys | self._documents(
                index.subdir, _OF_SUBDIR
            )
            new = [artifact.filename for artifact in plan.new]
            planned += new
            table = RunExports(self._ledger, index.subdir, new)
            if not self._compare(table) and index.run_exports:
                self._compared.append((table, _SHARDS, table.compare_texts(index.run_exports)))
        self._sections[ROOT] = self._documents(ROOT, _OF_CHANNEL)
        self._compare(Channeldata(self._ledger, planned))

    def commit(self) -> None:
        """Take over what was fetched, as far as it belongs to committed artifacts.

        Raises:
            VolumeError: the state volume refused.
        """
        with self._ledger.transaction("documents"):
            changed = False
            for subdir, sections in self._sections.items():
                changed |= self._ledger.replace_other_keys(subdir, sections)
            for table, _, difference in self._compared:
                changed |= table.change(difference)
                if self._ledger.compared(table.key) is None:
                    changed |= table.sweep()
            if changed:
                self._ledger.raise_serial()
            for table, digest, _ in self._compared:
                self._ledger.set_compared(table.key, Compared(digest, self._ledger.serial))
        for fetched, name in self._fetched:
            self._upstream.remember(fetched, name)

    def _documents(self, subdir: str, filenames: Sequence[str]) -> dict[str, str]:
        """Documents as they are, by their key in the ledger; one that can't be had stays."""
        before = self._ledger.other_keys(subdir)
        kept: dict[str, str] = {}
        for filename in filenames:
            key = DOCUMENT + filename
            path = f"{subdir}/{filename}" if subdir else filename
            try:
                text = self._text(path)
            except (UpstreamError, ValueError, RecursionError) as error:
                self._warn(f"{path} can't be used, going on without a new one: {error}")
                text = before.get(key)
            if text is not None:
                kept[key] = text
        return kept

    def _text(self, path: str) -> str | None:
        """A JSON object as upstream wrote it, or None if it has none."""
        name = path.replace("/", ".")
        fetched = self._upstream.fetch_optional(path, name)
        if fetched is None:
            return None
        content = bytes(self._upstream.content(fetched, name))
        entries.check(content)
        self._fetched.append((fetched, name))
        return content.decode()

    def _compare(self, table: Table) -> bool:
        """Compare a table with its document; return whether upstream has one that can be used."""
        problem: Exception | None = None
        for path in table.variants:
            name = path.replace("/", ".")
            try:
                fetched = self._upstream.fetch_optional(path, name)
                if fetched is None:
                    continue
                difference: Difference = {}
                if not self._is_settled(table, fetched):
                    difference = table.compare(self._upstream.content(fetched, name))
            except (UpstreamError, ValueError, RecursionError) as error:
                problem = error
                continue
            if problem is not None:
                self._warn(f"{path} is read, because a smaller variant can't be: {problem}")
            self._compared.append((table, fetched.digest, difference))
            self._fetched.append((fetched, name))
            return True
        if problem is not None:
            self._warn(f"{table.variants[-1]} can't be used, going on without it: {problem}")
        return False

    def _is_settled(self, table: Table, fetched: Fetched) -> bool:
        """Whether the table says all that this document can say of what is and will be here."""
        before = self._ledger.compared(table.key)
        if before is None or before.digest != fetched.digest:
            return False
        return not table.lacks(before.serial)
