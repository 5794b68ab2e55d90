"""The wheels' part of a run: what lock files name, plan, download, publish, let go.

Guaranteed: what can't be had is left out and reported, the rest is published; what no lock file
names any more leaves the index after a run in which everything worked, and the mirror RETIRE_DAYS
later; a run that finds nothing new asks nobody. Bytes are verified while they arrive.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from syncer.errors import UpstreamError
from syncer.planning.guard import check_space
from syncer.planning.survey import free_space
from syncer.sync.collections import publication
from syncer.sync.collections.downloads import ToFetch, download
from syncer.sync.collections.publication import has_size
from syncer.sync.run import ChannelResult
from syncer.sync.tools import Tools
from syncer.transport.fetch import Delivered, Expected
from syncer.wheels import changes, published
from syncer.wheels.changes import SUBDIR, AskedWheels, Plan, WantedWheel
from volume.collection import folder_of
from volume.disk.files import size_of
from volume.errors import StateError, VolumeError
from volume.layout import staged_name
from volume.limits import WHEEL_SIZE
from volume.program.sizes import amount
from volume.run_document import Totals
from volume.wheels import Wheel, read

_LOG = logging.getLogger(__name__)
_DAY = 86400.0


class WheelsSync:
    """Syncs what lock files name of a Python package index."""

    def __init__(self, tools: Tools, name: str, *, allow_wipe: bool = False) -> None:
        self._tools = tools
        self._name = name
        self._allow_wipe = allow_wipe
        self._collection = tools.mirror.wheels
        self._is_damaged = False
        self.result = ChannelResult(name)

    def preview(self) -> list[Totals]:
        """What a run would do; nothing is changed.

        Raises:
            GuardError, NoSpaceError: the run would be refused.
        """
        asked, plan = self._planned(self._present())
        sizes = self._sizes(plan)
        self.result.plan = [changes.totals(asked, plan, sizes)]
        self._report(asked, {})
        self._check(plan, sizes)
        return self.result.plan

    def run(self) -> ChannelResult:
        """Sync the wheels.

        Raises:
            GuardError, NoSpaceError: the plan was refused; nothing was changed.
            VolumeError: a volume refused; what is published stays.
            InterruptedRunError: the run was stopped; what is published stays.
        """
        publication.sweep(self._collection)
        present = self._present()
        asked, plan = self._planned(present)
        sizes = self._sizes(plan)
        self.result.plan = [changes.totals(asked, plan, sizes)]
        if plan.downloads or plan.linked or plan.retired:
            self._tools.show_plan(self.result.plan)
        self._check(plan, sizes)
        came = self._download(plan, sizes)
        failed = {one: result for one, result in came.items() if not isinstance(result, Delivered)}
        self._report(
            asked,
            {
                one: failed[group[0]]
                for group in plan.downloads
                if group[0] in failed
                for one in group
            },
        )
        fresh: dict[str, Path] = {}
        wanted = {one.path: one for one in plan.kept}
        for one, bytes_of in plan.linked:
            self._add(wanted, fresh, one, folder_of(self._collection) / bytes_of.path)
        for group in plan.downloads:
            if group[0] not in failed:
                for one in group:
                    self._add(wanted, fresh, one, self._staged(group[0]))
        wanted.update((one.path, one) for one in self._unwanted(plan, is_clean=not failed))
        is_new = self._publish(wanted, present, fresh)
        self.result.unchanged = not is_new and not failed
        self.result.downloaded = len(came) - len(failed)
        self.result.downloaded_size = sum(
            result.size for result in came.values() if isinstance(result, Delivered)
        )
        publication.clear_staging(self._collection, [self._staged(one) for one in failed])
        return self.result

    # -- looking ------------------------------------------------------------------------------

    def _present(self) -> dict[str, Wheel]:
        """What is published and really there; what somebody removed is fetched again."""
        folder = folder_of(self._collection)
        try:
            listed = read(self._tools.mirror)
        except StateError as error:
            self._warn(str(error))
            listed = published.hashed(self._collection)
            self._is_damaged = True
        found = {path: one for path, one in listed.items() if has_size(folder / path, one.size)}
        self._is_damaged = (
            self._is_damaged
            or len(found) < len(listed)
            or not all(
                size_of(folder / one.metadata_path) for one in found.values() if one.metadata
            )
        )
        return found

    def _planned(self, present: Mapping[str, Wheel]) -> tuple[AskedWheels, Plan]:
        asked = changes.asked(
            request for one in self._tools.selections.requested for request in one.requests
        )
        return asked, changes.plan(asked.wanted, present)

    def _sizes(self, plan: Plan) -> dict[str, int]:
        """About how many bytes each download has, by sha256, as far as anybody says.

        Lock files seldom say it, so servers are asked: for the plan and the disk's sake only.
        """
        first = [group[0] for group in plan.downloads]
        sizes = {one.sha256: one.size for one in first if one.size is not None}
        unknown = [one for one in first if one.sha256 not in sizes]
        if unknown:
            workers = self._tools.fetch.workers(self._tools.settings.connections)
            for outcome in workers.run(unknown, self._length):
                if outcome is not None and outcome[1] is not None:
                    sizes[outcome[0].sha256] = min(outcome[1], WHEEL_SIZE)
        return sizes

    def _length(self, one: WantedWheel) -> tuple[WantedWheel, int | None]:
        try:
            return one, self._tools.fetch.length(one.urls[0])
        except UpstreamError:
            return one, None  # the download says what is wrong

    def _check(self, plan: Plan, sizes: Mapping[str, int]) -> None:
        settings = self._tools.settings
        if not self._allow_wipe:
            changes.check_wipe(plan, settings.wipe_guard_percent)
        # Of a download that nobody knows the size of, the first byte must fit at least.
        needed = sum(max(1, self._to_fetch(group[0], sizes).missing) for group in plan.downloads)
        check_space(needed, free_space(self._tools.mirror), settings.min_free)

    # -- changing -----------------------------------------------------------------------------

    def _staged(self, one: WantedWheel) -> Path:
        return self._collection.staging / staged_name(one.filename, bytes.fromhex(one.sha256))

    def _to_fetch(self, one: WantedWheel, sizes: Mapping[str, int]) -> ToFetch:
        return ToFetch(
            one.urls,
            Expected(one.filename, sha256=one.sha256, largest=WHEEL_SIZE, is_small=False),
            self._staged(one),
            sizes.get(one.sha256, 0),
        )

    def _download(
        self, plan: Plan, sizes: Mapping[str, int]
    ) -> dict[WantedWheel, Delivered | UpstreamError]:
        wanted = {self._staged(group[0]): group[0] for group in plan.downloads}
        came = download(
            self._tools,
            self._name,
            [self._to_fetch(one, sizes) for one in wanted.values()],
            check=self._watch,
        )
        return {wanted[path]: result for path, result in came.items()}

    def _watch(self) -> None:
        """See that MIN_FREE stays free, whatever servers said of sizes.

        Raises:
            VolumeError: it does not.
        """
        free, reserve = free_space(self._tools.mirror), self._tools.settings.min_free
        if free < reserve:
            raise VolumeError(
                f"{self._name}: wheels turned out larger than their servers said: the mirror volume"
                f" has {amount(free)} left, and {amount(reserve)} must stay free (MIN_FREE). What"
                " came is gone on from by the next sync; free space, or lock less"
            )

    def _add(
        self, wanted: dict[str, Wheel], fresh: dict[str, Path], one: WantedWheel, source: Path
    ) -> None:
        found = published.describe(source, one.filename, one.sha256, one.requires_python)
        wanted[found.path] = found
        fresh[found.path] = source

    def _unwanted(self, plan: Plan, *, is_clean: bool) -> list[Wheel]:
        """What no lock file names and stays for now; from when on it is in no index."""
        if not is_clean:
            return list(plan.unwanted)
        now = self._tools.now()
        oldest = now - self._tools.settings.retire_days * _DAY
        dropped = [
            one if one.dropped is not None else replace(one, dropped=now) for one in plan.unwanted
        ]
        stay = [one for one in dropped if one.dropped is not None and one.dropped > oldest]
        self.result.retired = len(plan.retired)
        self.result.expired = len(dropped) - len(stay)
        return stay

    def _publish(
        self, wanted: Mapping[str, Wheel], present: Mapping[str, Wheel], fresh: dict[str, Path]
    ) -> bool:
        if wanted == present and not self._is_damaged:
            return False
        folder = folder_of(self._collection)
        if self._is_damaged:  # nothing that stands beside the files is trusted
            fresh = {path: folder / path for path in wanted} | fresh
        self.result.committed_serial = published.publish(self._collection, wanted, fresh)
        _LOG.info("%s: published %d wheels", self._name, len(wanted))
        self._tools.checkpoint()
        return True

    # -- telling ------------------------------------------------------------------------------

    def _report(self, asked: AskedWheels, failed: Mapping[WantedWheel, object]) -> None:
        for name, why in asked.refused:
            self.result.fail(name, SUBDIR, why)
        for one, reason in failed.items():
            self.result.fail(one.filename, SUBDIR, str(reason), "other")
        for note in asked.notes:
            self._warn(note)

    def _warn(self, warning: str) -> None:
        if warning not in self.result.warnings:
            self.result.warnings.append(warning)
            _LOG.debug("%s: %s", self._name, warning)  # the outcome says it
