"""One kind of installers' part of a run: look, plan, download, publish, let go.

Guaranteed: what can't be had is left out and reported, the rest is published; nothing leaves unless
everything worked, and not before RETIRE_DAYS are over; a run that finds nothing new does no more
than ask. Bytes are verified while they arrive; their sha256 is recorded also where upstream lists
only an md5.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from syncer.errors import UpstreamError
from syncer.installers import last_seen, published
from syncer.installers.changes import Plan, check_rows, plan, totals
from syncer.installers.downloads import Downloaded, InstallerDownloads
from syncer.installers.installer_filter import InstallerFilter
from syncer.installers.last_seen import LastSeen
from syncer.installers.listings.listed import ListedInstaller
from syncer.installers.sources import FolderUpstream, Found, ReleaseUpstream, Upstream
from syncer.planning.guard import check_space
from syncer.planning.survey import free_space
from syncer.settings.settings import Settings
from syncer.sync.collections import publication
from syncer.sync.collections.publication import has_size
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from volume.collection import folder_of
from volume.errors import StateError
from volume.installers import Installer, read
from volume.run_document import Totals

_LOG = logging.getLogger(__name__)
_DAY = 86400.0


def filter_of(settings: Settings) -> InstallerFilter:
    """What the settings ask for."""
    return InstallerFilter(settings.subdirs, settings.installer_include, settings.installer_newest)


class InstallersSync:
    """Syncs one kind of installers."""

    def __init__(self, tools: Tools, kind: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._kind = kind
        self._allow_wipe = allow_wipe
        self._collection = tools.mirror.installers(kind)
        self._filter = filter_of(tools.settings)
        self._bases = tools.settings.installer_urls(kind)
        self._upstream: Upstream = (
            ReleaseUpstream(tools.fetch, self._bases, self._filter)
            if kind == "miniforge"
            else FolderUpstream(tools.fetch, self._bases)
        )
        self._staging = InstallerDownloads(tools, kind, self._bases)
        self._is_damaged = False
        self.result = ChannelResult(kind)

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            UpstreamError: the listing can't be had or trusted.
            GuardError, NoSpaceError: the run would be refused.
        """
        last = last_seen.read(self._tools.state, self._kind)
        present = self._present()
        found = self._upstream.listing(last.seen)
        planned = self._planned(found, present)
        self.result.plan = [totals(self._kind, planned, present, last.dropped)]
        self._report(planned, {})
        self._check(planned, found.rows, last.rows)
        return self.result.plan

    def run(self) -> ChannelResult:
        """Sync this kind.

        Raises:
            UpstreamError: the listing can't be had or trusted; nothing was changed.
            GuardError, NoSpaceError: the plan was refused; nothing was changed.
            VolumeError: a volume refused; what is published stays.
            InterruptedRunError: the run was stopped; what is published stays.
        """
        publication.sweep(self._collection)
        last = last_seen.read(self._tools.state, self._kind)
        present = self._present()
        is_settled = last.settled == self._inputs(present) and not self._is_damaged
        if is_settled and self._upstream.unchanged(last.seen):
            self.result.unchanged = True
            self._let_go(last, present)
        else:
            self._change(last, present)
        return self.result

    # -- looking ------------------------------------------------------------------------------

    def _present(self) -> dict[str, Installer]:
        """What is published and really there; what somebody removed is fetched again."""
        folder = folder_of(self._collection)
        try:
            listed = read(self._tools.mirror, self._kind)
        except StateError as error:
            self._warn(str(error))
            listed = published.hashed(self._collection)
            self._is_damaged = True
        found = {name: one for name, one in listed.items() if has_size(folder / name, one.size)}
        self._is_damaged = self._is_damaged or len(found) < len(listed)
        return found

    def _inputs(self, present: Mapping[str, Installer]) -> str:
        """Changes when the outcome of a clean run may, the listing itself apart."""
        published = sorted((one.filename, one.sha256) for one in present.values())
        text = f"{self._bases}\n{self._filter.fingerprint}\n{published}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _planned(self, found: Found, present: Mapping[str, Installer]) -> Plan:
        for refused in found.listing.refused:
            if not self._filter.wants(refused.filename):
                self._warn(f"{refused.filename}: {refused.reason}")
        return plan(found.listing, self._filter, present)

    def _check(self, planned: Plan, rows: int, before: int) -> None:
        settings = self._tools.settings
        if not self._allow_wipe:
            check_rows(self._kind, rows, before, settings.wipe_guard_percent)
        needed = self._staging.missing_size(planned.downloads)
        check_space(needed, free_space(self._tools.mirror), settings.min_free)

    def _due(self, last: LastSeen, unwanted: frozenset[str]) -> set[str]:
        """What has been unwanted for long enough to go."""
        oldest = self._tools.now() - self._tools.settings.retire_days * _DAY
        now = self._tools.now()
        return {name for name in unwanted if last.dropped.get(name, now) <= oldest}

    # -- changing -----------------------------------------------------------------------------

    def _change(self, last: LastSeen, present: dict[str, Installer]) -> None:
        found = self._upstream.listing(last.seen)
        planned = self._planned(found, present)
        self.result.plan = [totals(self._kind, planned, present, last.dropped)]
        self._tools.show_plan(self.result.plan)
        self._check(planned, found.rows, last.rows)
        downloaded = self._staging.download(planned.downloads)
        if downloaded.failures and self._has_moved(found):
            _LOG.info("%s: upstream changed meanwhile; looking again", self._kind)
            found = self._upstream.listing(found.seen)
            planned = self._planned(found, present)
            self._check(planned, found.rows, last.rows)
            downloaded = self._staging.download(planned.downloads)
        self._report(planned, downloaded.failures)
        last.seen, last.rows = found.seen, found.rows
        is_clean = not (downloaded.failures or planned.refused)
        if is_clean:
            self._drop(last, planned.unwanted)
        due = self._due(last, planned.unwanted) if is_clean else set()
        wanted, sources = self._next(planned, present, downloaded)
        wanted.update((name, present[name]) for name in planned.unwanted - due)
        self._publish(wanted, present, sources)
        self.result.downloaded = len(downloaded.sha256)
        self.result.downloaded_size = downloaded.size
        self.result.expired = len(due)
        last.settled = self._inputs(wanted) if is_clean else ""
        self._remember(last, wanted)
        unfinished = [self._staging.path(row) for row in downloaded.failures]
        publication.clear_staging(self._collection, unfinished)

    def _has_moved(self, found: Found) -> bool:
        """Whether upstream published since; then what is missing is no fault of its own."""
        try:
            return not self._upstream.unchanged(found.seen)
        except UpstreamError:
            return False

    def _report(self, planned: Plan, failures: Mapping[ListedInstaller, str]) -> None:
        for row, reason in failures.items():
            self.result.fail(row.filename, self._kind, reason, "other")
        for refused in planned.refused:
            self.result.fail(refused.filename, self._kind, refused.reason)

    def _next(
        self, planned: Plan, present: Mapping[str, Installer], downloaded: Downloaded
    ) -> tuple[dict[str, Installer], dict[str, Path]]:
        """What is to be published, and where bytes are that are not published under that name."""
        folder = folder_of(self._collection)
        wanted = {name: present[name] for name in planned.kept}
        sources: dict[str, Path] = {}
        for row, here in planned.linked:
            wanted[row.filename] = _named(present[here], row)
            sources[row.filename] = folder / here
        for group in planned.downloads:
            sha256 = downloaded.sha256.get(group[0].digest)
            if sha256 is None:  # what is here under these names stays, with its own hash
                names = [row.filename for row in group if row.filename in present]
                wanted.update((name, present[name]) for name in names)
                continue
            path = self._staging.path(group[0])
            first = published.describe(path, group[0].filename, sha256, group[0].mtime)
            for row in group:
                wanted[row.filename] = _named(first, row)
                sources[row.filename] = path
        return wanted, sources

    def _publish(
        self,
        wanted: Mapping[str, Installer],
        present: Mapping[str, Installer],
        sources: Mapping[str, Path],
    ) -> None:
        if wanted == present and not self._is_damaged:
            return
        folder = folder_of(self._collection)
        every = {name: sources.get(name, folder / name) for name in wanted}
        self.result.committed_serial = published.publish(
            self._collection, self._kind, wanted, every
        )
        _LOG.info("%s: published %d installers", self._kind, len(wanted))
        self._tools.checkpoint()

    # -- letting go ---------------------------------------------------------------------------

    def _drop(self, last: LastSeen, unwanted: frozenset[str]) -> None:
        """Note since when installers are not wanted, and forget it of those that are again."""
        now = self._tools.now()
        self.result.retired = len(unwanted - last.dropped.keys())
        last.dropped = {name: last.dropped.get(name, now) for name in sorted(unwanted)}

    def _let_go(self, last: LastSeen, present: dict[str, Installer]) -> None:
        """Upstream says nothing new; but time has passed."""
        due = self._due(last, frozenset(last.dropped) & present.keys())
        if due:
            left = {name: one for name, one in present.items() if name not in due}
            self._publish(left, present, {})
            self.result.unchanged = False
            self.result.expired = len(due)
            last.settled = self._inputs(left)
            self._remember(last, left)
        publication.clear_staging(self._collection)

    def _remember(self, last: LastSeen, wanted: Mapping[str, Installer]) -> None:
        last.dropped = {name: since for name, since in last.dropped.items() if name in wanted}
        last_seen.write(self._tools.state, self._kind, last)

    def _warn(self, warning: str) -> None:
        if warning not in self.result.warnings:
            self.result.warnings.append(warning)
            _LOG.debug("%s: %s", self._kind, warning)  # the outcome says it


def _named(installer: Installer, row: ListedInstaller) -> Installer:
    mtime = installer.mtime if row.mtime is None else row.mtime
    return replace(installer, filename=row.filename, mtime=mtime)
